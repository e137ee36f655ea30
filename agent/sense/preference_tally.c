/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/preference_tally.h"

#include "sys/proc_maps.h"
#include "util/amount.h"

/* Memory without a disk has a name too. */
static bool is_of_a_file(const struct numa_map *map)
{
	return map->file && !proc_map_is_memory(map->path);
}

static void add_share(struct preference_tally *tally, unsigned preferred, unsigned node,
		      uint64_t bytes)
{
	struct preference_share *share = tally->shares;

	while (share < tally->shares + tally->count &&
	       (share->preferred != preferred || share->node != node))
		share++;
	if (share == tally->shares + PREFERENCE_SHARES_MAX)
		return;
	if (share == tally->shares + tally->count) {
		*share = (struct preference_share){ .preferred = preferred, .node = node };
		tally->count++;
	}
	share->bytes = plus(share->bytes, bytes);
}

void preference_tally_add(struct preference_tally *tally, const struct numa_map *map,
			  uint64_t page_bytes)
{
	int preferred = numa_map_preferred(map);
	struct span rest = map->rest;
	uint64_t pages, bytes;
	unsigned node;

	if (preferred < 0 || map->huge || is_of_a_file(map))
		return;
	if (map->page_size_bytes > 0)
		page_bytes = map->page_size_bytes;
	while (numa_map_next_node(&rest, &node, &pages)) {
		if (__builtin_mul_overflow(pages, page_bytes, &bytes))
			bytes = UINT64_MAX;
		add_share(tally, (unsigned)preferred, node, bytes);
	}
}

static struct preference sum_up(const struct preference_tally *tally, unsigned preferred)
{
	struct preference sum = { .node = preferred, .away_node = preferred };

	for (size_t i = 0; i < tally->count; i++) {
		const struct preference_share *share = &tally->shares[i];

		if (share->preferred != preferred)
			continue;
		if (share->node == preferred) {
			sum.home_bytes = share->bytes;
		} else if (share->bytes > sum.away_bytes) {
			sum.away_bytes = share->bytes;
			sum.away_node = share->node;
		}
	}
	return sum;
}

size_t preference_tally_take(const struct preference_tally *tally,
			     struct preference ret[PREFERENCES_MAX])
{
	struct idset preferred = { { 0 } };
	size_t count = 0;

	for (size_t i = 0; i < tally->count; i++)
		idset_add(&preferred, tally->shares[i].preferred);
	for (int i = idset_next(&preferred, 0); i >= 0 && count < PREFERENCES_MAX;
	     i = idset_next(&preferred, (unsigned)i + 1))
		ret[count++] = sum_up(tally, (unsigned)i);
	return count;
}
