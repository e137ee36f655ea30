/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How much of a process's memory has a policy that prefers a node, and where that memory is: from
 * the mappings of numa_maps. Without huge pages, which have pools of their own, and without the
 * pages of files, which belong to whoever reads them next.
 */

#include "core/snapshot.h"
#include "sys/numa_maps.h"

#define PREFERENCE_SHARES_MAX 256

struct preference_share {
	unsigned preferred;
	unsigned node;
	uint64_t bytes;
};

struct preference_tally {
	struct preference_share shares[PREFERENCE_SHARES_MAX]; /* what exceeds them is left out */
	size_t count;
};

void preference_tally_add(struct preference_tally *tally, const struct numa_map *map,
			  uint64_t page_bytes);
/* By preferred node, the lowest PREFERENCES_MAX of them. How many. */
size_t preference_tally_take(const struct preference_tally *tally,
			     struct preference ret[PREFERENCES_MAX]);
