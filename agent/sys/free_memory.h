/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * sysinfo(2): the one system call that tells how much memory is free without printing a file, at a
 * tenth of the cost of meminfo. It knows the machine only: in a container that shows another
 * meminfo (LXCFS) it is still the machine's. So it is good for one thing: to see whether anything
 * moved.
 */

#include <stdint.h>

struct sysroot;

struct free_memory {
	uint64_t free_bytes;
	uint64_t swap_free_bytes;
};

/* 0; -EOPNOTSUPP: a captured tree; other -errno of a sandbox that forbids it. */
int free_memory_read(const struct sysroot *root, struct free_memory *ret);
