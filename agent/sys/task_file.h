/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The threads of a process, /proc/PID/task: fs/proc/array.c do_task_stat(), proc_pid_status().
 * Without the heap, and a few of them at a time, as a process may have thousands. None of these
 * files takes the mmap_lock. A thread may vanish at any moment: -ESRCH, and no fault.
 */

#include "sys/proc_pid.h"

/* For the calls below. fd or -errno; -ESRCH: the process is gone, or its threads are not there. */
int task_directory_open(int pid_fd);
#define TASK_LIST_MAX 32
/* The next few thread ids, in the order that the kernel has them, which is the same each time but
 * for those that came and went. How many; 0: there are no more; -errno. */
int task_directory_next(int fd, pid_t ret_tids[TASK_LIST_MAX]);

struct task_stat {
	char comm[PROC_COMM_BYTES];
	uint64_t cpu_ticks; /* user and system, in the unit of sysconf(_SC_CLK_TCK) */
	unsigned processor; /* that it ran on last */
};

/* 0 or -EINVAL (cut, not of the form). */
int task_stat_parse(const char *text, size_t length, struct task_stat *ret);
int task_stat_read(int directory_fd, pid_t tid, struct task_stat *ret);
/* Its name without the newline, as it is. 0 or -errno. */
int task_comm_read(int directory_fd, pid_t tid, char *buffer, size_t size);
/* Cpus_allowed_list: the CPUs that its affinity and its cpuset leave it. A span in `buffer`. 0;
 * -ENODATA: the file does not say. */
int task_cpus_read(int directory_fd, pid_t tid, char *buffer, size_t size, struct span *ret);
