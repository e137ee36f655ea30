/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A small machine of files whose memory runs out on paper: two equal nodes, one service that may
 * live on either, one that may be confined to node 0. No page cache, no slab, no swap, so that what
 * is free is all there is, and every reading follows from it exactly.
 */

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_NODES 2

struct replay {
	char directory[64];
	int files[4 + 2 * REPLAY_NODES]; /* those that change, kept open */
};

/* Below /dev/shm or /tmp: in `config` a configuration with the rules of the source tree, and in
 * `machine` frames t0 and t1: a machine that is a sequence, so that rates are made. Exits with a
 * message when it cannot. */
void replay_make(struct replay *replay, const char *source, bool confined);
void replay_remove(struct replay *replay);

/* Writes what the kernel would print with that much free on each node. */
void replay_set_free(const struct replay *replay, const uint64_t free_bytes[REPLAY_NODES]);

/* Of each node: all of it, and its watermarks. */
enum replay_mark {
	REPLAY_MIN,
	REPLAY_LOW,
};
uint64_t replay_node_bytes(void);
uint64_t replay_reserve_bytes(enum replay_mark mark);
