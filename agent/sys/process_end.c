/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/process_end.h"

#include "sys/pidfd.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

/* By what its directory says; -ENOENT: it is not shown. */
static int look(const struct sysroot *root, const struct process_end *end)
{
	struct proc_stat stat;
	_cleanup_(closep) int fd = proc_pid_open_stat(root, end->pid, &stat);

	if (fd == -ESRCH || fd == -EACCES || fd == -EPERM)
		return -ENOENT;
	if (fd < 0)
		return fd;
	if (stat.start_ticks != end->start_ticks || stat.state == 'Z' || stat.state == 'X')
		return -ESRCH;
	return 0;
}

static bool has_ended_by_handle(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static bool exists(pid_t pid)
{
	return kill(pid, 0) == 0 || errno == EPERM;
}

bool process_end_is_over(const struct sysroot *root, const struct process_end *end)
{
	int r;

	if (end->fd >= 0)
		return has_ended_by_handle(end->fd);
	r = look(root, end);
	return r == -ENOENT ? !exists(end->pid) : r == -ESRCH;
}

int process_end_open(const struct sysroot *root, pid_t pid, uint64_t start_ticks,
		     struct process_end *ret)
{
	struct process_end end = { .pid = pid, .start_ticks = start_ticks, .fd = -1 };
	int r;

	if (!root->live)
		return -EROFS;
	if (pid <= 0)
		return -EINVAL;
	r = pidfd_open_if_any(pid, &end.fd);
	if (r < 0)
		return r;
	r = look(root, &end);
	if (r == 0 || r == -ENOENT)
		r = process_end_is_over(root, &end) ? -ESRCH : 0;
	if (r < 0) {
		process_end_done(&end);
		return r;
	}
	*ret = end;
	return 0;
}

void process_end_done(struct process_end *end)
{
	drop_fd(&end->fd);
}
