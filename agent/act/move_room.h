/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where memory that leaves a node may go, and how much of it: the same for whoever moves it.
 *
 * A destination keeps its own reserve plus a tenth, which is the level at which the shipped rules
 * call a node clear; declared growth of those who can live nowhere else is taken as spent. So no
 * node comes into trouble by a move.
 */

#include "core/snapshot.h"

struct move_room {
	const struct snapshot *snapshot;
	const struct node *from;
	size_t from_index;
	size_t node_count;
	/* By index in the snapshot; nothing where it comes from, or where the agent itself may not
	 * allocate: what is moved is allocated on behalf of who moves it. */
	uint64_t bytes[IDSET_BITS];
};

/* May the agent itself allocate on this node? */
bool move_room_is_own(const struct snapshot *snapshot, unsigned node);
/* How much this node takes. */
uint64_t move_room_on(const struct snapshot *snapshot, const struct node *node);
/* False: there is no such node. What is on its way to a node already is the caller's to take off.
 */
bool move_room_find(const struct snapshot *snapshot, unsigned from, struct move_room *ret);

/* To the node of this index; 10 is none. */
unsigned move_room_distance(const struct move_room *room, size_t node);

/*
 * The index of the node to move `bytes` to, of those that are allowed, or -1. The roomiest, but a
 * nearer node is as good when it has at least half as much room and takes all that the roomiest
 * would.
 */
int move_room_choose(const struct move_room *room, const struct idset *allowed, uint64_t bytes);
/* Has a node room besides, of those that are allowed, that the agent may not allocate on? */
bool move_room_is_agent_bound(const struct move_room *room, const struct idset *allowed);
/* -1: there is none of that id. */
int move_room_index(const struct move_room *room, unsigned id);
