/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * move_pages(2) over libnuma's numa_move_pages(), with the kernel's traps dealt with
 * (mm/migrate.c, 2.6.18 to 7.x):
 * - after a failure status[] of the pages never tried is left as it was, so it is filled with
 *   MOVE_PAGES_UNTOUCHED before each call, and callers query again what they must be sure of;
 * - a positive return (4.17) counts pages not moved, those never tried included;
 * - each call disables per-CPU LRU caches on all CPUs, so calls are neither for one page nor
 * unbounded. May block in the kernel and reclaim on the target node: workers only. -EROFS on a
 * captured tree.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sysroot;

#define MOVE_PAGES_MAX	     4096
#define MOVE_PAGES_UNTOUCHED INT_MIN

/* Where are these pages? status: node id, or -ENOENT / -EFAULT (nothing resident: which of the two
 * depends on the kernel), or another -errno. count up to MOVE_PAGES_MAX. 0 or -errno: -ESRCH gone,
 * -EPERM no CAP_SYS_PTRACE or seccomp, -ENOSYS. */
int move_pages_query(const struct sysroot *root, pid_t pid, void *const *pages, size_t count,
		     int *ret_status);

/* Moves them to a node. `all`: also pages that other processes map (MPOL_MF_MOVE_ALL, needs
 * CAP_SYS_NICE; for guest memory only). ret_status is filled on failure as well. 0: all were dealt
 * with; above 0: the kernel gave up with that many not moved; -ENOMEM: the node filled up, though
 * most may have moved; -EACCES: the target's cpuset forbids the node; -ENODEV: no such node; else
 * as above. */
int move_pages_to(const struct sysroot *root, pid_t pid, void *const *pages, size_t count,
		  unsigned node, bool all, int *ret_status);
