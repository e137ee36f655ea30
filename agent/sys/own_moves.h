/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What this process itself may do about the memory of others. move_pages(2) asks for
 * PTRACE_MODE_READ of the target, and for CAP_SYS_NICE where pages are shared; container runtimes
 * filter the call by seccomp(2). Pages are allocated by whoever moves them, so that those of a node
 * outside of the mover's own cpuset are not to be had (mm/page_alloc.c prepare_alloc_pages()).
 *
 * For calm rounds.
 */

#include "util/idset.h"

#include <stdbool.h>

struct sysroot;

struct own_moves {
	int error; /* of asking the kernel where a page of our own is: 0, -ENOSYS, -EPERM, -errno */
	bool has_ptrace;
	bool has_nice;
	bool nodes_known;
	struct idset nodes; /* of our own cpuset */
};

/* 0; -EROFS: a captured machine. */
int own_moves_read(const struct sysroot *root, struct own_moves *ret);
