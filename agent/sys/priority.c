/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/priority.h"

#include "util/macro.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>

#define NICE_BEST    (-20)
#define NICE_DEFAULT 0

static bool take_real_time(void)
{
	const struct sched_param lowest = { .sched_priority = sched_get_priority_min(SCHED_RR) };

	return sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) == 0;
}

int priority_raise(struct priority *priority)
{
	if (priority->is_raised)
		return priority->is_nice;
	priority->is_raised = true;
	priority->is_nice = !take_real_time();
	if (!priority->is_nice)
		return 0;
	priority->nice_before = getpriority(PRIO_PROCESS, 0);
	return setpriority(PRIO_PROCESS, 0, NICE_BEST) < 0 ? -errno : 1;
}

void priority_lower(struct priority *priority)
{
	const struct sched_param none = { .sched_priority = 0 };

	if (!priority->is_raised)
		return;
	/* The nice value of before is still there. */
	if (!priority->is_nice)
		(void)sched_setscheduler(0, SCHED_OTHER, &none);
	else
		(void)setpriority(PRIO_PROCESS, 0, priority->nice_before);
	priority->is_raised = false;
}

bool priority_is_real_time(void)
{
	int policy = sched_getscheduler(0);

	if (policy < 0)
		return false;
	policy &= ~SCHED_RESET_ON_FORK;
	return policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE;
}

void priority_of_work(bool is_urgent)
{
	static bool is_known;
	static int started;

	if (!is_known)
		started = getpriority(PRIO_PROCESS, 0);
	is_known = true;
	/* Who has not the right to a better one again keeps what it has. */
	(void)setpriority(PRIO_PROCESS, 0, is_urgent ? started : MAX_OF(started, NICE_DEFAULT));
}
