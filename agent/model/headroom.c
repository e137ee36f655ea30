/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/headroom.h"

#include "util/amount.h"
#include "util/macro.h"

static uint64_t times(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t protection_pages(const struct headroom_zone *zone)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < zone->protection_count && i < HEADROOM_CLASSES_MAX; i++)
		most = MAX_OF(most, zone->protection[i]);
	return most;
}

static uint64_t clean_pages(const struct headroom_zone *zone)
{
	if (!zone->has_file_lru)
		return 0;
	return less(plus(zone->active_file_pages, zone->inactive_file_pages), zone->unclean_pages);
}

static uint64_t drift_pages(const struct headroom_zone *zone)
{
	uint64_t drift = times(zone->stat_threshold_pages, zone->cpus);

	return drift > less(zone->low_pages, zone->min_pages) ? drift : 0;
}

static uint64_t zone_headroom_pages(const struct headroom_zone *zone)
{
	uint64_t kept = plus(plus(zone->min_pages, zone->boost_pages), protection_pages(zone));
	uint64_t had = plus(less(zone->free_pages, drift_pages(zone)), clean_pages(zone));

	return less(had, kept);
}

void headroom_compute(const struct headroom_input *input, struct headroom *ret)
{
	uint64_t headroom = 0, managed = 0, reserve = 0, free = 0, clean = 0;

	for (size_t i = 0; i < input->zone_count; i++) {
		const struct headroom_zone *zone = &input->zones[i];

		/* Newer kernels print watermarks for zones without a page too (Movable: 32). */
		if (zone->managed_pages == 0)
			continue;
		headroom = plus(headroom, zone_headroom_pages(zone));
		managed = plus(managed, zone->managed_pages);
		reserve = plus(reserve, plus(plus(zone->high_pages, zone->boost_pages),
					     protection_pages(zone)));
		free = plus(free, zone->free_pages);
		clean = plus(clean, clean_pages(zone));
	}
	*ret = (struct headroom){
		.headroom_bytes = plus(times(headroom, input->page_size_bytes),
				       input->slab_reclaimable_bytes / 2),
		.whole_bytes =
			less(times(managed, input->page_size_bytes), input->hugepage_pool_bytes),
		.reserve_bytes = times(reserve, input->page_size_bytes),
		.free_bytes = times(free, input->page_size_bytes),
		.clean_bytes = times(clean, input->page_size_bytes),
	};
}

uint64_t headroom_advance(const struct headroom *then, uint64_t free_and_clean_then_bytes,
			  uint64_t free_and_clean_now_bytes)
{
	if (free_and_clean_now_bytes >= free_and_clean_then_bytes)
		return plus(then->headroom_bytes,
			    free_and_clean_now_bytes - free_and_clean_then_bytes);
	return less(then->headroom_bytes, free_and_clean_then_bytes - free_and_clean_now_bytes);
}
