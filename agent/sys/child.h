/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Helper processes forked from the agent: one place for all that must be right about them. A child
 * dies with its parent (PR_SET_PDEATHSIG, and a check for a parent that died before it was set),
 * keeps only the descriptors that it is given, has default signal handling but for the keyboard's
 * and the service manager's stop signals (the parent decides when it ends), and locks its own
 * memory on fault where it may.
 *
 * The parent must not reap children in bulk (waitpid(-1), SIGCHLD ignored): a pid here stays ours
 * until child_reap() said so, which is what makes kill(2) by pid safe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CHILD_KEEP_MAX 4

struct child {
	const char *name; /* for ps, 15 characters at most */
	/* Descriptors it keeps besides 0, 1 and 2; negative ones are skipped. */
	int keep[CHILD_KEEP_MAX];
	size_t keep_count;
	/* Its whole life; the result is its exit status. */
	int (*run)(void *context);
	void *context;
};

/* In a child that is not one of these: closes all descriptors but the standard ones and these. */
void child_close_others(const int *keep, size_t count);
/* Likewise: none is blocked, these are ignored, and all others do what they do by default. */
void child_reset_signals(const int *ignored, size_t count);

/* The pid, or -errno of fork(2). Only from a process with one thread. */
pid_t child_fork(const struct child *child);
/* 1: it is gone and reaped, 0: it still exists. */
int child_reap(pid_t pid);
/* SIGKILL, without waiting; 1 or 0 as child_reap(). */
int child_kill(pid_t pid);
/* SIGKILL, and waits a tenth of a second at most: for a stop. A child that hangs in the kernel is
 * left to init. */
int child_end(pid_t pid);
