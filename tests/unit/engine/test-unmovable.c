/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory that did not move when that was tried is left alone until something has changed. */

#include "test.h"

#include "world.h"

#include <errno.h>

static struct world w;

static const char *const act = "Mode=enforce\nEnforceActions=\nKillBudget=60/1h\n";

static const char *const rule = "[Rule n]\nOn=node\nWhen=node.headroom < 1G\n"
				"Until=node.headroom > 2G\nCooldown=0\n"
				"Do=migrate bytes=1G\nStepWait=1s\n";

static struct process processes[3];
static struct step move;

static void start(void)
{
	w_start(&w, act, rule);
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	memset(processes, 0, sizeof(processes));
	for (size_t i = 0; i < 3; i++)
		processes[i] = (struct process){ .pid = 500 + (pid_t)i,
						 .start_ticks = 70,
						 .rss_bytes = (uint64_t)(3 - (int)i) * GIB };
	w.services[0].process_count = 3;
	w.snapshot.processes = processes;
	w.snapshot.process_count = 3;
	w.snapshot.host.pinned = reading_of(4 * GIB);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	move = w.plan.steps[0];
}

/* It ends with so much moved, and the rest held in place. */
static void end_move(enum outcome_state state, struct page_accounts pages)
{
	struct outcome *o = w_outcome(&w, move.id, state);

	o->pages = pages;
	o->done_bytes = pages.moved * 4096;
	o->error = state == OUTCOME_FAILED ? EBUSY : 0;
	w_resize(&w, 0, 0, 4 * GIB - (int64_t)o->done_bytes);
	w_set(w.services[0].readings, METRIC_SERVICE_CURRENT, 4 * GIB);
	w_tick(&w, 500 * MS);
}

static void start_pinned(void)
{
	start();
	end_move(OUTCOME_FAILED, (struct page_accounts){ .pinned = 4096 });
}

/* Is it tried again within a minute? */
static bool is_tried(void)
{
	return w_until_step(&w, 1 * SEC, 60 * SEC) != USEC_INFINITY;
}

TEST(what_is_pinned_is_left_for_an_hour)
{
	usec_t took;

	start_pinned();
	took = w_until_step(&w, 1 * SEC, 7200 * SEC);
	check(took >= 3599 * SEC && took <= 3602 * SEC);
	check_int(w.plan.steps[0].target.key, 100);
	w_stop(&w);
}

TEST(why_is_said)
{
	start();
	end_move(OUTCOME_FAILED, (struct page_accounts){ .pinned = 4096 });
	for (int i = 0; i < 50 && w_refused(&w, REFUSE_UNMOVABLE) == 0; i++)
		w_tick(&w, 100 * MS);
	check_int(w_refused(&w, REFUSE_UNMOVABLE), 1);
	check_int(w_refused(&w, REFUSE_BARRED), 0);
	w_stop(&w);
}

TEST(which_accounts_say_so)
{
	static const struct {
		struct page_accounts pages;
		bool is_unmovable;
	} cases[] = {
		{ { .pinned = 1 }, true },
		{ { .shared = 4096 }, true },
		{ { .refused = 4096 }, true },
		{ { .pinned = 300, .shared = 300, .busy = 500 }, true },
		{ { .moved = 30000, .pinned = 40000 }, true },
		{ { .moved = 40000, .pinned = 30000 }, false },
		/* What others share may be tried with a part that they do not. */
		{ { .moved = 30000, .shared = 400000 }, false },
		{ { .busy = 4096, .pinned = 4000 }, false },
		{ { .not_tried = 4096 }, false },
		{ { .already_there = 4096 }, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start();
		end_move(cases[i].pages.moved ? OUTCOME_DONE : OUTCOME_FAILED, cases[i].pages);
		check_int(w_until_step(&w, 1 * SEC, 700 * SEC) == USEC_INFINITY,
			  cases[i].is_unmovable);
		w_stop(&w);
	}
}

TEST(another_size_is_another_case)
{
	start_pinned();
	w_set(w.services[0].readings, METRIC_SERVICE_CURRENT, 4 * GIB - 700 * MIB);
	check(!is_tried());
	w_set(w.services[0].readings, METRIC_SERVICE_CURRENT, 4 * GIB - 900 * MIB);
	check(is_tried());
	w_stop(&w);
}

TEST(a_device_that_is_taken_away_changes_it)
{
	start();
	w.services[0].hold = HOLD_PINNED;
	end_move(OUTCOME_FAILED, (struct page_accounts){ .pinned = 4096 });
	check(!is_tried());
	w.services[0].hold = HOLD_NONE;
	check(is_tried());
	w_stop(&w);
}

TEST(another_process_changes_it)
{
	start_pinned();
	check(!is_tried());
	processes[0].start_ticks = 71; /* a pid that was used again */
	check(is_tried());
	w_stop(&w);

	start_pinned();
	processes[0].pid = 0; /* it is gone */
	check(is_tried());
	w_stop(&w);

	start_pinned();
	processes[1].rss_bytes = 5 * GIB; /* it is not what it was about any more */
	check(is_tried());
	w_stop(&w);
}

TEST(two_of_a_size_take_turns_in_vain)
{
	start();
	processes[1].rss_bytes = processes[0].rss_bytes - 1;
	end_move(OUTCOME_FAILED, (struct page_accounts){ .pinned = 4096 });
	processes[1].rss_bytes = processes[0].rss_bytes + MIB;
	check(!is_tried());
	w_stop(&w);
}

TEST(pins_that_go_change_it)
{
	start_pinned();
	w.snapshot.host.pinned = reading_of(4 * GIB - 800 * MIB);
	check(!is_tried());
	w.snapshot.host.pinned = reading_of(6 * GIB);
	check(!is_tried());
	w.snapshot.host.pinned = READING_NONE;
	check(!is_tried());
	w.snapshot.host.pinned = reading_of(4 * GIB - 820 * MIB);
	check(is_tried());
	w_stop(&w);

	/* A few of them come and go with I/O. */
	start();
	w.snapshot.host.pinned = reading_of(2 * MIB);
	end_move(OUTCOME_FAILED, (struct page_accounts){ .pinned = 4096 });
	w.snapshot.host.pinned = reading_of(0);
	check(!is_tried());
	w_stop(&w);
}

TEST(what_had_no_effect_for_another_reason_waits_ten_minutes)
{
	usec_t took;

	start();
	end_move(OUTCOME_DONE, (struct page_accounts){ .busy = 4096 });
	processes[0].pid = 900;
	w.snapshot.host.pinned = reading_of(0);
	took = w_until_step(&w, 1 * SEC, 1200 * SEC);
	check(took >= 598 * SEC && took <= 602 * SEC);
	w_stop(&w);
}

/* Of a hundred guests each is tried once. */
TEST(many_are_remembered)
{
	size_t tried[W_SERVICES] = { 0 };

	w_start(&w, act, rule);
	for (int i = 0; i < W_SERVICES; i++) {
		char name[48];

		snprintf(name, sizeof(name), "machine.slice/vm-%d.scope", i);
		w_service(&w, name, 0, 100 * MIB);
	}
	w_headroom(&w, 0, 500 * MIB);
	for (int t = 0; t < 600; t++) {
		w_tick(&w, 1 * SEC);
		for (size_t i = 0; i < w.plan.step_count; i++) {
			const struct step *step = &w.plan.steps[i];
			struct outcome *o;

			if (step->order != STEP_START || step->action != ACTION_MIGRATE)
				continue;
			tried[step->target.key - 100]++;
			o = w_outcome(&w, step->id, OUTCOME_FAILED);
			o->error = EBUSY;
			o->pages.pinned = 4096;
		}
	}
	for (size_t i = 0; i < W_SERVICES; i++)
		check_int(tried[i], 1);
	w_stop(&w);
}
