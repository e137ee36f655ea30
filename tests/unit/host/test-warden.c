/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "host/warden.h"
#include "util/macro.h"

#include <sys/stat.h>

static char directory[64];
static struct config_path path = { .directories = { directory }, .count = 1 };

static const char rule[] = "[Rule low]\nOn=host\nWhen=mem.available < 99%\nDo=notify\n";

static void write_file(const char *name, const char *text)
{
	char file[128];
	FILE *f;

	snprintf(file, sizeof(file), "%s/%s", directory, name);
	f = fopen(file, "w");
	check(f);
	check(fputs(text, f) >= 0);
	check_int(fclose(f), 0);
	check_int(chmod(file, 0644), 0);
}

static void make_directory(const char *name)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/%s", directory, name);
	check_int(mkdir(file, 0755), 0);
}

/* A machine of one node that has 100 MiB of 1 GiB left, and a rule that fires there. */
static void set_up(void)
{
	strcpy(directory, "/tmp/oomwarden-warden-XXXXXX");
	check(mkdtemp(directory));
	make_directory("rules.d");
	make_directory("proc");
	write_file("oomwarden.ini", "[Agent]\nMode=enforce\nPolicy=\n");
	write_file("rules.d/10-low.ini", rule);
	write_file("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:          102400 kB\n"
				   "MemAvailable:     102400 kB\n");
}

static void tear_down(struct warden *warden)
{
	char command[128];

	warden_free(warden);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	check_int(system(command), 0);
}

static struct warden *start(bool act)
{
	const struct warden_options options = {
		.root = directory,
		.config_path = &path,
		.act = act,
	};
	struct diag_list diags = { 0 };
	struct warden *warden = NULL;
	const char *what;

	check_int(warden_new(&options, &diags, &what, &warden), 0);
	return warden;
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
	tear_down(warden);
}

TEST(a_caller_that_must_not_act_gets_dry_runs_only)
{
	struct warden *warden;

	set_up();
	warden = start(false);
	check_int(warden_tick(warden, USEC_PER_SEC), 0);
	check_int(warden_plan(warden)->step_count, 1);
	check_int(warden_plan(warden)->steps[0].mode, MODE_DRY_RUN);
	tear_down(warden);
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
	write_file("rules.d/10-low.ini", "[Rule low]\nOn=host\nWhen=mem.availble < 5%\n");
	check_int(warden_reload(warden, &diags, 2 * USEC_PER_SEC), -EINVAL);
	check_int(diags.count, 2); /* the metric, and no Do= */
	check(warden_config(warden) == before);
	check_int(warden_config(warden)->rule_count, 1);
	diag_done(&diags);
	tear_down(warden);
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
	tear_down(warden);
}

TEST(a_machine_that_is_not_there_is_said)
{
	const struct warden_options options = {
		.root = "/nonexistent/oomwarden",
		.config_path = &path,
	};
	struct diag_list diags = { 0 };
	struct warden *warden = NULL;
	const char *what = NULL;

	set_up();
	check_int(warden_new(&options, &diags, &what, &warden), -ENOENT);
	check_str(what, "captured machine");
	check(!warden);
	tear_down(NULL);
}
