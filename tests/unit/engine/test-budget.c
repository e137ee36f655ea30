/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* KillBudget=: so many in a window that slides, and then alarm only. */

#include "test.h"

#include "engine/budget.h"
#include "world.h"

static struct world w;

static const char *const rule = "[Rule h]\nOn=host\nWhen=mem.available < 1G\n"
				"Until=mem.available > 2G\nCooldown=5s\n"
				"Do=kill grace=1s\nStepWait=1s\n";

static void start(const char *agent)
{
	w_start(&w, agent, rule);
	for (int i = 0; i < 70; i++)
		w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
}

/* So many ticks of half a second; the executor kills what it is told to. Returns how many. */
static size_t run(size_t ticks)
{
	size_t kills = 0;

	while (ticks-- > 0) {
		w_tick(&w, 500 * MS);
		for (size_t s = 0; s < w.plan.step_count; s++) {
			check_int(w.plan.steps[s].action, ACTION_KILL);
			w_outcome(&w, w.plan.steps[s].id, OUTCOME_DONE)->signalled = 1;
			w.services[0] = w.services[--w.snapshot.service_count];
			kills++;
		}
	}
	return kills;
}

TEST(no_more_than_the_budget_in_any_window)
{
	start("Mode=enforce\nKillBudget=3/10min\n");
	check_int(run(1000), 3); /* 500 s */
	/* The first of them leaves the window after 600 s. */
	check_int(run(240), 3);
	check_int(run(960), 0);
	w_stop(&w);
}

TEST(spent_is_said_once_an_episode)
{
	start("Mode=enforce\nKillBudget=0/10min\n");
	size_t said = 0;

	for (int i = 0; i < 300; i++) {
		w_tick(&w, 500 * MS);
		check_int(w.plan.step_count, 0);
		said += w_refused(&w, REFUSE_BUDGET);
	}
	check_int(said, 1);
	w_stop(&w);
}

TEST(kept_over_a_restart)
{
	usec_t kills[ENGINE_KILLS_MAX];

	start("Mode=enforce\nKillBudget=3/10min\n");
	check_int(run(100), 3);
	check_int(engine_get_kills(w.engine, kills), 3);
	check(kills[0] < kills[1] && kills[1] < kills[2]);

	w.engine = engine_free(w.engine);
	check_int(engine_new(w.config, &w.engine), 0);
	check_int(engine_reserve(w.engine, W_NODES, W_SERVICES), 0);
	engine_set_kills(w.engine, kills, 3);
	check_int(run(100), 0);

	/* Times that cannot be are dropped. */
	kills[0] = w.now + 1000 * SEC;
	engine_set_kills(w.engine, kills, 3);
	w.snapshot.service_count = 0;
	w_tick(&w, 500 * MS);
	check_int(engine_get_kills(w.engine, kills), 2);
	w_stop(&w);
}

TEST(counted_when_begun_and_given_back_when_nobody_was_hit)
{
	usec_t kills[ENGINE_KILLS_MAX];

	start("Mode=enforce\nKillBudget=3/10min\n");
	w_tick(&w, 500 * MS);
	check_int(w.plan.step_count, 1);
	check_int(engine_get_kills(w.engine, kills), 1);
	check_int(kills[0], w.now);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_FAILED)->error = ESRCH;
	w_tick(&w, 500 * MS);
	check_int(engine_get_kills(w.engine, kills), 0);
	w_stop(&w);

	/* Cancelled after the signal: it counts. */
	start("Mode=enforce\nKillBudget=3/10min\n");
	w_tick(&w, 500 * MS);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_CANCELLED)->signalled = 4;
	w_available(&w, 3 * GIB);
	w_tick(&w, 500 * MS);
	check_int(engine_get_kills(w.engine, kills), 1);
	w_stop(&w);
}

TEST(a_dry_run_spends_nothing_real)
{
	usec_t kills[ENGINE_KILLS_MAX];

	start("KillBudget=1/10min\n");
	w_tick(&w, 500 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].mode, MODE_DRY_RUN);
	check_int(engine_get_kills(w.engine, kills), 0);
	w_stop(&w);
}

TEST(a_dry_run_keeps_to_its_own_count)
{
	w_start(&w, "KillBudget=1/10min\n",
		"[Rule a]\nOn=host\nPriority=1\nWhen=psi.memory.full.avg10 > 20%\nDo=kill\n"
		"[Rule b]\nOn=host\nPriority=2\nWhen=psi.memory.full.avg10 > 20%\nDo=kill\n");
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_set(w.snapshot.host.readings, METRIC_PSI_MEMORY_FULL, 5000);
	w_tick(&w, 500 * MS);
	check_int(w.plan.step_count, 1);
	size_t refused = w_refused(&w, REFUSE_BUDGET);

	for (int i = 0; i < 20; i++) {
		w_tick(&w, 500 * MS);
		check_int(w.plan.step_count, 0);
		refused += w_refused(&w, REFUSE_BUDGET);
	}
	check_int(refused, 1);
	w_stop(&w);
}

TEST(more_than_it_can_remember_is_no_licence)
{
	usec_t times[ENGINE_KILLS_MAX + 10];

	start("Mode=enforce\nKillBudget=64/10min\n");
	for (size_t i = 0; i < ENGINE_KILLS_MAX + 10; i++)
		times[i] = w.now;
	engine_set_kills(w.engine, times, ENGINE_KILLS_MAX + 10);
	check_int(run(20), 0);
	w_stop(&w);
}

TEST(the_log_slides)
{
	struct kill_log log = { 0 };

	for (usec_t t = 1; t <= 5; t++)
		budget_add(&log, t * SEC);
	budget_expire(&log, 5 * SEC, 2 * SEC);
	check_int(log.count, 2); /* 4 and 5; 3 is exactly as old as the window */
	check_int(log.times[0], 4 * SEC);
	budget_take_back(&log, 4 * SEC);
	check_int(log.count, 1);
	check_int(log.times[0], 5 * SEC);
	budget_take_back(&log, 99);
	check_int(log.count, 1);
}
