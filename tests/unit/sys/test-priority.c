/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The right of way, taken and given back; none of it is left to those that are forked. */

#include "test.h"

#include "sys/priority.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLICY_OF(all) ((all) & ~SCHED_RESET_ON_FORK)

static int policy_of_child(void)
{
	pid_t pid = fork();
	int status;

	check(pid >= 0);
	if (pid == 0)
		_exit(POLICY_OF(sched_getscheduler(0)));
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFEXITED(status));
	return WEXITSTATUS(status);
}

TEST(it_is_taken_and_given_back)
{
	struct priority priority = { .is_raised = false };
	int before = getpriority(PRIO_PROCESS, 0), r;

	r = priority_raise(&priority);
	if (r < 0)
		test_skip("no right to any of it");
	if (r == 0)
		check_int(POLICY_OF(sched_getscheduler(0)), SCHED_RR);
	else
		check_int(getpriority(PRIO_PROCESS, 0), -20);
	check_int(policy_of_child(), SCHED_OTHER);
	/* Once more is nothing. */
	check_int(priority_raise(&priority), r);
	priority_lower(&priority);
	check_int(POLICY_OF(sched_getscheduler(0)), SCHED_OTHER);
	check_int(getpriority(PRIO_PROCESS, 0), before);
	priority_lower(&priority);
	check_int(getpriority(PRIO_PROCESS, 0), before);
}

static int nice_now(void)
{
	return getpriority(PRIO_PROCESS, 0);
}

/* What it was started with is asked for once: in a process of its own. 0; 1: not that; 2: no right
 * to it. */
static int work_started_with(int value, bool may_raise)
{
	if (setpriority(PRIO_PROCESS, 0, value) < 0)
		return 2;
	priority_of_work(false);
	if (nice_now() != (value > 0 ? value : 0))
		return 1;
	if (!may_raise && setuid(65534) < 0)
		return 2;
	priority_of_work(true);
	if (may_raise && nice_now() != value)
		return 1;
	priority_of_work(false);
	return nice_now() == (value > 0 ? value : 0) ? 0 : 1;
}

TEST(work_goes_first_only_if_it_is_urgent)
{
	static const struct {
		int value;
		bool may_raise;
	} cases[] = { { -10, true }, { 0, true }, { 5, true }, { -10, false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid_t pid = fork();
		int status;

		check(pid >= 0);
		if (pid == 0)
			_exit(work_started_with(cases[i].value, cases[i].may_raise));
		check_int(waitpid(pid, &status, 0), pid);
		check(WIFEXITED(status));
		if (WEXITSTATUS(status) == 2)
			test_skip("no right to a better nice value");
		check_int(WEXITSTATUS(status), 0);
	}
}

TEST(who_may_not_goes_on_as_before)
{
	pid_t pid = fork();
	int status;

	check(pid >= 0);
	if (pid == 0) {
		struct priority priority = { .is_raised = false };
		int before, r;

		/* Nobody, who has no rights and no budget for it. */
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(2);
		before = getpriority(PRIO_PROCESS, 0);
		r = priority_raise(&priority);
		priority_lower(&priority);
		_exit(r >= 0 || getpriority(PRIO_PROCESS, 0) == before ? 0 : 1);
	}
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFEXITED(status));
	check_int(WEXITSTATUS(status), 0);
}
