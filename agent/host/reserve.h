/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Heap for services that come when there is none to be had. What a walk over the tree makes of them
 * is made anew each time, beside what is there. So the nearer the host comes to its end the more is
 * held of what that takes, in one block, resident and locked. In danger the block is free: nothing
 * takes it but a walk, and what that lets go of is there for the next one. A quiet host has none.
 */

#include <stdbool.h>
#include <stddef.h>

struct snapshot;

struct reserve {
	void *block;
	size_t bytes;
	bool is_open; /* the block is free, to be used */
};

/* Services that there is to be room for beside those that there are, once less than a quarter of
 * the host or of a node is left, or what is left is going fast. 0 before. */
size_t reserve_room(const struct snapshot *snapshot, bool is_urgent);
/* Before a walk. */
void reserve_open(struct reserve *reserve, bool is_urgent);
/* And behind it: `room` as above. True: what it held has become free, and nobody needs it. */
bool reserve_fill(struct reserve *reserve, const struct snapshot *snapshot, size_t room);
void reserve_done(struct reserve *reserve);
