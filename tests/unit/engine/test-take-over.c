/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An engine of another configuration takes over while steps of the one before still run. */

#include "test.h"

#include "served.h"

static struct world w;

static const char *const act = "Mode=enforce\nKillBudget=60/1h\n";

static void start(const char *rules)
{
	w_start(&w, act, rules);
}

static uint64_t take_over(void)
{
	uint64_t last = engine_last_step(w.engine);
	struct engine *engine;

	check_int(engine_new(w.config, &engine), 0);
	check_int(engine_reserve(engine, W_NODES, W_SERVICES), 0);
	engine_take_over(engine, w.engine);
	engine_free(w.engine);
	w.engine = engine;
	return last;
}

static const char *const move = "[Rule move]\nOn=node\nWhen=node.headroom < 1G\n"
				"Until=node.headroom > 2G\nStepWait=1s\nDo=migrate\n"
				"Do=kill policy\n";

TEST(a_step_of_before_is_in_the_way_until_it_has_ended)
{
	uint64_t id, last;

	start(move);
	w_service(&w, "machine.slice/db.scope", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_headroom(&w, 1, 8 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	id = w.plan.steps[0].id;
	last = take_over();

	/* Neither a second one beside it nor the kill that would come after it. */
	for (int i = 0; i < 20; i++) {
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count, 0);
	}
	w_outcome(&w, id, OUTCOME_CANCELLED);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check(w.plan.steps[0].id > last);
	w_stop(&w);
}

TEST(one_that_never_ends_is_not_waited_for)
{
	start(move);
	w_service(&w, "machine.slice/db.scope", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_headroom(&w, 1, 8 * GIB);
	w_tick(&w, 100 * MS);
	take_over();
	check(w_until_step(&w, 100 * MS, 10 * SEC) < 10 * SEC);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(nor_one_that_goes_on_for_ever)
{
	uint64_t id;

	start(move);
	w_service(&w, "machine.slice/db.scope", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_headroom(&w, 1, 8 * GIB);
	w_tick(&w, 100 * MS);
	id = w.plan.steps[0].id;
	take_over();
	w.plan.step_count = 0;
	for (int i = 0; i < 100 && w.plan.step_count == 0; i++) {
		w_outcome(&w, id, OUTCOME_RUNNING)->done_bytes = (uint64_t)i * 4096;
		w_tick(&w, 100 * MS);
	}
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

/* One destructive step at a time, also over a reload. */
TEST(a_kill_of_before_counts)
{
	static const char *const rules = "[Rule k]\nOn=host\nWhen=mem.available < 2G\n"
					 "Cooldown=1s\nDo=kill policy\n";
	usec_t kills[ENGINE_KILLS_MAX];
	uint64_t id;

	start(rules);
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 2 * GIB);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	id = w.plan.steps[0].id;
	take_over();
	check_int(engine_get_kills(w.engine, kills), 1);
	w_quiet(&w, 100 * MS, 5 * SEC);
	/* It has killed nobody: the budget has it back. */
	w_outcome(&w, id, OUTCOME_CANCELLED);
	w_tick(&w, 100 * MS);
	check_int(engine_get_kills(w.engine, kills), 0);
	check(w_until_step(&w, 100 * MS, 20 * SEC) != USEC_INFINITY);
	w_stop(&w);
}

/* Its memory is on node 0, and the list that its policy sets is in force. */
static void serve(const char *path)
{
	size_t i = w_serve(&w, path, 100 * MIB);

	idset_add(&found_nodes[i], 1);
	w_allow(&w, i, "1");
}

/* There is one of these at a time, and that one counts. */
TEST(a_move_behind_nodes_that_still_runs_is_the_only_one)
{
	uint64_t id;

	w_start_with(&w, act,
		     "[Policy web]\nMatch=system.slice/web*.service\nKill=never\nNodes=1\n", "");
	serve("system.slice/web1.service");
	serve("system.slice/web2.service");
	check(w_until_step(&w, 1 * SEC, 10 * SEC) != USEC_INFINITY);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	id = w.plan.steps[0].id;
	take_over();
	/* Neither of the same memory nor of the other's. */
	w_quiet(&w, 1 * SEC, 50 * SEC);
	w_outcome(&w, id, OUTCOME_CANCELLED);
	check(w_until_step(&w, 1 * SEC, 30 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check(w.plan.steps[0].id > id);
	w_stop(&w);
}

/* What was of no use is of no use to another generation of rules either. */
TEST(a_bar_stands)
{
	static const char *const rules = "[Rule move]\nOn=node\nWhen=node.headroom < 1G\n"
					 "Until=node.headroom > 2G\nStepWait=1s\nCooldown=1s\n"
					 "Do=migrate\n";
	uint64_t id;

	start(rules);
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_headroom(&w, 1, 8 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	id = w.plan.steps[0].id;
	w_outcome(&w, id, OUTCOME_DONE);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_NO_EFFECT), 1);
	take_over();
	w_quiet(&w, 1 * SEC, 590 * SEC);
	check(w_until_step(&w, 1 * SEC, 30 * SEC) != USEC_INFINITY);
	check(w.plan.steps[0].id > id);
	w_stop(&w);
}

/* What is done at a death is done: another configuration has no other death to go by. */
TEST(a_ladder_that_was_gone_up_once_stays_so)
{
	start("[Rule h]\nOn=host\nWhen=mem.available < 1G\nCooldown=0\nStepWait=1s\nDo=notify\n"
	      "Do=notify\n");
	w.config->rules[0].once = true;
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	/* In the middle of it: that is not done. */
	take_over();
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].ladder, 0);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].ladder, 1);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
	w_quiet(&w, 100 * MS, 5 * SEC);
	check_int(w_status(&w, "h", 0).state, RULE_EXHAUSTED);
	for (int i = 0; i < 2; i++) {
		take_over();
		w_quiet(&w, 100 * MS, 60 * SEC);
		check_int(w_status(&w, "h", 0).state, RULE_EXHAUSTED);
	}
	/* A second reload before anything was looked at. */
	take_over();
	take_over();
	w_quiet(&w, 100 * MS, 5 * SEC);

	/* It was over meanwhile, seen by nobody but the rule of after. */
	take_over();
	w_available(&w, 2 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_status(&w, "h", 0).state, RULE_IDLE);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	w_stop(&w);
}
