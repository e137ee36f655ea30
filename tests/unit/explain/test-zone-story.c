/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/zone_story.h"
#include "util/macro.h"

/*
 * A host of two nodes with 32 GiB each, kernel 3.10 of el7, that killed for 16 KiB with 4.6 GiB
 * free: the numbers of its kernel's report. Node 0's watermarks were not in it; 22.5 MiB is what a
 * node of that size has at least. The classes are DMA, DMA32, Normal, Movable.
 */
static struct zone_detail report[] = {
	{
		.node = 0,
		.name = "Normal",
		.zone_class = 2,
		.free_pages = 1198112,
		.min_pages = 5764,
		.low_pages = 7205,
		.high_pages = 8646,
		.managed_pages = 8388608,
		.protection_count = 4,
		.free_cma_known = true,
		.order_count = 11,
		.blocks = { 622118, 287275, 161, 36, 30, 1 },
	},
	{
		.node = 1,
		.name = "DMA",
		.zone_class = 0,
		.free_pages = 15888 / 4,
		.min_pages = 20 / 4,
		.low_pages = 24 / 4,
		.high_pages = 28 / 4,
		.managed_pages = 15904 / 4,
		.protection = { 0, 3071, 31997, 31997 },
		.protection_count = 4,
		.free_cma_known = true,
		.order_count = 11,
		.blocks = { 0, 0, 1, 0, 2, 1, 1, 0, 1, 1, 3 },
	},
	{
		.node = 1,
		.name = "DMA32",
		.zone_class = 1,
		.free_pages = 124624 / 4,
		.min_pages = 4304 / 4,
		.low_pages = 5380 / 4,
		.high_pages = 6456 / 4,
		.managed_pages = 3145156 / 4,
		.protection = { 0, 0, 28925, 28925 },
		.protection_count = 4,
		.free_cma_known = true,
		.order_count = 11,
		.blocks = { 22393, 4279, 44, 4 },
	},
	{
		.node = 1,
		.name = "Normal",
		.zone_class = 2,
		.free_pages = 12930,
		.min_pages = 5764,
		.low_pages = 7205,
		.high_pages = 8646,
		.managed_pages = 7602176,
		.protection_count = 4,
		.free_cma_known = true,
		.order_count = 11,
		.blocks = { 12930 },
	},
};

static const struct zone_details details = { .zones = report,
					     .count = ARRAY_SIZE(report),
					     .has_free_lists = true };

static const char *reason(const struct zone_story *zone, unsigned *order)
{
	static char text[256];
	struct strbuf b = STRBUF(text);

	return zone_story_reason(zone, order, &b) ? text : NULL;
}

TEST(four_gib_free_and_order_2_fails)
{
	struct node_story story;
	unsigned order = 0;

	check_int(node_story_tell(&details, 0, WATERMARK_OLD, ZONE_USER_KERNEL, &story), 0);
	check_int(story.zone_count, 1);
	check_int(story.orders[0], WATERMARK_PASS);
	check_int(story.orders[1], WATERMARK_PASS);
	check_int(story.orders[2], WATERMARK_FAIL);
	check_str(reason(&story.zones[0], &order),
		  "order 2 to 10: fails, too little of its free memory is in large blocks: of "
		  "1,198,112 free pages 1,441 count from order 2 on, more than 1,441 must");
	check_int(order, 11);
	check(!reason(&story.zones[0], &order));
	check_int(story.zones[0].left_pages, 1198112 - 5764);
	/* Blocks are there, so the index speaks of no failure; nearly all is unusable. */
	check_int(story.fragmentation[2].extfrag_permille, FRAGMENTATION_NOT_FAILING);
	check_int(story.fragmentation[2].unusable_permille, 998);
}

TEST(a_page_less_to_keep_and_it_passes)
{
	struct zone_detail zone = report[0];
	struct zone_details one = { .zones = &zone, .count = 1, .has_free_lists = true };
	struct node_story story;

	/* 1,444 pages are of order 2 and above, of which 3 go with the request: 1,441 must exceed
	 * a quarter of what is to be kept. */
	zone.min_pages = 5763;
	check_int(node_story_tell(&one, 0, WATERMARK_OLD, ZONE_USER_KERNEL, &story), 0);
	check_int(story.orders[2], WATERMARK_PASS);
}

TEST(later_kernels_would_have_served_it)
{
	struct zone_detail zone = report[0];
	struct zone_details one = { .zones = &zone, .count = 1, .has_free_lists = true };
	struct node_story story;
	unsigned order = 2;

	/* As long as it is not known whether those blocks are in the high-order reserve. */
	check_int(node_story_tell(&one, 0, WATERMARK_4_4, ZONE_USER_KERNEL, &story), 0);
	check_int(story.orders[2], WATERMARK_UNCERTAIN);
	check_contains(reason(&story.zones[0], &order),
		       "uncertain, the high-order atomic reserve is not known");
	zone.highatomic_known = true;
	check_int(node_story_tell(&one, 0, WATERMARK_4_4, ZONE_USER_KERNEL, &story), 0);
	check_int(story.orders[2], WATERMARK_PASS);
	check_int(story.orders[5], WATERMARK_PASS);
	check_int(story.orders[6], WATERMARK_FAIL);
	check_int(story.fragmentation[6].extfrag_permille, 980);
}

TEST(the_other_node_zone_by_zone)
{
	struct node_story story;
	unsigned order = 0;

	check_int(node_story_tell(&details, 1, WATERMARK_OLD, ZONE_USER_KERNEL, &story), 0);
	check_int(story.zone_count, 3);
	check_str(story.zones[0].zone->name, "DMA");
	check_int(story.zones[0].reserve_pages, 31997);
	check_int(story.zones[0].left_pages, 0);
	check_str(reason(&story.zones[0], &order),
		  "order 0 to 10: fails, free memory is below the watermark: 3,972 pages count, "
		  "more than 32,002 must, 31,997 of them kept for those who can use no other zone");
	/* 31,156 free against 1,076 and 28,925 kept back: single pages, and no more than pairs. */
	check_int(story.zones[1].left_pages, 31156 - 1076 - 28925);
	check_int(story.zones[1].orders[0].at_low.verdict, WATERMARK_PASS);
	check_int(story.zones[1].orders[1].at_min.verdict, WATERMARK_PASS);
	check_int(story.zones[1].orders[2].at_min.verdict, WATERMARK_FAIL);
	check_int(story.zones[2].orders[0].at_min.verdict, WATERMARK_PASS);
	check_int(story.zones[2].orders[1].at_min.verdict, WATERMARK_FAIL);
	/* So pairs can be had of the node, fours cannot. */
	check_int(story.orders[1], WATERMARK_PASS);
	check_int(story.orders[2], WATERMARK_FAIL);
}

TEST(the_kernel_may_not_use_movable_zones)
{
	struct zone_detail zones[] = {
		{ .node = 0,
		  .name = "Normal",
		  .zone_class = 0,
		  .free_pages = 100,
		  .min_pages = 500,
		  .protection = { 0, 3200 },
		  .protection_count = 2,
		  .order_count = 11,
		  .blocks = { 100 } },
		{ .node = 0,
		  .name = "Movable",
		  .zone_class = 1,
		  .free_pages = 100000,
		  .min_pages = 500,
		  .managed_pages = 200000,
		  .protection_count = 2,
		  .order_count = 11,
		  .free_cma_known = true,
		  .highatomic_known = true,
		  .blocks = { [10] = 97 } },
		{ .node = 1,
		  .name = "Movable",
		  .zone_class = 1,
		  .free_pages = 100000,
		  .min_pages = 500,
		  .order_count = 11,
		  .blocks = { [10] = 97 } },
	};
	struct zone_details of = { .zones = zones, .count = 3, .has_free_lists = true };
	struct node_story process, kernel;

	check_int(node_story_tell(&of, 0, WATERMARK_4_4, ZONE_USER_PROCESS, &process), 0);
	check_int(node_story_tell(&of, 0, WATERMARK_4_4, ZONE_USER_KERNEL, &kernel), 0);
	check_int(process.orders[3], WATERMARK_PASS);
	check_int(kernel.orders[0], WATERMARK_FAIL);
	check(kernel.zones[0].is_open && !kernel.zones[1].is_open);
	/* What is kept back is kept from those who may go elsewhere. */
	check_int(process.zones[0].reserve_pages, 3200);
	check_int(kernel.zones[0].reserve_pages, 0);
	check_int(node_story_tell(&of, 1, WATERMARK_4_4, ZONE_USER_KERNEL, &kernel), 0);
	check(!kernel.zones[0].is_open && !kernel.orders_known[0]);
	check_int(node_story_tell(&of, 2, WATERMARK_4_4, ZONE_USER_KERNEL, &kernel), -ENOENT);
}

TEST(without_free_lists_only_single_pages_are_known)
{
	struct zone_detail zone = report[0];
	struct zone_details one = { .zones = &zone, .count = 1 };
	struct node_story story;
	unsigned order = 0;

	zone.order_count = 0;
	check_int(node_story_tell(&one, 0, WATERMARK_OLD, ZONE_USER_KERNEL, &story), 0);
	check(story.orders_known[0]);
	check_int(story.orders[0], WATERMARK_PASS);
	check(!story.orders_known[1]);
	check(!story.fragmentation_known);
	check(!reason(&story.zones[0], &order));
}

TEST(absurd_numbers_do_not_overflow)
{
	struct zone_detail zone = {
		.name = "Normal",
		.free_pages = UINT64_MAX,
		.min_pages = UINT64_MAX,
		.boost_pages = UINT64_MAX,
		.protection = { UINT64_MAX },
		.protection_count = 1,
		.order_count = 32,
		.blocks = { [0] = UINT64_MAX, [31] = UINT64_MAX },
	};
	struct zone_details one = { .zones = &zone, .count = 1, .has_free_lists = true };
	struct node_story story;

	for (enum watermark_era era = WATERMARK_EL6; era <= WATERMARK_4_4; era++) {
		check_int(node_story_tell(&one, 0, era, ZONE_USER_PROCESS, &story), 0);
		check_int(story.orders[0], WATERMARK_FAIL);
		check_int(story.zones[0].left_pages, 0);
		check(!story.fragmentation_known);
	}
}

static const char *cause(const struct node_story *story)
{
	static char text[512];
	struct strbuf b = STRBUF(text);

	return node_story_cause(story, 4096, &b) ? text : NULL;
}

TEST(the_cause_is_told_apart_from_want_of_memory)
{
	struct node_story story;

	check_int(node_story_tell(&details, 0, WATERMARK_OLD, ZONE_USER_KERNEL, &story), 0);
	check_str(
		cause(&story),
		"order 2 and above are not served, and 4.5 GiB are left for single pages: the node "
		"is not out of memory, what is free is in small pieces. It takes compaction, not "
		"reclaim. Free blocks up to order 5 are there; kernels before 4.4 want more than "
		"one, later ones would serve order 2 to 5");
	/* Large blocks of a zone that is kept for others are no help. */
	check_int(node_story_tell(&details, 1, WATERMARK_OLD, ZONE_USER_KERNEL, &story), 0);
	check_str(
		cause(&story),
		"order 2 and above are not served, and 32.5 MiB are left for single pages: the "
		"node "
		"is all but out of memory, and what is free is in small pieces. It takes reclaim "
		"and compaction. Free blocks up to order 3 are there; kernels before 4.4 want more "
		"than one, later ones would serve order 2 to 3");
}

TEST(the_cause_of_an_empty_and_of_a_healthy_node)
{
	struct zone_detail zone = report[0];
	struct zone_details one = { .zones = &zone, .count = 1, .has_free_lists = true };
	struct node_story story;

	zone.highatomic_known = true;
	zone.free_pages = zone.min_pages;
	check_int(node_story_tell(&one, 0, WATERMARK_4_4, ZONE_USER_KERNEL, &story), 0);
	check_contains(cause(&story), "not even single pages are served");
	zone.free_pages = 1198112;
	for (unsigned o = 6; o < 11; o++)
		zone.blocks[o] = 100;
	check_int(node_story_tell(&one, 0, WATERMARK_4_4, ZONE_USER_KERNEL, &story), 0);
	check(!cause(&story));
}
