/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How the workers of one move share it: which process, or which part of one, each has, and how many
 * of the bytes. Never are more than those asked for in anybody's hands.
 *
 * Bytes are dealt out by and by, some of what is left each time, and a worker that comes near the
 * end of its share is given more before it is there. So one that is slow, or whose process has
 * nothing more, keeps nothing back from the others, and one that becomes free late still finds
 * something to do. What a worker may move is never made less while it works but for a move that
 * is: it could be past that already.
 */

#include "act/remedy.h"

/* Workers that it may have; `movers` as in the environment. */
unsigned migrate_share_most(unsigned movers);
size_t migrate_share_running(const struct migrate_state *state);
/* NULL: it has as many as it may have. */
struct migrate_lane *migrate_share_free_lane(struct migrate_state *state, unsigned most);

/* Of `bytes` in all, what nobody has. */
uint64_t migrate_share_left(const struct migrate_state *state, uint64_t bytes);
/* What the workers have told of that have a request, and of those that had one. */
uint64_t migrate_share_done(const struct migrate_state *state);
void migrate_share_pages(const struct migrate_state *state, struct page_accounts *ret);

/* The next part that somebody may take, of a process that `is_there` says is the one that was
 * listed; those of others are dropped. The first time a process is looked at, it is decided whether
 * it is shared by `most`. False: there is none. */
bool migrate_share_next(struct migrate_state *state, unsigned most, uint64_t page_size,
			bool (*is_there)(void *context, pid_t pid, uint64_t start_ticks),
			void *context, size_t *ret_process, unsigned *ret_part);
/* How many of the bytes that are left the next one takes. */
uint64_t migrate_share_deal(const struct migrate_state *state, unsigned most, uint64_t bytes);
/* Raises the share of one that is near its end; false: it stays. */
bool migrate_share_raise(struct migrate_state *state, struct migrate_lane *lane, unsigned most,
			 uint64_t bytes);
/* Takes back what is more than `bytes` in all, as far as it was not moved; false: it stays. */
bool migrate_share_cut(const struct migrate_state *state, struct migrate_lane *lane,
		       uint64_t bytes);

/* Somebody has the lane's part now: it is met by nobody else. */
void migrate_share_take(struct migrate_state *state, struct migrate_lane *lane);
/* What its worker says of it. */
void migrate_share_hear(struct migrate_lane *lane, const struct work_reply *reply);
/* The lane's request is over. What it did counts; it may be taken again where it was its share that
 * ended and not the memory. */
void migrate_share_end(struct migrate_state *state, struct migrate_lane *lane,
		       const struct work_reply *last);
/* Its worker is no more: what it may have moved and did not tell of is not dealt out again. */
void migrate_share_lose(struct migrate_state *state, struct migrate_lane *lane);
