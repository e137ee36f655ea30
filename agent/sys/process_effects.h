/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Signals to a process that is certainly the one that was chosen. A handle is a pidfd (5.3) opened
 * first and checked by start time afterwards; where the kernel has none the start time is checked
 * right before kill(2). Refused on a captured tree (-EROFS), for PID 1, this process and kernel
 * threads (-EPERM). "It is gone" is -ESRCH, and no fault.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sysroot;

struct process_handle {
	pid_t pid;
	uint64_t start_ticks;
	int pidfd; /* -1: the kernel has none */
};

int process_handle_open(const struct sysroot *root, pid_t pid, uint64_t start_ticks,
			struct process_handle *ret);
void process_handle_done(struct process_handle *handle);

/* 0 or -errno. A zombie takes a signal and 0 is returned. */
int process_signal(const struct sysroot *root, const struct process_handle *handle, int signal);
/* Frees the memory of a process that was sent SIGKILL at our expense (process_mrelease, 5.15). 0
 * done or already gone; -EAGAIN: partly, call again; -EINVAL: it is not dying; -ENOSYS, -EPERM:
 * cannot here. */
int process_release_memory(const struct sysroot *root, const struct process_handle *handle);
/* Could it be done here? 0, -ENOSYS, -EPERM or -EROFS. */
int process_can_release_memory(const struct sysroot *root);
/* Writes the oom_score_adj of the process whose directory this is (proc_pid_open()). 0; -ESRCH: it
 * is gone; -EACCES: lower than an administrator set it, without CAP_SYS_RESOURCE; -EPERM: PID 1 or
 * this process; -EROFS. */
int process_set_score(const struct sysroot *root, pid_t pid, int pid_fd, int score);
