/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A tick, from sample to step and back, allocates nothing after the first: while a rule fires, runs
 * its ladder and is exhausted, walks over the cgroup tree included. The files are written before.
 */

#include "heap_count.h"
#include "test.h"

#include "host/warden.h"
#include "util/macro.h"

#include <sys/stat.h>

static char directory[64];
static struct config_path path = { .directories = { directory }, .count = 1 };

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

static void set_up(const char *mode)
{
	char file[128], agent[128];

	strcpy(directory, "/tmp/oomwarden-no-heap-XXXXXX");
	check(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/rules.d", directory);
	check_int(mkdir(file, 0755), 0);
	snprintf(file, sizeof(file), "%s/proc", directory);
	check_int(mkdir(file, 0755), 0);
	snprintf(agent, sizeof(agent), "[Agent]\nMode=%s\nPolicy=\n", mode);
	write_file("oomwarden.ini", agent);
	write_file("rules.d/10-low.ini", "[Rule low]\nOn=host\nWhen=mem.available < 50%\n"
					 "Cooldown=300ms\nStepWait=50ms\n"
					 "Do=notify\nDo=kill\nDo=notify\n");
	write_file("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:           51200 kB\n"
				   "MemAvailable:      51200 kB\nSwapTotal:             0 kB\n"
				   "SwapFree:              0 kB\n");
	write_file("proc/vmstat", "nr_free_pages 12800\noom_kill 0\nallocstall_normal 0\n");
}

static size_t published;

static void count_published(void *context _unused_, const struct step *step _unused_)
{
	published++;
}

static struct warden *start(void)
{
	const struct warden_options options = {
		.root = directory,
		.config_path = &path,
		.act = true,
		.publish = count_published,
	};
	struct diag_list diags = { 0 };
	struct warden *warden = NULL;
	const char *what;

	check_int(warden_new(&options, &diags, &what, &warden), 0);
	return warden;
}

/* Steps seen in the ticks that were counted. */
static size_t run_counted(struct warden *warden)
{
	usec_t now = USEC_PER_SEC;
	size_t steps = 0;

	for (int i = 0; i < 40; i++, now += 50 * USEC_PER_MSEC) {
		unsigned long before = heap_count;
		int r = warden_tick(warden, now);
		unsigned long allocated = heap_count - before;

		check_int(r, 0);
		steps += warden_plan(warden)->step_count;
		/* The first makes room; a walk that finds nothing new needs none. */
		if (i > 0)
			check_int(allocated, 0);
	}
	return steps;
}

static void tear_down(struct warden *warden)
{
	char command[128];

	warden_free(warden);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	check_int(system(command), 0);
}

TEST(the_counter_counts)
{
	unsigned long before = heap_count;
	void *volatile block = malloc(16);

	free(block);
	check(heap_count > before);
}

TEST(a_tick_that_acts_allocates_nothing)
{
	struct warden *warden;

	set_up("enforce");
	warden = start();
	published = 0;
	check(run_counted(warden) > 2); /* several rounds of the ladder */
	/* A captured machine cannot be acted on: that a step is refused is decided in the tick too.
	 */
	check_int(published, 0);
	tear_down(warden);
}

TEST(a_dry_tick_allocates_nothing)
{
	struct warden *warden;

	set_up("dry-run");
	warden = start();
	check(run_counted(warden) > 0);
	tear_down(warden);
}
