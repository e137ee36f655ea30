/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/node_zones.h"

#include "sense/state.h"
#include "sys/sysroot.h"
#include "sys/zoneinfo.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

static void convert_zone(const struct zoneinfo_zone *from, struct headroom_zone *to)
{
	*to = (struct headroom_zone){
		.free_pages = from->free_pages,
		.boost_pages = from->boost_pages,
		.min_pages = from->min_pages,
		.low_pages = from->low_pages,
		.high_pages = from->high_pages,
		.managed_pages = from->managed_pages,
		.protection_count = MIN_OF(from->protection_count, (unsigned)HEADROOM_CLASSES_MAX),
		.has_file_lru = from->has_file_lru,
		.active_file_pages = from->active_file_pages,
		.inactive_file_pages = from->inactive_file_pages,
		.unclean_pages = from->unclean_pages,
		.stat_threshold_pages = from->stat_threshold_pages,
		.cpus = from->pageset_cpus,
	};
	memcpy(to->protection, from->protection, to->protection_count * sizeof(to->protection[0]));
}

static void compute_headroom(struct sense *s, const struct zoneinfo *info, unsigned id,
			     struct node_state *state)
{
	struct headroom_zone zones[ZONEINFO_CLASSES_MAX];
	struct headroom_input input = {
		.zones = zones,
		.page_size_bytes = s->snapshot.host.page_size_bytes,
		.slab_reclaimable_bytes = state->sum_known ? state->slab_bytes : 0,
		.hugepage_pool_bytes = state->pool_bytes,
	};

	for (size_t i = 0; i < info->count; i++)
		if (info->zones[i].node == id && info->zones[i].populated &&
		    input.zone_count < ARRAY_SIZE(zones))
			convert_zone(&info->zones[i], &zones[input.zone_count++]);
	state->then_known = input.zone_count > 0;
	if (!state->then_known)
		return;
	headroom_compute(&input, &state->then);
	state->sum_then_bytes = state->sum_bytes;
}

void node_zones_read(struct sense *s, usec_t now)
{
	struct zoneinfo info = { .zones = s->nodes.zones, .capacity = s->nodes.zone_capacity };
	ssize_t n = s->nodes.zoneinfo_fd < 0
			    ? s->nodes.zoneinfo_fd
			    : sysroot_read_fd(s->nodes.zoneinfo_fd, s->text, s->text_size);
	bool usable = n >= 0 && zoneinfo_parse(s->text, (size_t)n, &info) == 0;

	if (n == -EFBIG)
		s->text_wanted = s->text_size * 2;
	if (usable && info.needed > info.capacity)
		s->nodes.zones_wanted = info.needed;
	/* A part of a node's zones would be taken for all of them. */
	if (usable && (info.truncated || info.needed > info.capacity))
		usable = false;
	s->nodes.zoneinfo_failed = !usable;
	s->nodes.zoneinfo_at = now;
	for (size_t i = 0; i < s->nodes.count; i++) {
		s->nodes.states[i].then_known = false;
		if (usable)
			compute_headroom(s, &info, s->nodes.nodes[i].id, &s->nodes.states[i]);
	}
}
