/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/reserve.h"

#include "core/metric.h"
#include "core/snapshot.h"
#include "sys/memlock.h"
#include "util/macro.h"

#define NEAR_PART 4
/* A burst of jobs or containers, and a part of those that there are. */
#define ROOM_MIN  64
#define ROOM_PART 4
/* Of the lists of services and their processes, by service (two nodes; of more, a share each), and
 * what the walk itself takes. */
#define SERVICE_BYTES ((size_t)2560)
#define NODE_BYTES    ((size_t)64)
#define WALK_BYTES    ((size_t)64 << 10)
/* More services than this is for are looked for with what the kernel gives. */
#define BYTES_MAX ((size_t)4 << 20)
/* It is not to be what brings the host to its end. */
#define HOST_PART 64

static bool is_near(struct reading left, struct reading whole)
{
	return left.state == READING_KNOWN && whole.state == READING_KNOWN &&
	       left.value < whole.value / NEAR_PART;
}

static bool is_near_end(const struct snapshot *snapshot)
{
	const struct reading *host = snapshot->host.readings;

	if (is_near(host[metric_index(METRIC_MEM_AVAILABLE)], host[metric_index(METRIC_MEM_TOTAL)]))
		return true;
	for (size_t i = 0; i < snapshot->node_count; i++) {
		const struct reading *node = snapshot->nodes[i].readings;

		if (is_near(node[metric_index(METRIC_NODE_HEADROOM)],
			    node[metric_index(METRIC_NODE_TOTAL)]))
			return true;
	}
	return false;
}

size_t reserve_room(const struct snapshot *snapshot, bool is_urgent)
{
	if (!is_urgent && !is_near_end(snapshot))
		return 0;
	return ROOM_MIN + snapshot->service_count / ROOM_PART;
}

static void give_back(struct reserve *r)
{
	if (r->block || r->is_open) {
		memlock_open(r->block);
		memlock_close();
	}
	*r = (struct reserve){ 0 };
}

void reserve_open(struct reserve *r, bool is_urgent)
{
	if (!is_urgent || !r->block)
		return;
	memlock_open(r->block);
	*r = (struct reserve){ .is_open = true };
}

static size_t bytes_for(const struct snapshot *snapshot, size_t room)
{
	size_t each = SERVICE_BYTES + NODE_BYTES * snapshot->node_count;

	return MIN_OF(WALK_BYTES + (snapshot->service_count + room) * each, BYTES_MAX);
}

static bool can_spare(const struct snapshot *snapshot, size_t bytes)
{
	struct reading left = snapshot->host.readings[metric_index(METRIC_MEM_AVAILABLE)];

	return left.state == READING_KNOWN && left.value > 0 &&
	       (uint64_t)left.value / HOST_PART > bytes;
}

bool reserve_fill(struct reserve *r, const struct snapshot *snapshot, size_t room)
{
	size_t bytes = bytes_for(snapshot, room);
	bool had_one = r->block || r->is_open;

	if (room == 0) {
		give_back(r);
		return had_one;
	}
	/* One that was opened is in use until the danger is over. */
	if (r->is_open || r->bytes >= bytes)
		return false;
	give_back(r);
	if (can_spare(snapshot, bytes))
		r->block = memlock_reserve(bytes);
	r->bytes = r->block ? bytes : 0;
	return false;
}

void reserve_done(struct reserve *r)
{
	give_back(r);
}
