/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/agent.h"

#include "host/runtime.h"
#include "sys/clock.h"
#include "sys/proc_pid.h"
#include "sys/process_effects.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <signal.h>

#define LOOK_USEC (10 * USEC_PER_MSEC)
/* One that restarts again and again is not there to be asked. */
#define TRIES 5

static int open_process(const struct sysroot *root, pid_t pid, struct process_handle *ret)
{
	struct proc_stat stat;
	_cleanup_(closep) int fd = proc_pid_open_stat(root, pid, &stat);

	return fd < 0 ? fd : process_handle_open(root, pid, stat.start_ticks, ret);
}

/* The handle was there when the lock was seen to be that process's: it is the agent's, whatever
 * becomes of its number. */
static int open_agent(const struct sysroot *root, int directory_fd, struct process_handle *ret)
{
	for (int i = 0; i < TRIES; i++) {
		pid_t pid, again;
		int r = runtime_find(directory_fd, &pid);

		if (r < 0)
			return r;
		r = open_process(root, pid, ret);
		if (r == -ESRCH)
			continue;
		if (r < 0)
			return r;
		if (runtime_find(directory_fd, &again) == 0 && again == pid)
			return 0;
		process_handle_done(ret);
	}
	return -ESRCH;
}

static bool has_answered(int directory_fd, const struct runtime_answer *before, uint64_t paused_sum,
			 struct runtime_answer *ret)
{
	/* Once more when it is there: it is not written in one go. */
	for (int i = 0; i < 2; i++)
		if (runtime_get_answer(directory_fd, ret) < 0 || ret->count == before->count ||
		    ret->paused_sum != paused_sum)
			return false;
	return true;
}

static int wait_for_answer(int directory_fd, const struct process_handle *agent,
			   const struct runtime_answer *before, uint64_t paused_sum,
			   usec_t patience_usec)
{
	usec_t until = clock_monotonic_usec() + patience_usec;
	struct runtime_answer answer;
	pid_t pid;

	do {
		int r = runtime_find(directory_fd, &pid);

		if (r < 0)
			return r;
		if (has_answered(directory_fd, before, paused_sum, &answer))
			return answer.refused ? AGENT_REFUSED : AGENT_RELOADED;
		if (pid != agent->pid)
			return AGENT_RESTARTED;
		clock_sleep(LOOK_USEC);
	} while (clock_monotonic_usec() < until);
	return -ETIMEDOUT;
}

static int ask(const struct sysroot *root, int directory_fd, const struct process_handle *agent,
	       uint64_t paused_sum, usec_t patience_usec)
{
	struct runtime_answer before;
	int r;

	r = runtime_get_answer(directory_fd, &before);
	if (r < 0)
		return r;
	r = process_signal(root, agent, SIGHUP);
	if (r < 0)
		return r;
	return wait_for_answer(directory_fd, agent, &before, paused_sum, patience_usec);
}

int agent_reload(int directory_fd, uint64_t paused_sum, usec_t patience_usec, pid_t *ret_pid)
{
	_cleanup_(sysroot_done) struct sysroot root = { .fd = -1 };
	struct process_handle agent;
	int r;

	if (ret_pid)
		*ret_pid = 0;
	r = sysroot_open(NULL, &root);
	if (r < 0)
		return r;
	r = open_agent(&root, directory_fd, &agent);
	if (r < 0)
		return r;
	if (ret_pid)
		*ret_pid = agent.pid;
	r = ask(&root, directory_fd, &agent, paused_sum, patience_usec);
	process_handle_done(&agent);
	return r;
}
