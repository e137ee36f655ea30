/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A tick, from sample to step and back, allocates nothing after the first: while a rule fires, runs
 * its ladder and is exhausted, walks over the cgroup tree included. The files are written before.
 */

#include "heap_count.h"
#include "scratch.h"

#include "util/macro.h"

static void set_up(const char *mode)
{
	char agent[128];

	scratch_make();
	snprintf(agent, sizeof(agent), "[Agent]\nMode=%s\nPolicy=\n", mode);
	scratch_write("oomwarden.ini", agent);
	scratch_write("rules.d/10-low.ini", "[Rule low]\nOn=host\nWhen=mem.available < 50%\n"
					    "Cooldown=300ms\nStepWait=50ms\n"
					    "Do=notify\nDo=kill\nDo=notify\n");
	scratch_write("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:           51200 kB\n"
				      "MemAvailable:      51200 kB\nSwapTotal:             0 kB\n"
				      "SwapFree:              0 kB\n");
	scratch_write("proc/vmstat", "nr_free_pages 12800\noom_kill 0\nallocstall_normal 0\n");
}

static size_t published;

static void count_published(void *context _unused_, const struct step *step _unused_)
{
	published++;
}

static struct warden *start(void)
{
	return scratch_start((struct warden_options){ .act = true, .publish = count_published });
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
	scratch_remove(warden);
}

TEST(a_dry_tick_allocates_nothing)
{
	struct warden *warden;

	set_up("dry-run");
	warden = start();
	check(run_counted(warden) > 0);
	scratch_remove(warden);
}
