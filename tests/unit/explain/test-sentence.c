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

TEST(a_crowd_is_one_sentence_with_the_first_names)
{
	static struct service crowd[] = { { .name = "a.service", .inode = 1 },
					  { .name = "b\n.service", .inode = 2 },
					  { .name = "c.service", .inode = 3 },
					  { .name = "d.service", .inode = 4 },
					  { .name = "e.service", .inode = 5 } };
	const struct snapshot all = { .services = crowd, .service_count = 5 };
	const uint64_t services[] = { 1, 2, 3, 4, 5 };
	struct refusal_note note = { .subject = { SCOPE_HOST, 0 },
				     .service = 1,
				     .why = REFUSE_GAIN };
	char text[512];
	struct strbuf b = STRBUF(text);

	rule.name = (char *)(uintptr_t) "node-exhausted";
	explain_refusals(&config, &all, &note, services, 5, &b);
	check_str(text, "node-exhausted on host, migrate: 5 services are passed over (a.service, "
			"b\\x0a.service, c.service and 2 more), each because it would free too "
			"little");
	strbuf_reset(&b);
	explain_refusals(&config, &all, &note, services, 3, &b);
	check_contains(text,
		       "3 services are passed over (a.service, b\\x0a.service and c.service)");
	strbuf_reset(&b);
	explain_refusals(&config, &all, &note, services, 1, &b);
	check_contains(text, "migrate: a.service is passed over, it would free too little");
	strbuf_reset(&b);
	note.service = 0;
	note.why = REFUSE_NO_CANDIDATE;
	explain_refusals(&config, &all, &note, services, 0, &b);
	check_str(text, "node-exhausted on host, migrate: no policy names a candidate");
}

static struct policy web = { .name = (char *)(uintptr_t) "web" };
static const struct config held_config = { .rules = &rule,
					   .rule_count = 1,
					   .policies = { .policies = &web, .count = 1 } };
static const struct service web1 = {
	.path = "system.slice/web1.service", .name = "web1.service", .inode = 9, .policy = 0
};
static const struct snapshot with_web1 = { .services = &web1, .service_count = 1 };

static struct step high_step(size_t of_rule)
{
	return (struct step){
		.id = 8,
		.action = of_rule == RULE_NONE ? ACTION_HOLD : ACTION_LIMIT,
		.rule = of_rule,
		.subject = { SCOPE_SERVICE, 9 },
		.target = { .key = 9, .path = "system.slice/web1.service", .name = "web1.service" },
		.setting = { .on = { SETTING_MEMORY_HIGH, 9, 0 },
			     .wanted = { .number = INT64_C(2) << 30 },
			     .was = { .number = SETTING_UNLIMITED },
			     .was_known = true },
		.gain_metric = METRIC_NONE,
		.planned_at = USEC_PER_SEC,
	};
}

TEST(what_a_policy_asks_for_names_the_policy)
{
	struct step step = high_step(RULE_NONE);
	char text[512];
	struct strbuf b = STRBUF(text);

	explain_step(&held_config, &step, &b);
	check(strncmp(text, "policy web: ", 12) == 0);
	check_contains(text, "MemoryHigh of web1.service");
	check_contains(text, "2 GiB");
	/* Of another configuration than it was made for. */
	strbuf_reset(&b);
	step.target.policy = 3;
	explain_step(&held_config, &step, &b);
	check(strncmp(text, "a policy: ", 10) == 0);
}

TEST(an_undo_says_what_goes_back_to_what)
{
	struct step step = high_step(0);
	struct outcome outcome = { .step = 8, .state = OUTCOME_DONE, .is_undo = true };
	char text[512];
	struct strbuf b = STRBUF(text);

	rule.name = (char *)(uintptr_t) "runaway";
	step.order = STEP_UNDO;
	explain_step(&held_config, &step, &b);
	check_str(text, "runaway: undo: MemoryHigh of web1.service back to infinity");
	strbuf_reset(&b);
	step.setting.was_known = false;
	explain_step(&held_config, &step, &b);
	check_str(text, "runaway: undo: MemoryHigh of web1.service");

	/* What it is then need not be what it was: others ask too. */
	strbuf_reset(&b);
	outcome.in_force.number = INT64_C(3) << 30;
	outcome.in_force_known = true;
	explain_outcome(&step, &outcome, &b);
	check_str(text, "undo: MemoryHigh of web1.service: done, in force is 3 GiB");
	strbuf_reset(&b);
	strcpy(outcome.reason, "MemoryHigh is 3 GiB again");
	explain_outcome(&step, &outcome, &b);
	check_str(text, "undo: MemoryHigh of web1.service: done, MemoryHigh is 3 GiB again");

	step.action = ACTION_SYSCTL;
	step.setting.on = (struct setting_target){ SETTING_SWAPPINESS, 0, 0 };
	step.setting.was_known = true;
	step.setting.was.number = 60;
	strbuf_reset(&b);
	explain_step(&held_config, &step, &b);
	check_str(text, "runaway: undo: vm.swappiness back to 60");
}

TEST(what_came_of_a_setting_is_told_where_it_is_another)
{
	struct step step = high_step(0);
	struct outcome outcome = { .step = 8, .state = OUTCOME_DONE, .in_force_known = true };
	char text[512];
	struct strbuf b = STRBUF(text);

	outcome.in_force = step.setting.wanted;
	explain_outcome(&step, &outcome, &b);
	check(!strstr(text, "in force"));
	strbuf_reset(&b);
	outcome.in_force.number = INT64_C(1) << 30;
	explain_outcome(&step, &outcome, &b);
	check_contains(text, ": done, in force is 1 GiB");
}

TEST(a_policy_is_refused_by_setting)
{
	struct refusal_note note = { .rule = RULE_NONE,
				     .ladder = SETTING_MEMORY_MAX,
				     .subject = { SCOPE_SERVICE, 9 },
				     .service = 9,
				     .why = REFUSE_PROTECTED };
	char text[256];
	struct strbuf b = STRBUF(text);

	explain_refusal(&held_config, &with_web1, &note, &b);
	check_str(text, "policy web on web1.service, MemoryMax: it is protected");
	strbuf_reset(&b);
	note.ladder = SETTING_ALLOWED_NODES;
	note.is_of_move = true;
	note.why = REFUSE_NO_ROOM;
	explain_refusal(&held_config, &with_web1, &note, &b);
	check_str(text, "policy web on web1.service, memory outside of its Nodes=: no node that it "
			"may use has room for it");
}

TEST(what_follows_a_policy_says_what_it_follows)
{
	struct step step = {
		.id = 8,
		.action = ACTION_MIGRATE,
		.rule = RULE_NONE,
		.subject = { SCOPE_NODE, 0 },
		.target = { .key = 9, .path = "system.slice/web1.service", .name = "web1.service" },
		.migrate = { .to_node = 1, .bytes = UINT64_C(412) << 20, .cause = MOVE_TO_FOLLOW },
	};
	struct outcome outcome = { .step = 8,
				   .state = OUTCOME_DONE,
				   .reason = "400 MiB moved, 12 MiB pinned" };
	char text[512];
	struct strbuf b = STRBUF(text);

	explain_step(&held_config, &step, &b);
	check_str(text, "policy web: migrate 412 MiB of web1.service from node 0 to node 1 "
			"(its Nodes= were set while it ran)");
	strbuf_reset(&b);
	explain_outcome(&step, &outcome, &b);
	check_str(text,
		  "migrate 412 MiB of web1.service from node 0 to node 1 (its Nodes= were set "
		  "while it ran): done, 400 MiB moved, 12 MiB pinned");
}

TEST(each_cause_of_a_move_is_told)
{
	static const struct {
		enum move_cause cause;
		const char *told;
	} cases[] = {
		{ MOVE_FOR_RELIEF, "to node 1" },
		{ MOVE_TO_FOLLOW, "to node 1 (its Nodes= were set while it ran)" },
		{ MOVE_TO_GATHER, "to node 1 (its home; it is spread)" },
		{ MOVE_TO_GO_HOME, "to node 1 (home, where relief had moved it from)" },
	};
	struct step step = {
		.action = ACTION_MIGRATE,
		.rule = RULE_NONE,
		.target = { .key = 9, .name = "web1.service" },
	};
	char text[512], expected[512];
	struct strbuf b = STRBUF(text);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		step.migrate = (struct step_migrate){ .to_node = 1,
						      .bytes = UINT64_C(1) << 30,
						      .cause = cases[i].cause };
		strbuf_reset(&b);
		explain_step(&held_config, &step, &b);
		snprintf(expected, sizeof(expected),
			 "policy web: migrate 1 GiB of web1.service from node 0 %s", cases[i].told);
		check_str(text, expected);
	}
}

TEST(memory_that_stays_away_is_told_by_what_would_move_it)
{
	static const struct {
		enum nodes_mode nodes;
		enum scope scope;
		const char *told;
	} cases[] = {
		{ NODES_LIST, SCOPE_SERVICE,
		  "policy web on web1.service, memory outside of its Nodes=: " },
		{ NODES_HOME, SCOPE_SERVICE,
		  "policy web on web1.service, memory away from its home: " },
		{ NODES_RELIEVE, SCOPE_SERVICE,
		  "policy web on web1.service, memory that relief has moved away: " },
		{ NODES_HOME, SCOPE_HOST, "policies on host, memory away from its home: " },
	};
	char text[512], expected[512];
	struct strbuf b = STRBUF(text);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct refusal_note note = { .rule = RULE_NONE,
					     .ladder = SETTING_ALLOWED_NODES,
					     .is_of_move = true,
					     .subject = { cases[i].scope, 9 },
					     .why = REFUSE_BALANCING };

		web.nodes = cases[i].nodes;
		strbuf_reset(&b);
		explain_refusal(&held_config, &with_web1, &note, &b);
		snprintf(expected, sizeof(expected), "%s%s", cases[i].told,
			 refusal_text(REFUSE_BALANCING));
		check_str(text, expected);
	}
	web.nodes = NODES_KEEP;
}

TEST(foreign_and_ineffective_values_are_told_with_both)
{
	struct note note = { .kind = NOTE_FOREIGN,
			     .rule = RULE_NONE,
			     .subject = { SCOPE_SERVICE, 9 },
			     .expected = INT64_C(2) << 30,
			     .gained = SETTING_UNLIMITED,
			     .setting = SETTING_MEMORY_HIGH };
	char text[512];
	struct strbuf b = STRBUF(text);

	explain_note(&held_config, &with_web1, &note, &b);
	check_contains(text, "policy web on web1.service: MemoryHigh is infinity, not 2 GiB: "
			     "somebody else has set it");
	strbuf_reset(&b);
	note.kind = NOTE_INEFFECTIVE;
	note.why = "for this reason";
	explain_note(&held_config, &with_web1, &note, &b);
	check_str(text, "policy web on web1.service: MemoryHigh=2 GiB is not in force: for this "
			"reason");
	strbuf_reset(&b);
	note.setting = SETTING_ALLOWED_NODES;
	explain_note(&held_config, &with_web1, &note, &b);
	check_str(text, "policy web on web1.service: AllowedMemoryNodes is not in force: for this "
			"reason");
}
