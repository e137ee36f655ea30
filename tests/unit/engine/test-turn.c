/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who has the turn to end somebody, and for how long. */

#include "test.h"

#include "world.h"

static struct world w;

static const char *const act = "Mode=enforce\n";

/* A unit that is stopped for one rule, and another rule that kills. */
static const char *const rules =
	"[Rule a]\nOn=host\nPriority=1\nWhen=swap.total == 0\nDo=stop-unit batch-1.service\n"
	"[Rule b]\nOn=host\nPriority=2\nWhen=mem.available < 1G\nCooldown=1s\nDo=kill policy\n";

static void empty_in(usec_t usec)
{
	w_set(w.snapshot.host.readings, METRIC_MEM_TIME_TO_EMPTY, (int64_t)usec);
}

/* It hangs from here on. */
static void begin_stop(void)
{
	w_start(&w, act, rules);
	w.snapshot.host.has_systemd = true;
	w_set(w.snapshot.host.readings, METRIC_SWAP_TOTAL, 0);
	w.services[w_service(&w, "system.slice/batch-1.service", 0, 2 * GIB)].owner = OWNER_SYSTEMD;
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_STOP_UNIT);
	check_int(w.plan.steps[0].expected_gain, 2 * GIB);
	w_available(&w, 500 * MIB);
}

static void is_kill_of_ci(void)
{
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	check_str(w.plan.steps[0].target.path, "system.slice/ci-1.service");
}

TEST(a_stop_has_its_turn)
{
	begin_stop();
	w_quiet(&w, 100 * MS, 9800 * MS);
	check(w_until_step(&w, 100 * MS, 200 * MS) != USEC_INFINITY);
	is_kill_of_ci();
	w_stop(&w);
}

TEST(one_that_hangs_keeps_no_host_that_runs_dry)
{
	begin_stop();
	empty_in(2 * SEC);
	w_quiet(&w, 100 * MS, 900 * MS);
	check_int(w_refused(&w, REFUSE_ONE_DESTRUCTIVE), 0); /* it was said once */
	w_tick(&w, 100 * MS);
	is_kill_of_ci();
	w_stop(&w);
}

TEST(a_moment_however_short_memory_is)
{
	begin_stop();
	empty_in(0);
	w_quiet(&w, 50 * MS, 50 * MS);
	w_tick(&w, 50 * MS);
	is_kill_of_ci();
	w_stop(&w);
}

TEST(one_whose_memory_is_back_is_not_waited_for)
{
	begin_stop();
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	check_int(w_refused(&w, REFUSE_ONE_DESTRUCTIVE), 1);
	/* Half of it is no reason: the rest is on its way. */
	w_resize(&w, 0, 0, 1 * GIB);
	w_quiet(&w, 100 * MS, 500 * MS);
	w_resize(&w, 0, 0, 200 * MIB);
	w_tick(&w, 100 * MS);
	is_kill_of_ci();
	w_stop(&w);
}

/* ... whatever its own rule has still to do. */
TEST(its_own_ladder_goes_past_it)
{
	w_start(&w, act,
		"[Rule a]\nOn=host\nWhen=mem.available < 1G\nCooldown=1s\nStepWait=1s\n"
		"Do=stop-unit batch-1.service\nDo=kill policy\n");
	w.snapshot.host.has_systemd = true;
	w.services[w_service(&w, "system.slice/batch-1.service", 0, 2 * GIB)].owner = OWNER_SYSTEMD;
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_STOP_UNIT);
	empty_in(4 * SEC);
	w_quiet(&w, 100 * MS, 1900 * MS);
	w_tick(&w, 100 * MS);
	is_kill_of_ci();
	/* And its end, when it comes, disturbs nothing. */
	w_quiet(&w, 100 * MS, 1 * SEC);
	w_stop(&w);
}

/* A kill is watched by who carries it out, which ends it when there is no more to wait for. */
TEST(a_kill_keeps_its_turn_to_its_end)
{
	struct step step;

	w_start(&w, act,
		"[Rule a]\nOn=host\nPriority=1\nWhen=mem.available < 1G\nDo=kill policy\n"
		"[Rule b]\nOn=host\nPriority=2\nWhen=mem.available < 1G\nDo=kill policy\n");
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	empty_in(1 * SEC);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	step = w.plan.steps[0];
	check_str(step.target.path, "system.slice/ci-1.service");
	w_resize(&w, 0, 0, 10 * MIB);
	w_quiet(&w, 100 * MS, 15 * SEC);
	w_outcome(&w, step.id, OUTCOME_DONE)->signalled = 1;
	check(w_until_step(&w, 100 * MS, 2 * SEC) != USEC_INFINITY);
	check_str(w.plan.steps[0].target.path, "system.slice/ci-2.service");
	w_stop(&w);
}

/* --- one kill, then measure ------------------------------------------------------------------- */

/* How long after the end of the first the second one dies, by the same rule. */
static usec_t next_after(int64_t felt)
{
	struct step step;
	usec_t time;

	w_start(&w, act,
		"[Rule a]\nOn=host\nWhen=mem.available < 3G\nStepWait=100ms\n"
		"Do=kill policy\nDo=kill policy\n");
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_available(&w, 1 * GIB);
	empty_in(20 * SEC);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	step = w.plan.steps[0];
	/* Meanwhile others take some. */
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	w_resize(&w, 0, 0, 0);
	w_available(&w, 500 * MIB + felt);
	w_outcome(&w, step.id, OUTCOME_DONE)->signalled = 1;
	time = w_until_step(&w, 50 * MS, 10 * SEC);
	check(time != USEC_INFINITY);
	check_str(w.plan.steps[0].target.path, "system.slice/ci-2.service");
	w_stop(&w);
	return time;
}

TEST(what_is_felt_is_measured)
{
	check_int(next_after(1 * GIB), 150 * MS);
}

TEST(what_is_not_felt_yet_is_waited_for)
{
	/* Three seconds after its end, which was told with the first tick. */
	check_int(next_after(1 * GIB - 1), 3050 * MS);
}
