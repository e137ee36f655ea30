/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "sense/restart_log.h"
#include "util/macro.h"

#define SEC USEC_PER_SEC

static uint64_t a, b;

static void start(struct restart_log *log)
{
	*log = (struct restart_log){ 0 };
	a = restart_log_hash("system.slice/a.service");
	b = restart_log_hash("system.slice/b.service");
	check(a != b);
}

static void restart(struct restart_log *log, uint64_t hash, bool by_oom, usec_t now)
{
	restart_log_gone(log, hash, by_oom, now);
	check(restart_log_came(log, hash, now));
}

static void check_counts(const struct restart_log *log, uint64_t hash, unsigned restarts,
			 unsigned after_oom)
{
	struct restart_count count = restart_log_count(log, hash);

	check_int(count.restarts, restarts);
	check_int(count.after_oom, after_oom);
}

TEST(only_who_went_comes_back)
{
	struct restart_log log;

	start(&log);
	check(!restart_log_came(&log, a, SEC));
	check_counts(&log, a, 0, 0);
	restart_log_gone(&log, a, false, 2 * SEC);
	check_counts(&log, a, 0, 0);
	check(!restart_log_came(&log, b, 3 * SEC));
	check(restart_log_came(&log, a, 3 * SEC));
	check_counts(&log, a, 1, 0);
	/* It is there: another one that came must have been another path. */
	check(!restart_log_came(&log, a, 3 * SEC));
	check_counts(&log, a, 1, 0);
	check_counts(&log, b, 0, 0);
}

TEST(which_of_them_followed_an_oom)
{
	struct restart_log log;

	start(&log);
	restart(&log, a, true, SEC);
	restart(&log, a, false, 2 * SEC);
	restart(&log, a, true, 3 * SEC);
	check_counts(&log, a, 3, 2);
}

/* The kernel's log may be read after the cgroup was found gone, or found made anew. */
TEST(an_oom_that_is_told_late)
{
	struct restart_log log;

	start(&log);
	check(!restart_log_oom(&log, a));
	restart_log_gone(&log, a, false, SEC);
	check(!restart_log_oom(&log, a));
	check(restart_log_came(&log, a, SEC));
	check_counts(&log, a, 1, 1);
	restart(&log, a, false, 2 * SEC);
	check_counts(&log, a, 2, 1);
	check(restart_log_oom(&log, a));
	check_counts(&log, a, 2, 2);
	/* Of one that never went nothing is known to be said. */
	check(!restart_log_oom(&log, b));
}

TEST(after_ten_minutes_they_count_no_more)
{
	struct restart_log log;

	start(&log);
	check(!restart_log_expire(&log, 100 * SEC));
	restart(&log, a, true, 100 * SEC);
	restart(&log, a, false, 200 * SEC);
	check(!restart_log_expire(&log, 699 * SEC));
	check_counts(&log, a, 2, 1);
	check(restart_log_expire(&log, 700 * SEC));
	check_counts(&log, a, 1, 0);
	check(!restart_log_expire(&log, 799 * SEC));
	check(restart_log_expire(&log, 800 * SEC));
	check_counts(&log, a, 0, 0);
	check_int(log.due_at, 0);
	check(!restart_log_expire(&log, 9000 * SEC));
}

/* One that went and never came is forgotten without a word. */
TEST(who_stays_away_is_forgotten)
{
	struct restart_log log;

	start(&log);
	restart_log_gone(&log, a, true, SEC);
	check(!restart_log_expire(&log, 2000 * SEC));
	check(!restart_log_came(&log, a, 2000 * SEC));
	check_int(log.due_at, 0);
}

TEST(of_a_tight_loop_the_last_ones_count)
{
	struct restart_log log;

	start(&log);
	for (unsigned i = 0; i < 5 * RESTART_TIMES; i++)
		restart(&log, a, i % 2 == 0, (100 + i) * SEC);
	check_counts(&log, a, RESTART_TIMES, RESTART_TIMES / 2);
	/* The first of those that are left. */
	check(!restart_log_expire(&log, (700 + 4 * RESTART_TIMES) * SEC - 1));
	check(restart_log_expire(&log, (700 + 4 * RESTART_TIMES) * SEC));
	check_counts(&log, a, RESTART_TIMES - 1, RESTART_TIMES / 2 - 1);
}

/* Sessions that go for ever do not push out who restarts. */
TEST(who_came_back_is_kept_before_who_only_went)
{
	struct restart_log log;

	start(&log);
	restart(&log, a, true, SEC);
	for (uint64_t i = 0; i < 3 * RESTART_PATHS; i++)
		restart_log_gone(&log, 1000 + i, false, (2 + i) * SEC);
	check_counts(&log, a, 1, 1);
	/* The latest of them are known, the first are not. */
	check(restart_log_came(&log, 1000 + 3 * RESTART_PATHS - 1, 500 * SEC));
	check(!restart_log_came(&log, 1000, 500 * SEC));
	/* When all came back, who was heard of least lately goes. */
	for (uint64_t i = 0; i < RESTART_PATHS; i++)
		restart(&log, 5000 + i, false, 501 * SEC + i);
	check_counts(&log, a, 0, 0);
	check_counts(&log, 5000, 1, 0);
}
