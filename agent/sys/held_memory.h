/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Memory that this process holds so that nobody else has it: written, so that it is there; locked
 * (mlock2(2), 4.4), so that it stays there; each page different, so that none is shared with
 * another (ksm). On one node if so wanted, and then on no other: mbind(2), and set_mempolicy(2) for
 * the whole of this thread.
 *
 * Huge pages are neither asked for nor refused. Asking would have the kernel compact for what only
 * lies there; and where it gives them to everybody, they are given back the faster.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sysroot;

struct held_memory {
	char *pages;
	size_t bytes; /* whole pages */
	bool has_node;
	unsigned node;
};

/* Address space for so much, rounded up to whole pages; nothing is there yet. 0; -EINVAL: nothing,
 * or more than can be; -ENOMEM; -EROFS on a captured tree. */
int held_memory_map(const struct sysroot *root, uint64_t bytes, struct held_memory *ret);
void held_memory_done(struct held_memory *memory);

/* Before it is written. 0; -EINVAL: we may not use that node, or there is none; -ENOSYS, -EPERM: no
 * such call here. */
int held_memory_bind(struct held_memory *memory, unsigned node);
/* Before it is written: what comes is locked. Takes as much of RLIMIT_MEMLOCK as there is. 0;
 * -ENOMEM, -EPERM, -EAGAIN: the limit, and no CAP_IPC_LOCK. Before 4.4 everything comes at once. */
int held_memory_lock(struct held_memory *memory);
/* This part, from a whole page on. */
void held_memory_write(struct held_memory *memory, size_t from, size_t bytes);
/* How much of it is not there, or on another node. 0; -ENOSYS, -EPERM: the kernel does not tell, or
 * a sandbox forbids to ask; -errno. */
int held_memory_check(const struct sysroot *root, const struct held_memory *memory,
		      uint64_t *ret_missing_bytes);
