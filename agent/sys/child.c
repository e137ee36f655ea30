/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/child.h"

#include "sys/memlock.h"
#include "util/macro.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* close_range(2) is 5.9; before it every number up to the limit is tried. */
static void close_span(unsigned first, unsigned last)
{
	struct rlimit limit;

	if (first > last || syscall(SYS_close_range, first, last, 0U) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && last >= limit.rlim_cur)
		last = limit.rlim_cur > 0 ? (unsigned)limit.rlim_cur - 1 : 0;
	for (unsigned fd = first; fd <= last; fd++)
		(void)close((int)fd);
}

void child_close_others(const int *keep, size_t count)
{
	unsigned next = STDERR_FILENO + 1;

	for (;;) {
		unsigned kept = UINT_MAX;

		for (size_t i = 0; i < count; i++)
			if (keep[i] >= 0 && (unsigned)keep[i] >= next)
				kept = MIN_OF(kept, (unsigned)keep[i]);
		if (kept == UINT_MAX)
			break;
		if (kept > next)
			close_span(next, kept - 1);
		next = kept + 1;
	}
	close_span(next, UINT_MAX);
}

void child_reset_signals(const int *ignored, size_t count)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL);
	for (size_t i = 0; i < count; i++)
		(void)signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void become(const struct child *child, pid_t parent)
{
	static const int left_to_parent[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	(void)prctl(PR_SET_NAME, child->name);
	child_close_others(child->keep, child->keep_count);
	child_reset_signals(left_to_parent, ARRAY_SIZE(left_to_parent));
	/* Without the right to lock it works as well, only not as surely when memory is gone. */
	(void)memlock_on_fault();
	_exit(child->run(child->context));
}

pid_t child_fork(const struct child *child)
{
	sigset_t all, before;
	pid_t parent = getpid(), pid;
	int error;

	/* No handler of the parent may run in the child before it has its own. */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		become(child, parent);
	error = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -error : pid;
}

int child_reap(pid_t pid)
{
	int r;

	do
		r = waitpid(pid, NULL, WNOHANG);
	while (r < 0 && errno == EINTR);
	/* ECHILD: somebody else reaped it, against the contract; it is gone all the same. */
	return r != 0;
}

int child_kill(pid_t pid)
{
	if (child_reap(pid))
		return 1;
	(void)kill(pid, SIGKILL);
	return child_reap(pid);
}

int child_end(pid_t pid)
{
	static const struct timespec moment = { .tv_nsec = 1000 * 1000 };

	if (child_kill(pid))
		return 1;
	for (int i = 0; i < 100 && !child_reap(pid); i++)
		(void)nanosleep(&moment, NULL);
	return child_reap(pid);
}
