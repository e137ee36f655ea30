/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How much more a node can give before allocations confined to it stall in direct reclaim:
 *
 *   page size x sum over zones of max(0, free + clean - min - boost - protection[j])
 *   + half of the node's reclaimable slab
 *
 * free + clean is what an allocation finds or gets by dropping clean file pages; below min + boost
 * + protection[j] the kernel keeps it for others (__zone_watermark_ok(), mm/page_alloc.c;
 * protection is lowmem_reserve, setup_per_zone_lowmem_reserve()). Each zone counts for itself: what
 * one has too little of does not take from another. Half of the slab, as shrinkers rarely give all.
 * Neither swap nor anonymous memory counts.
 *
 * j is the highest populated zone class of the node's requests, and an upper class without pages
 * adds nothing: lowmem_reserve[] does not fall up to the last populated class, and above it repeats
 * that value or (6.15 and later) is 0. So the largest entry is the one that j names, and no zone
 * index is needed.
 *
 * Every CPU holds back up to its threshold of each counter, so on many CPUs free is uncertain by
 * threshold x CPUs. The kernel reckons with that where it exceeds low - min (refresh_zone_stat_
 * thresholds(), mm/vmstat.c, 2.6.37); so does this, and takes the worst.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEADROOM_CLASSES_MAX 8

struct headroom_zone {
	uint64_t free_pages;
	uint64_t boost_pages;
	uint64_t min_pages; /* without boost */
	uint64_t low_pages; /* likewise */
	uint64_t high_pages;
	uint64_t managed_pages;
	uint64_t protection[HEADROOM_CLASSES_MAX];
	unsigned protection_count;
	bool has_file_lru; /* else the zone's clean file pages are unknown and count as none */
	uint64_t active_file_pages;
	uint64_t inactive_file_pages;
	uint64_t unclean_pages; /* dirty and under writeback, of this zone */
	uint64_t stat_threshold_pages;
	unsigned cpus;
};

struct headroom_input {
	const struct headroom_zone *zones; /* of one node; empty zones do no harm */
	size_t zone_count;
	uint64_t page_size_bytes;
	uint64_t slab_reclaimable_bytes; /* of the node */
	uint64_t hugepage_pool_bytes;	 /* of the node, used or not */
};

struct headroom {
	uint64_t headroom_bytes;
	uint64_t whole_bytes;	/* managed less the huge page pool: what a percentage is of */
	uint64_t reserve_bytes; /* sum of high watermarks, boost and protection: a destination keeps
				   it */
	uint64_t free_bytes;
	uint64_t clean_bytes; /* file pages neither dirty nor under writeback */
};

void headroom_compute(const struct headroom_input *input, struct headroom *ret);

/* Between two readings of the zones, from the node's totals alone (its vmstat, which is cheap): the
 * headroom of then, plus what free + clean changed since. Exact while no zone is below its mark and
 * the watermarks stay; never below 0. */
uint64_t headroom_advance(const struct headroom *then, uint64_t free_and_clean_then_bytes,
			  uint64_t free_and_clean_now_bytes);
