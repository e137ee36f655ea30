/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How broken up a zone's free memory is for requests of 2^order pages: the two indices that the
 * kernel shows in debugfs (extfrag/unusable_index, extfrag/extfrag_index), from the free blocks of
 * /proc/buddyinfo, in the kernel's integer arithmetic: mm/vmstat.c, fill_contig_page_info(),
 * unusable_free_index() and __fragmentation_index(), the same from 2.6.35 to 6.12.
 *
 * The unusable index is the share of free memory that lies in blocks too small. The external
 * fragmentation index says why a request fails: towards 0 for lack of memory, which reclaim heals,
 * towards 1000 for fragmentation, which compaction heals. It is of zones without any suitable block
 * only. With one the kernel speaks of no failure, though a watermark may keep the block from the
 * request all the same, up to 4.3 with gigabytes free: for the verdict see watermark.h.
 *
 * The kernel counts by zone. Sums over zones or nodes hold for requests that may use all of them.
 */

#include <stddef.h>
#include <stdint.h>

#define FRAGMENTATION_NOT_FAILING (-1000)

struct fragmentation {
	uint64_t free_pages;
	uint64_t free_blocks;
	uint64_t suitable_blocks; /* of exactly that order, with the larger ones split */
	int unusable_permille;	  /* 0 to 1000; 1000 too where nothing is free */
	/* FRAGMENTATION_NOT_FAILING, or -500 to 1000, as in the kernel: a few blocks of half the
	 * size give less than 0. 0 where nothing is free. */
	int extfrag_permille;
};

/*
 * blocks[o]: free blocks of 2^o pages, for as many orders as the kernel has (order_count). For an
 * `order` above those no block is suitable. 0; -EINVAL: order 64 or above; -ERANGE: more free pages
 * than any machine has (2^64 / 1000).
 */
int fragmentation_compute(const uint64_t *blocks, size_t order_count, unsigned order,
			  struct fragmentation *ret);
