/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The end of a process that is not our child, waited for without waking up: a pidfd (5.3), opened
 * first and checked by start time afterwards, so that it is of the process that was meant. A kernel
 * without them has it looked at now and then.
 *
 * Where /proc shows us no processes but our own (hidepid), the pid is taken at its word.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sysroot;

struct process_end {
	pid_t pid;
	uint64_t start_ticks;
	int fd; /* readable once it has ended; -1: it has to be looked at */
};

/* 0; -ESRCH: it has ended, or another one has its pid; -EINVAL; -EROFS; other -errno. */
int process_end_open(const struct sysroot *root, pid_t pid, uint64_t start_ticks,
		     struct process_end *ret);
void process_end_done(struct process_end *end);
/* Has it? */
bool process_end_is_over(const struct sysroot *root, const struct process_end *end);
