/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/headroom.h"
#include "test.h"
#include "util/macro.h"

#define PAGE 4096

static struct headroom compute(const struct headroom_zone *zones, size_t count, uint64_t slab,
			       uint64_t pool)
{
	struct headroom h;

	headroom_compute(&(struct headroom_input){ .zones = zones,
						   .zone_count = count,
						   .page_size_bytes = PAGE,
						   .slab_reclaimable_bytes = slab,
						   .hugepage_pool_bytes = pool },
			 &h);
	return h;
}

static struct headroom_zone plain_zone(void)
{
	return (struct headroom_zone){
		.free_pages = 10000,
		.min_pages = 1000,
		.low_pages = 1250,
		.high_pages = 1500,
		.managed_pages = 100000,
		.has_file_lru = true,
		.active_file_pages = 300,
		.inactive_file_pages = 700,
		.unclean_pages = 250,
	};
}

TEST(free_and_clean_above_the_minimum)
{
	struct headroom_zone z = plain_zone();
	struct headroom h = compute(&z, 1, 0, 0);

	check_int(h.headroom_bytes, (10000 + 750 - 1000) * PAGE);
	check_int(h.whole_bytes, INT64_C(100000) * PAGE);
	check_int(h.reserve_bytes, 1500 * PAGE);
	check_int(h.free_bytes, 10000 * PAGE);
	check_int(h.clean_bytes, 750 * PAGE);
}

TEST(boost_and_protection_are_kept_for_others)
{
	struct headroom_zone z = plain_zone();
	struct headroom h;

	z.boost_pages = 100;
	z.protection_count = 4;
	z.protection[1] = 400;
	z.protection[2] = 2000;
	z.protection[3] = 2000;
	h = compute(&z, 1, 0, 0);
	check_int(h.headroom_bytes, (10000 + 750 - 1000 - 100 - 2000) * PAGE);
	check_int(h.reserve_bytes, (1500 + 100 + 2000) * PAGE);
	/* 6.15 and later print nothing for classes above the last populated one. */
	z.protection[3] = 0;
	check_int(compute(&z, 1, 0, 0).headroom_bytes, h.headroom_bytes);
}

TEST(a_zone_below_its_mark_takes_nothing_from_another)
{
	struct headroom_zone zones[] = { plain_zone(), plain_zone() };

	zones[1].free_pages = 10;
	check_int(compute(zones, 2, 0, 0).headroom_bytes, (10000 + 750 - 1000) * PAGE);
	check_int(compute(&zones[1], 1, 0, 0).headroom_bytes, 0);
}

TEST(half_of_the_slab_counts_even_below_the_mark)
{
	struct headroom_zone z = plain_zone();

	z.free_pages = 0;
	check_int(compute(&z, 1, 1 << 20, 0).headroom_bytes, 1 << 19);
}

TEST(more_unclean_than_file_pages_is_no_debt)
{
	struct headroom_zone z = plain_zone();
	struct headroom h;

	/* Dirty shmem and pages in flight: counted as dirty, not on the file lists. */
	z.unclean_pages = 5000;
	h = compute(&z, 1, 0, 0);
	check_int(h.clean_bytes, 0);
	check_int(h.headroom_bytes, (10000 - 1000) * PAGE);
}

TEST(without_lists_of_its_own_a_zone_has_nothing_clean)
{
	struct headroom_zone z = plain_zone();

	z.has_file_lru = false;
	check_int(compute(&z, 1, 0, 0).headroom_bytes, (10000 - 1000) * PAGE);
}

TEST(empty_zones_do_no_harm)
{
	/* Newer kernels print watermarks for a Movable zone without a page. */
	struct headroom_zone zones[] = { plain_zone(),
					 { .min_pages = 32, .low_pages = 32, .high_pages = 32 } };

	check_int(compute(zones, 2, 0, 0).reserve_bytes, 1500 * PAGE);
	check_int(compute(&zones[1], 1, 0, 0).reserve_bytes, 0);
	check_int(compute(NULL, 0, 0, 0).headroom_bytes, 0);
}

TEST(the_huge_page_pool_is_no_part_of_the_whole)
{
	struct headroom_zone z = plain_zone();

	check_int(compute(&z, 1, 0, INT64_C(40000) * PAGE).whole_bytes, INT64_C(60000) * PAGE);
	check_int(compute(&z, 1, 0, INT64_C(200000) * PAGE).whole_bytes, 0);
}

TEST(the_drift_of_many_cpus_is_taken_at_its_worst)
{
	struct headroom_zone z = plain_zone();
	uint64_t exact = compute(&z, 1, 0, 0).headroom_bytes;

	/* low - min is 250: up to there the kernel does not mind. */
	z.stat_threshold_pages = 125;
	z.cpus = 2;
	check_int(compute(&z, 1, 0, 0).headroom_bytes, exact);
	z.cpus = 3;
	check_int(compute(&z, 1, 0, 0).headroom_bytes, exact - 375 * PAGE);
	z.cpus = 4096;
	check_int(compute(&z, 1, 0, 0).headroom_bytes, 0);
}

/* Node 0 of a captured two-node machine (6.1): DMA is protected, DMA32 is not. */
TEST(a_real_node)
{
	const struct headroom_zone zones[] = {
		{ .free_pages = 3808,
		  .min_pages = 190,
		  .low_pages = 237,
		  .high_pages = 284,
		  .managed_pages = 3840,
		  .protection_count = 5,
		  .protection = { 0, 447, 447, 447, 447 },
		  .has_file_lru = true,
		  .stat_threshold_pages = 4,
		  .cpus = 2 },
		{ .free_pages = 88528,
		  .min_pages = 5693,
		  .low_pages = 7116,
		  .high_pages = 8539,
		  .managed_pages = 116718,
		  .protection_count = 5,
		  .has_file_lru = true,
		  .active_file_pages = 3432,
		  .inactive_file_pages = 2700,
		  .unclean_pages = 56,
		  .stat_threshold_pages = 12,
		  .cpus = 2 },
	};
	struct headroom h = compute(zones, 2, 10600 * 1024, 0);

	check_int(h.headroom_bytes, (INT64_C(3171) + 88911) * PAGE + 5300 * 1024);
	check_int(h.whole_bytes, INT64_C(120558) * PAGE);
	check_int(h.reserve_bytes, (284 + 447 + 8539) * PAGE);
}

TEST(numbers_that_cannot_be_do_not_wrap)
{
	struct headroom_zone z = plain_zone();
	struct headroom h;

	z.min_pages = UINT64_MAX;
	z.boost_pages = UINT64_MAX;
	z.protection_count = 99;
	z.protection[0] = UINT64_MAX;
	check_int(compute(&z, 1, 0, 0).headroom_bytes, 0);
	z = plain_zone();
	z.free_pages = z.managed_pages = UINT64_MAX;
	z.active_file_pages = UINT64_MAX;
	z.stat_threshold_pages = UINT64_MAX;
	z.cpus = UINT32_MAX;
	h = compute(&z, 1, UINT64_MAX, UINT64_MAX);
	check(h.headroom_bytes == UINT64_MAX);
	check(h.free_bytes == UINT64_MAX);
	check(h.whole_bytes == 0);
}

TEST(between_two_readings)
{
	const struct headroom then = { .headroom_bytes = 1000 };

	check_int(headroom_advance(&then, 5000, 5000), 1000);
	check_int(headroom_advance(&then, 5000, 5300), 1300);
	check_int(headroom_advance(&then, 5000, 4400), 400);
	check_int(headroom_advance(&then, 5000, 3000), 0);
	check(headroom_advance(&then, 0, UINT64_MAX) == UINT64_MAX);
}
