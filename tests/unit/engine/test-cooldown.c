/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A cooldown keeps what lags behind from ending somebody for nothing, and no more than that. */

#include "test.h"

#include "world.h"

static struct world w;

static const char *const rule = "[Rule h]\nOn=host\nWhen=mem.available < 1G\nFor=100ms\n"
				"Cooldown=10s\nStepWait=1s\nDo=kill policy\nDo=notify\n";

static void set_time_to_empty(struct reading left)
{
	w.snapshot.host.readings[metric_index(METRIC_MEM_TIME_TO_EMPTY)] = left;
}

/* One was ended, has given back what it had, and the rule has cleared. */
static void end_one(const char *agent)
{
	w_start(&w, agent, rule);
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	if (w.plan.steps[0].mode == MODE_ENFORCE)
		w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE)->signalled = 1;
	w_resize(&w, 0, 0, 0);
	w_available(&w, 2500 * MIB);
	set_time_to_empty(READING_NONE);
	w_quiet(&w, 100 * MS, 1500 * MS);
}

TEST(what_was_freed_is_going_as_well)
{
	end_one("Mode=enforce\n");
	w_available(&w, 900 * MIB);
	set_time_to_empty(reading_of(2 * (int64_t)SEC));
	check(w_until_step(&w, 100 * MS, 1 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	check_int(w.plan.steps[0].target.key, 101);
	w_stop(&w);
}

TEST(slower_than_the_cooldown_it_waits)
{
	end_one("Mode=enforce\n");
	w_available(&w, 900 * MIB);
	set_time_to_empty(reading_of(20 * (int64_t)SEC));
	w_quiet(&w, 100 * MS, 6 * SEC);
	set_time_to_empty(READING_FOREVER);
	w_quiet(&w, 100 * MS, 1 * SEC);
	set_time_to_empty(READING_NONE);
	w_quiet(&w, 100 * MS, 1 * SEC);
	check(w_until_step(&w, 100 * MS, 3 * SEC) != USEC_INFINITY);
	w_stop(&w);
}

TEST(a_dry_run_has_freed_nothing)
{
	end_one("Mode=dry-run\n");
	w_available(&w, 900 * MIB);
	set_time_to_empty(reading_of(1 * (int64_t)SEC));
	w_quiet(&w, 100 * MS, 5 * SEC);
	w_stop(&w);
}

/* Nobody is left who could be ended: that is said in each cooldown once. */
TEST(who_finds_nobody_waits_all_of_it)
{
	size_t said = 0;

	end_one("Mode=enforce\n");
	w.snapshot.service_count = 0;
	w_available(&w, 900 * MIB);
	set_time_to_empty(reading_of(1 * (int64_t)SEC));
	for (int i = 0; i < 80; i++)
		said += w_tick(&w, 100 * MS)->step_count;
	check(said <= 1);
	w_stop(&w);
}
