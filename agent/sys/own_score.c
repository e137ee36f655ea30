/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/own_score.h"

#include "sys/kernel_number.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int write_score(int pid_fd, int score)
{
	_cleanup_(closep) int fd = proc_pid_open_file(pid_fd, "oom_score_adj", O_WRONLY);

	return fd < 0 ? fd : kernel_number_write(fd, score);
}

int own_score_read(const struct sysroot *root, int *ret)
{
	_cleanup_(closep) int pid_fd = -1;

	if (!root->live)
		return -EROFS;
	pid_fd = proc_pid_open(root, getpid());
	return pid_fd < 0 ? pid_fd : proc_oom_score_adj_read(pid_fd, ret);
}

int own_score_set(const struct sysroot *root, int score)
{
	_cleanup_(closep) int pid_fd = -1;
	int r, found;

	if (!root->live)
		return -EROFS;
	pid_fd = proc_pid_open(root, getpid());
	if (pid_fd < 0)
		return pid_fd;
	/* A service manager may have set it already, and left nothing to write to. */
	if (proc_oom_score_adj_read(pid_fd, &found) == 0 && found == score)
		return 0;
	r = write_score(pid_fd, score);
	if (r == 0)
		r = proc_oom_score_adj_read(pid_fd, &found);
	return r == 0 && found != score ? -EIO : r;
}
