/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "canary-status.h"

#include "act/action.h"
#include "explain/canary_story.h"
#include "explain/sentence.h"
#include "util/macro.h"

#define MIB (INT64_C(1) << 20)

static struct config config;
static struct node nodes[1];
static struct canary_status canary;
static struct snapshot snapshot;

static void set(enum metric_id id, int64_t value)
{
	canary_set(&canary, id, value);
}

static void set_up(void)
{
	canary =
		canary_made(7, "early:node0", "oomwarden-canary-early:node0.service", 0, 256 * MIB);
	snapshot = (struct snapshot){
		.nodes = nodes, .node_count = 1, .canaries = &canary, .canary_count = 1
	};
}

static void check_state(uint64_t deaths, enum canary_state want, const char *name,
			const char *story)
{
	enum canary_state state = canary_state_of(&snapshot, &canary, deaths);
	char text[256];
	struct strbuf b = STRBUF(text);

	check_int(state, want);
	check_str(canary_state_name(state), name);
	canary_story_text(&snapshot, &canary, deaths, &b);
	check_str(text, story);
}

TEST(states_follow_what_is_held)
{
	set_up();
	check_state(0, CANARY_UNARMED, "not armed",
		    "canary early:node0 is to hold 256 MiB: not armed");
	check_state(2, CANARY_DEAD, "dead", "canary early:node0 is to hold 256 MiB: dead");
	set(METRIC_CANARY_DEAD, 1);
	check_state(0, CANARY_DEAD, "dead", "canary early:node0 is to hold 256 MiB: dead");
	canary.service = 5;
	set(METRIC_CANARY_HELD, 100 * MIB);
	check_state(2, CANARY_COMING, "being armed",
		    "canary early:node0 is to hold 256 MiB: being armed");
	set(METRIC_CANARY_HELD, 240 * MIB);
	check_state(2, CANARY_ARMED, "armed",
		    "canary early:node0 holds 240 MiB, free as soon as it is killed");
	canary.node = 3;
	check_state(0, CANARY_HOMELESS, "no such node",
		    "canary early:node0 is to hold 256 MiB: no such node");
}

TEST(one_that_may_be_anywhere_is_on_no_node)
{
	set_up();
	check(canary_is_on(&canary, 0));
	check(!canary_is_on(&canary, 1));
	canary.has_node = false;
	check(!canary_is_on(&canary, 0));
}

static struct step arm_step(enum step_order order)
{
	struct step step = { .id = 3,
			     .order = order,
			     .action = ACTION_ARM,
			     .rule = RULE_NONE,
			     .owner = "early",
			     .subject = { SCOPE_CANARY, 7 },
			     .target = { .policy = -1, .name = "early:node0" },
			     .arm = { .unit = "oomwarden-canary-early:node0.service",
				      .bytes = UINT64_C(256) << 20,
				      .has_node = true },
			     .gain_metric = METRIC_NONE };

	return step;
}

TEST(its_steps_are_told)
{
	struct step step = arm_step(STEP_START);
	struct outcome outcome = {
		.step = 3, .state = OUTCOME_FAILED, .error = ENOMEM, .reason = "it is not resident"
	};
	char text[512];
	struct strbuf b = STRBUF(text);

	set_up();
	explain_step(&config, &step, &b);
	check_str(text, "canaries: have canary early:node0 hold 256 MiB on node 0");
	strbuf_reset(&b);
	explain_outcome(&step, &outcome, &b);
	check_contains(text, "have canary early:node0 hold 256 MiB on node 0: failed, it is not "
			     "resident");
	step = arm_step(STEP_UNDO);
	strbuf_reset(&b);
	explain_step(&config, &step, &b);
	check_str(text, "canaries: end canary early:node0");
}

TEST(why_it_is_not_armed_is_told)
{
	const struct refusal_note note = { .rule = RULE_NONE,
					   .subject = { SCOPE_CANARY, 7 },
					   .why = REFUSE_CANARY_ROOM };
	char text[512];
	struct strbuf b = STRBUF(text);

	set_up();
	explain_refusal(&config, &snapshot, &note, &b);
	check_str(text,
		  "canary early:node0 is not armed: what it is to hold would leave too little");
}

TEST(a_roused_rule_is_named)
{
	char name[] = "node-short";
	struct rule rules[1] = { { .name = name } };
	const struct config with_rules = { .rules = rules, .rule_count = 1 };
	struct refusal_note note = { .rule = RULE_NONE,
				     .subject = { SCOPE_CANARY, 7 },
				     .why = REFUSE_ROUSED };
	char text[512];
	struct strbuf b = STRBUF(text);

	set_up();
	explain_refusal(&with_rules, &snapshot, &note, &b);
	check_str(text, "canary early:node0 is not armed: a rule about its place is roused: "
			"node-short");
	/* It may be nobody's rule, but an end that is under way. */
	note.cause = RULE_NONE;
	strbuf_reset(&b);
	explain_refusal(&with_rules, &snapshot, &note, &b);
	check_str(text, "canary early:node0 is not armed: a rule about its place is roused");
}

TEST(what_it_waits_for_is_told)
{
	static const struct {
		struct canary_plight plight;
		const char *words;
		const char *text;
	} cases[] = {
		{ { CANARY_WAITS_NOT, 0 }, "old", "" },
		{ { CANARY_REHEARSED, 0 }, NULL, "a dry run or a pause holds it back" },
		{ { CANARY_REFUSED, REFUSE_NO_NODE },
		  NULL,
		  "there is no such node with memory here" },
		/* Of another version. */
		{ { CANARY_REFUSED, 9999 }, NULL, "" },
		{ { CANARY_FAILED, 0 }, NULL, "the last try failed" },
		{ { CANARY_FAILED, 0 }, "no\nroom", "the last try failed: no\\x0aroom" },
		{ { CANARY_ROUSED, 0 }, NULL, "a rule about its place is roused" },
		{ { CANARY_RESTS, 0 }, NULL, "its place has not been calm for long enough" },
		{ { 77, 0 }, NULL, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[256];
		struct strbuf b = STRBUF(text);

		canary_story_wait(cases[i].plight, cases[i].words, &b);
		check_str(text, cases[i].text);
	}
}

TEST(without_systemd_its_writes_are_its_groups)
{
	struct step step = arm_step(STEP_START);
	char text[512];
	struct strbuf b = STRBUF(text);

	actions[ACTION_ARM].writes(&step, &b);
	check_str(text, "StartTransientUnit oomwarden-canary-early:node0.service on node 0");
	step.arm.is_group = true;
	strbuf_reset(&b);
	actions[ACTION_ARM].writes(&step, &b);
	check_str(text, "make oomwarden-canaries/oomwarden-canary-early:node0.service and run "
			"oomwarden-canary in it on node 0");
	strcpy(step.arm.slice, "web-shop.slice");
	step.order = STEP_UNDO;
	strbuf_reset(&b);
	actions[ACTION_ARM].writes(&step, &b);
	check_str(text, "kill and remove web.slice/web-shop.slice/"
			"oomwarden-canary-early:node0.service");
}

TEST(its_death_is_told_with_who_did_it)
{
	struct note note = { .kind = NOTE_CANARY_DIED,
			     .rule = RULE_NONE,
			     .subject = { SCOPE_CANARY, 7 },
			     .policy = -1,
			     .expected = 256 * MIB,
			     .by_kernel = true };
	char text[512];
	struct strbuf b = STRBUF(text);

	set_up();
	explain_note(&config, &snapshot, &note, &b);
	check_str(text, "canary early:node0, which held 256 MiB, is dead: the kernel's OOM killer "
			"took it before a rule did");
	note.by_kernel = false;
	strbuf_reset(&b);
	explain_note(&config, &snapshot, &note, &b);
	check_str(text, "canary early:node0, which held 256 MiB, is dead: it ended, and no rule "
			"has done it");
}
