/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scratch.h"

#include "util/macro.h"

/* A machine of one node that has 100 MiB of 1 GiB left, and a rule that fires there. */
static void set_up(void)
{
	scratch_make();
	scratch_write("oomwarden.ini", "[Agent]\nMode=enforce\nPolicy=\n");
	scratch_write("rules.d/10-low.ini",
		      "[Rule low]\nOn=host\nWhen=mem.available < 99%\nDo=notify\n");
	scratch_write("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:          102400 kB\n"
				      "MemAvailable:     102400 kB\n");
}

static struct warden *start(bool act)
{
	return scratch_start((struct warden_options){ .act = act });
}

TEST(a_captured_machine_is_decided_about)
{
	struct warden *warden;

	set_up();
	warden = start(true);
	check_int(warden_tick(warden, USEC_PER_SEC), 0);
	check_int(warden_plan(warden)->step_count, 1);
	check_int(warden_plan(warden)->steps[0].action, ACTION_NOTIFY);
	check_int(warden_plan(warden)->steps[0].mode, MODE_ENFORCE);
	check(warden_step(warden, warden_plan(warden)->steps[0].id));
	scratch_remove(warden);
}

TEST(a_caller_that_must_not_act_gets_dry_runs_only)
{
	struct warden *warden;

	set_up();
	warden = start(false);
	check_int(warden_tick(warden, USEC_PER_SEC), 0);
	check_int(warden_plan(warden)->step_count, 1);
	check_int(warden_plan(warden)->steps[0].mode, MODE_DRY_RUN);
	scratch_remove(warden);
}

TEST(a_faulty_configuration_leaves_the_old_one_in_force)
{
	struct diag_list diags = { 0 };
	const struct config *before;
	struct warden *warden;

	set_up();
	warden = start(true);
	check_int(warden_tick(warden, USEC_PER_SEC), 0);
	before = warden_config(warden);
	scratch_write("rules.d/10-low.ini", "[Rule low]\nOn=host\nWhen=mem.availble < 5%\n");
	check_int(warden_reload(warden, &diags, 2 * USEC_PER_SEC), -EINVAL);
	check_int(diags.count, 2); /* the metric, and no Do= */
	check(warden_config(warden) == before);
	check_int(warden_config(warden)->rule_count, 1);
	diag_done(&diags);
	scratch_remove(warden);
}

TEST(a_reload_never_gives_out_a_step_number_again)
{
	struct diag_list diags = { 0 };
	struct warden *warden;
	uint64_t first;

	set_up();
	warden = start(true);
	check_int(warden_tick(warden, USEC_PER_SEC), 0);
	first = warden_plan(warden)->steps[0].id;
	check_int(warden_reload(warden, &diags, 2 * USEC_PER_SEC), 0);
	check_int(warden_tick(warden, 3 * USEC_PER_SEC), 0);
	check_int(warden_plan(warden)->step_count, 1);
	check(warden_plan(warden)->steps[0].id > first);
	scratch_remove(warden);
}

TEST(a_machine_that_is_not_there_is_said)
{
	const struct warden_options options = {
		.root = "/nonexistent/oomwarden",
		.config_path = &scratch_path,
	};
	struct diag_list diags = { 0 };
	struct warden *warden = NULL;
	const char *what = NULL;

	set_up();
	check_int(warden_new(&options, &diags, &what, &warden), -ENOENT);
	check_str(what, "captured machine");
	check(!warden);
	scratch_remove(NULL);
}
