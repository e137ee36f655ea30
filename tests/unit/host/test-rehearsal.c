/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way to a kill, gone with nobody harmed: it comes to one, what is missing is said, and the
 * warden that it is gone in has nothing of it. */

#include "scratch.h"

#include "host/rehearsal.h"

static size_t shown;

static void show(void *context, const struct warden *stage)
{
	const struct plan *plan = warden_plan(stage);
	const struct outcome *outcomes;

	shown++;
	check(context == &shown);
	check_int(plan->step_count, 1);
	check_int(plan->steps[0].action, ACTION_KILL);
	check_int(plan->steps[0].mode, MODE_DRY_RUN);
	check_int(warden_outcomes(stage, &outcomes), 1);
	check(warden_step(stage, outcomes[0].step));
	check_str(warden_config(stage)->rules[plan->steps[0].rule].name, "rehearsal");
	check_int(warden_snapshot(stage)->service_count, 1);
}

static void start(struct warden **ret)
{
	scratch_make();
	scratch_write("oomwarden.ini", "[Agent]\nMode=enforce\nPolicy=\n");
	scratch_write("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:         1024000 kB\n"
				      "MemAvailable:    1024000 kB\n");
	*ret = scratch_start((struct warden_options){ .act = true });
}

static bool has_fault(const struct rehearsal *rehearsal, const char *text)
{
	for (size_t i = 0; i < rehearsal->fault_count; i++)
		if (strstr(rehearsal->faults[i], text))
			return true;
	return false;
}

TEST(it_comes_to_a_kill_and_leaves_nothing)
{
	struct rehearsal rehearsal;
	const struct outcome *outcomes;
	struct warden *warden;

	start(&warden);
	check_int(warden_tick(warden, USEC_PER_SEC), 0);
	shown = 0;
	warden_rehearse(warden, show, &shown, &rehearsal);
	check_int(shown, 1);
	check(!has_fault(&rehearsal, "the decision"));
	check(!has_fault(&rehearsal, "the executor"));
	check_int(warden_plan(warden)->step_count, 0);
	check_int(warden_outcomes(warden, &outcomes), 0);
	check_int(warden_snapshot(warden)->service_count, 0);
	check_int(warden_tick(warden, 2 * USEC_PER_SEC), 0);
	check_int(warden_plan(warden)->step_count, 0);
	scratch_remove(warden);
}

TEST(what_is_missing_is_said)
{
	struct rehearsal rehearsal;
	struct warden *warden;

	start(&warden);
	check_int(warden_tick(warden, USEC_PER_SEC), 0);
	warden_rehearse(warden, show, &shown, &rehearsal);
	/* A captured machine without any. */
	check(has_fault(&rehearsal, "a control group of its own"));
	scratch_remove(warden);
}

TEST(there_is_an_end_to_what_can_be_said)
{
	struct rehearsal rehearsal = { .fault_count = 0 };

	for (int i = 0; i < 2 * REHEARSAL_FAULTS_MAX; i++)
		rehearsal_fault(&rehearsal, "%0*d", 2 * REHEARSAL_TEXT_BYTES, i);
	check_int(rehearsal.fault_count, REHEARSAL_FAULTS_MAX);
	check_int(strlen(rehearsal.faults[0]), REHEARSAL_TEXT_BYTES - 1);
}
