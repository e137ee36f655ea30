/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/move_room.h"

#include "util/amount.h"
#include "util/macro.h"

#define GIB ((uint64_t)1 << 30)

/* A destination keeps a tenth, but on very large nodes a tenth is more than anybody needs. */
#define KEEP_MAX_BYTES	 (10 * GIB)
#define DISTANCE_UNKNOWN 255U

static uint64_t known_bytes(const struct node *node, enum metric_id metric)
{
	return reading_amount(node->readings[metric_index(metric)]);
}

bool move_room_is_own(const struct snapshot *snapshot, unsigned node)
{
	return idset_is_empty(&snapshot->host.own_nodes) ||
	       idset_has(&snapshot->host.own_nodes, node);
}

static uint64_t room_on(const struct node *node)
{
	uint64_t keep = MIN_OF(known_bytes(node, METRIC_NODE_TOTAL) / 10, KEEP_MAX_BYTES);
	uint64_t room = known_bytes(node, METRIC_NODE_HEADROOM);

	room = less(room, node->reserve_bytes);
	room = less(room, keep);
	return less(room, node->declared_growth_bytes);
}

uint64_t move_room_on(const struct snapshot *snapshot, const struct node *node)
{
	return move_room_is_own(snapshot, node->id) ? room_on(node) : 0;
}

int move_room_index(const struct move_room *room, unsigned id)
{
	for (size_t i = 0; i < room->node_count; i++)
		if (room->snapshot->nodes[i].id == id)
			return (int)i;
	return -1;
}

bool move_room_is_agent_bound(const struct move_room *room, const struct idset *allowed)
{
	for (size_t i = 0; i < room->node_count; i++) {
		const struct node *node = &room->snapshot->nodes[i];

		if (i != room->from_index && idset_has(allowed, node->id) &&
		    !move_room_is_own(room->snapshot, node->id) && room_on(node) > 0)
			return true;
	}
	return false;
}

bool move_room_find(const struct snapshot *snapshot, unsigned from, struct move_room *ret)
{
	int index;

	ret->snapshot = snapshot;
	ret->node_count = MIN_OF(snapshot->node_count, (size_t)IDSET_BITS);
	index = move_room_index(ret, from);
	if (index < 0)
		return false;
	ret->from_index = (size_t)index;
	ret->from = &snapshot->nodes[index];
	for (size_t i = 0; i < ret->node_count; i++)
		ret->bytes[i] =
			i == ret->from_index ? 0 : move_room_on(snapshot, &snapshot->nodes[i]);
	return true;
}

unsigned move_room_distance(const struct move_room *room, size_t node)
{
	unsigned distance = room->from->distance ? room->from->distance[node] : 0;

	return distance ? distance : DISTANCE_UNKNOWN;
}

int move_room_choose(const struct move_room *room, const struct idset *allowed, uint64_t bytes)
{
	const struct node *nodes = room->snapshot->nodes;
	int best = -1;
	uint64_t most = 0;

	for (size_t i = 0; i < room->node_count; i++)
		if (idset_has(allowed, nodes[i].id) && room->bytes[i] > most) {
			most = room->bytes[i];
			best = (int)i;
		}
	if (best < 0)
		return -1;
	for (size_t i = 0; i < room->node_count; i++)
		if (idset_has(allowed, nodes[i].id) && room->bytes[i] >= most / 2 &&
		    room->bytes[i] >= MIN_OF(most, bytes) &&
		    move_room_distance(room, i) < move_room_distance(room, (size_t)best))
			best = (int)i;
	return best;
}
