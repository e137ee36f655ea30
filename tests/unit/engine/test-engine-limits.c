/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One more than there is room for, of each thing that the engine has room for so many of. */

#include "test.h"

#include "world.h"

#include "engine/state.h"

#include <errno.h>

static struct world w;

static const char *const act = "Mode=enforce\nEnforceActions=\nKillBudget=60/1h\n";
static const char *const dry = "Mode=dry-run\n";

static const char *const each = "[Rule each]\nOn=service\nPolicies=web\n"
				"When=service.current > 1G\nUntil=service.current < 512M\n"
				"Do=notify\n"
				"[Rule empty]\nOn=host\nWhen=mem.available < 1G\nDo=kill policy\n";

static void serve(int count)
{
	for (int i = 0; i < count; i++) {
		char name[48];

		snprintf(name, sizeof(name), "system.slice/web-%d.service", i);
		w_service(&w, name, 0, 2 * GIB);
	}
}

/* Steps that were started in so many ticks. */
static size_t run(int ticks)
{
	size_t started = 0;

	for (int t = 0; t < ticks; t++) {
		w_tick(&w, 100 * MS);
		for (size_t i = 0; i < w.plan.step_count; i++)
			started += w.plan.steps[i].order == STEP_START;
	}
	return started;
}

static size_t run_and_refuse(int ticks, enum refusal why)
{
	size_t refused = 0;

	for (int t = 0; t < ticks; t++) {
		w_tick(&w, 100 * MS);
		refused += w_refused(&w, why);
	}
	return refused;
}

/* --- steps that run */

TEST(steps_that_last_keep_no_host_from_its_last_resort)
{
	w_start(&w, act, each);
	serve(FLIGHTS_MAX + 2);
	w_service(&w, "system.slice/ci-1.service", 0, 3 * GIB);
	/* Nobody hears of their end. */
	check_int(run(10), FLIGHTS_MAX - FLIGHTS_LAST);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check(w_find(&w, ACTION_KILL, STEP_START));
	w_stop(&w);
}

TEST(one_step_more_than_may_run_is_refused_and_comes_when_another_ends)
{
	uint64_t first;

	w_start(&w, act, each);
	serve(FLIGHTS_MAX - FLIGHTS_LAST + 1);
	w_tick(&w, 100 * MS);
	first = w.plan.steps[0].id;
	check_int(w.plan.step_count, PLAN_STEPS_MAX);
	check(run(1) > 0);
	/* That was said by then, of those for whom it is no news. */
	check_int(run(5), 0);
	w_outcome(&w, first, OUTCOME_DONE);
	check_int(run(30), 1);
	w_stop(&w);
}

/* --- what a dry run has said */

TEST(one_more_that_a_dry_run_would_say_is_refused_once_and_said_when_another_clears)
{
	size_t said = 0, refused = 0;

	w_start(&w, dry, each);
	serve(CREDITS_MAX + 1);
	for (int t = 0; t < 20; t++) {
		said += run(1);
		if (t >= 5)
			refused += w_refused(&w, REFUSE_PLAN_FULL);
	}
	check_int(said, CREDITS_MAX);
	check_int(refused, 0);
	w_resize(&w, 0, 0, 1 * MIB);
	check_int(run(30), 1);
	w_stop(&w);
}

/* --- what was refused and said */

static const char *const stuck = "[Rule stuck]\nOn=node\nWhen=node.headroom < 1G\n"
				 "Do=migrate bytes=1G\nCooldown=1s\n";

TEST(one_more_refusal_than_can_be_remembered_is_counted)
{
	size_t counted = 0;

	w_start(&w, act, stuck);
	w_service(&w, "system.slice/ci-1.service", 0, 3 * GIB);
	w_headroom(&w, 0, 500 * MIB);
	check(run_and_refuse(1, REFUSE_POLICY_KEEP) + w_refused(&w, REFUSE_NO_CANDIDATE) > 0);
	w_stop(&w);

	w_start(&w, act, stuck);
	w_service(&w, "system.slice/ci-1.service", 0, 3 * GIB);
	w_headroom(&w, 0, 500 * MIB);
	for (size_t i = 0; i < SAID_MAX; i++)
		w.engine->said[i] = (struct said){ .used = true, .rule = 99, .slot = 99 };
	w_tick(&w, 100 * MS);
	check_int(w.plan.refusal_count, 0);
	counted = w.plan.refusals_dropped;
	check(counted > 0);
	/* And no more of them the next time. */
	w_tick(&w, 2 * SEC);
	check(w.plan.refusals_dropped <= counted);
	w_stop(&w);
}

/* Who is busy is waited for, however many others there is something to be said of before. */
static void check_waits_beside(int crowd)
{
	static struct service_settings found = { .score_known = true };
	size_t busy;

	w_start(&w, act,
		"[Rule mark]\nOn=service\nWhen=service.current > 5G\n"
		"Do=oom-score subject adjust=500\n"
		"[Rule late]\nOn=host\nWhen=mem.available < 2G\nStepWait=1s\n"
		"Do=oom-score candidates adjust=300\nDo=kill policy\n");
	for (int i = 0; i < crowd; i++) {
		char name[48];

		snprintf(name, sizeof(name), "system.slice/ci-%d.service", i);
		w.services[w_service(&w, name, 0, 1 * GIB)].owner = OWNER_OTHER;
	}
	busy = w_service(&w, "system.slice/batch-1.service", 0, 6 * GIB);
	w.services[busy].owner = OWNER_NOBODY;
	w.services[busy].settings = &found;
	w_tick(&w, 100 * MS);
	check(w_find(&w, ACTION_OOM_SCORE, STEP_START));
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_refused(&w, REFUSE_NOT_OURS), MIN_OF(crowd, PLAN_REFUSALS_MAX));
	check_int(w.plan.step_count, 0);
	w_quiet(&w, 100 * MS, 2 * SEC);
	w_stop(&w);
}

TEST(one_that_is_busy_is_waited_for_in_a_crowd)
{
	check_waits_beside(10);
	check_waits_beside(PLAN_REFUSALS_MAX + 6);
}

/* --- what rules have set */

static const char *const tight = "[Rule tight]\nOn=host\nWhen=mem.available < 2G\n"
				 "Until=mem.available > 4G\nCooldown=1s\n"
				 "Do=sysctl vm.swappiness value=10\n";

TEST(one_setting_more_than_rules_may_have_is_refused_and_made_when_there_is_room)
{
	w_start(&w, act, tight);
	w.snapshot.host.sysctls[SETTING_SWAPPINESS - SETTING_DIRTY] = reading_of(60);
	for (size_t i = 0; i < CLAIMS_MAX; i++)
		w.engine->claims[i] = (struct claim){ .state = CLAIM_HELD,
						      .had = true,
						      .slot = 99,
						      .on = { .id = SETTING_DIRTY, .key = i } };
	w.engine->claim_end = CLAIMS_MAX;
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	check_int(w_refused(&w, REFUSE_PLAN_FULL), 1);
	/* Once. */
	check_int(run_and_refuse(20, REFUSE_PLAN_FULL), 0);
	w.engine->claims[7].state = CLAIM_FREE;
	check_int(run(50), 1);
	w_stop(&w);
}

/* --- nodes that go */

static const char *const relief = "[Rule n]\nOn=node\nWhen=node.headroom < 1G\n"
				  "Until=node.headroom > 2G\n"
				  "Do=migrate bytes=until-clear to=roomiest\n";

static void start_relief(unsigned from)
{
	w_start(&w, act, relief);
	w_service(&w, "machine.slice/db.scope", from, 4 * GIB);
	w_headroom(&w, from, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].migrate.from_node, from);
}

TEST(a_move_to_a_node_that_goes_ends_by_its_outcome)
{
	uint64_t id;

	start_relief(0);
	id = w.plan.steps[0].id;
	w.snapshot.node_count = 1;
	w.snapshot.roll++;
	check_int(run(20), 0);
	w_outcome(&w, id, OUTCOME_FAILED)->error = ENODEV;
	/* There is nowhere else to go. */
	check_int(run(50), 0);
	check_int(w.engine->flight_end, 0);
	w_stop(&w);
}

TEST(a_move_off_a_node_that_goes_is_called_off)
{
	bool cancelled = false;

	start_relief(1);
	w.snapshot.node_count = 1;
	w.snapshot.roll++;
	for (int t = 0; t < 20; t++) {
		w_tick(&w, 100 * MS);
		cancelled |= w_find(&w, ACTION_MIGRATE, STEP_CANCEL) != NULL;
	}
	check(cancelled);
	w_stop(&w);
}

/* --- what was in vain */

TEST(one_bar_more_takes_the_place_of_the_one_that_ends_first)
{
	w_start(&w, act, stuck);
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	for (size_t i = 0; i < BARS_MAX; i++)
		w.engine->bars[i] = (struct bar){ .used = true,
						  .has_service = true,
						  .action = ACTION_MIGRATE,
						  .key = 10000 + i,
						  .until = w.now + 100 * SEC - i };
	w.engine->bar_end = BARS_MAX;
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
	run(20);
	check_int(w.engine->bar_end, BARS_MAX);
	check_int(w.engine->bars[BARS_MAX - 1].key, service_key(&w.services[0]));
	for (size_t i = 0; i < BARS_MAX - 1; i++)
		check_int(w.engine->bars[i].key, 10000 + i);
	w_stop(&w);
}
