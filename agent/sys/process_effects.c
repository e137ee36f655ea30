/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/process_effects.h"

#include "sys/kernel_number.h"
#include "sys/pidfd.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on every architecture; kernel headers may be older than the kernel. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif

static int check_identity(const struct sysroot *root, pid_t pid, uint64_t start_ticks)
{
	struct proc_stat stat;
	_cleanup_(closep) int fd = proc_pid_open_same(root, pid, start_ticks, &stat);

	if (fd < 0)
		return fd;
	return stat.kernel_thread ? -EPERM : 0;
}

int process_handle_open(const struct sysroot *root, pid_t pid, uint64_t start_ticks,
			struct process_handle *ret)
{
	_cleanup_(closep) int pidfd = -1;
	int r;

	if (!root->live)
		return -EROFS;
	if (pid <= 1 || pid == getpid())
		return -EPERM;
	r = pidfd_open_if_any(pid, &pidfd);
	if (r < 0)
		return r;
	r = check_identity(root, pid, start_ticks);
	if (r < 0)
		return r;
	*ret = (struct process_handle){
		.pid = pid,
		.start_ticks = start_ticks,
		.pidfd = TAKE_FD(pidfd),
	};
	return 0;
}

void process_handle_done(struct process_handle *handle)
{
	drop_fd(&handle->pidfd);
}

int process_signal(const struct sysroot *root, const struct process_handle *handle, int signal)
{
	int r;

	if (!root->live)
		return -EROFS;
	if (handle->pidfd >= 0) {
		r = (int)syscall(SYS_pidfd_send_signal, handle->pidfd, signal, NULL, 0);
		return r < 0 ? -errno : 0;
	}
	if (handle->pid <= 1 || handle->pid == getpid())
		return -EPERM;
	r = check_identity(root, handle->pid, handle->start_ticks);
	if (r < 0)
		return r;
	return kill(handle->pid, signal) < 0 ? -errno : 0;
}

int process_release_memory(const struct sysroot *root, const struct process_handle *handle)
{
	if (!root->live)
		return -EROFS;
	if (handle->pidfd < 0)
		return -ENOSYS;
	if (syscall(SYS_process_mrelease, handle->pidfd, 0) == 0 || errno == ESRCH)
		return 0;
	return -errno;
}

int process_can_release_memory(const struct sysroot *root)
{
	if (!root->live)
		return -EROFS;
	/* Nobody's descriptor: a kernel that has the call says just that. */
	return syscall(SYS_process_mrelease, -1, 0) < 0 && errno != EBADF ? -errno : 0;
}

int process_set_score(const struct sysroot *root, pid_t pid, int pid_fd, int score)
{
	_cleanup_(closep) int fd = -1;

	if (!root->live)
		return -EROFS;
	if (pid <= 1 || pid == getpid())
		return -EPERM;
	fd = proc_pid_open_file(pid_fd, "oom_score_adj", O_WRONLY);
	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd;
	return kernel_number_write(fd, score);
}
