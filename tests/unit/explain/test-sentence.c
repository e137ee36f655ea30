/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/sentence.h"

static struct action_call ladder[] = { { .action = ACTION_MIGRATE, .text = NULL } };
static struct rule rule = { .ladder = ladder, .ladder_count = 1 };
static struct config config = { .rules = &rule, .rule_count = 1 };

static struct step migrate_step(void)
{
	struct step step = {
		.id = 7,
		.action = ACTION_MIGRATE,
		.subject = { SCOPE_NODE, 0 },
		.target = { .key = 5, .path = "machine.slice/x.scope", .name = "alpha" },
		.migrate = { .from_node = 0, .to_node = 1, .bytes = UINT64_C(320) << 20 },
		.gain_metric = METRIC_NODE_HEADROOM,
		.expected_gain = INT64_C(320) << 20,
		.evidence = { { .metric = METRIC_NODE_HEADROOM,
				.comparison = "<",
				.value = { INT64_C(35) << 20, READING_KNOWN },
				.threshold = { INT64_C(38) << 20, READING_KNOWN },
				.since_usec = 500 * USEC_PER_MSEC } },
		.evidence_count = 1,
		.planned_at = USEC_PER_SEC,
	};

	rule.name = (char *)(uintptr_t) "node-exhausted";
	return step;
}

TEST(a_step_names_rule_act_and_evidence)
{
	struct step step = migrate_step();
	char text[512];
	struct strbuf b = STRBUF(text);

	explain_step(&config, &step, &b);
	check_contains(text, "node-exhausted: ");
	check_contains(text, "320 MiB");
	check_contains(text, "alpha");
	check_contains(text, "from node 0 to node 1");
	check_contains(text, "(node.headroom 35 MiB < 38 MiB for 500ms)");
}

TEST(a_common_time_is_said_once)
{
	struct step step = migrate_step();
	char text[512];
	struct strbuf b = STRBUF(text);

	step.evidence[1] = step.evidence[0];
	step.evidence_count = 2;
	explain_evidence(&step, &b);
	check_str(text, "node.headroom 35 MiB < 38 MiB, node.headroom 35 MiB < 38 MiB for 500ms");
	strbuf_reset(&b);
	step.evidence[1].since_usec = 2 * USEC_PER_SEC;
	explain_evidence(&step, &b);
	check_str(text,
		  "node.headroom 35 MiB < 38 MiB for 500ms, node.headroom 35 MiB < 38 MiB for 2s");
}

TEST(hostile_names_stay_on_one_line)
{
	struct step step = migrate_step();
	char text[512];
	struct strbuf b = STRBUF(text);

	strcpy(step.target.name, "x\nMESSAGE=forged\x1b[31m\xff");
	explain_step(&config, &step, &b);
	check(!strchr(text, '\n'));
	check(!strchr(text, '\x1b'));
	check(!strchr(text, '\xff'));
}

TEST(an_outcome_says_how_it_ended)
{
	struct step step = migrate_step();
	struct outcome outcome = {
		.step = 7,
		.state = OUTCOME_FAILED,
		.error = ENOMEM,
		.reason = "node 1 is full",
		.at_usec = 3 * USEC_PER_SEC,
	};
	char text[512];
	struct strbuf b = STRBUF(text);

	explain_outcome(&step, &outcome, &b);
	check_contains(text, ": failed, node 1 is full (Cannot allocate memory), after 2s");
}

TEST(page_accounts_in_bytes)
{
	struct page_accounts pages = { .moved = 256, .pinned = 1 };
	char text[128];
	struct strbuf b = STRBUF(text);

	explain_pages(&pages, 4096, &b);
	check_str(text, "moved 1 MiB, pinned 4 KiB");
	strbuf_reset(&b);
	explain_pages(&(struct page_accounts){ 0 }, 4096, &b);
	check_str(text, "no page looked at");
}

TEST(a_refusal_names_who_and_why)
{
	struct service service = { .path = "machine.slice/b.scope", .name = "beta", .inode = 9 };
	struct snapshot snapshot = { .services = &service, .service_count = 1 };
	struct refusal_note note = { .subject = { SCOPE_NODE, 0 },
				     .service = 9,
				     .why = REFUSE_CONFINED };
	char text[256];
	struct strbuf b = STRBUF(text);

	rule.name = (char *)(uintptr_t) "node-exhausted";
	explain_refusal(&config, &snapshot, &note, &b);
	check_str(text,
		  "node-exhausted on node 0, migrate: beta is passed over, it may not live on "
		  "any other node");
}

TEST(neighbours_that_move_memory_are_named)
{
	struct host host = { 0 };
	const char *lines[NEIGHBOURS_MAX];

	check_int(explain_neighbours(&host, lines), 0);
	host.numad_running = true;
	check_int(explain_neighbours(&host, lines), 1);
	check_contains(lines[0], "numad");
	host.numa_balancing = true;
	check_int(explain_neighbours(&host, lines), 2);
	check_contains(lines[0], "kernel.numa_balancing");
}
