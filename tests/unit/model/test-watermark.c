/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/watermark.h"
#include "test.h"

/* iostat at order 2 on a 3.0.58 host with 990 MB free, of which nearly all is single and double
 * pages. The arithmetic is that of the kernel's developers in the thread about this report. */
static struct watermark_zone fragmented(void)
{
	return (struct watermark_zone){
		.free_pages = 247588,
		.managed_pages = 756316,
		.min_pages = 1751,
		.order_count = 11,
		.blocks = { 188513, 29459, 2, 2, 1, 0, 0, 1 },
		.free_cma_known = true,
		.highatomic_known = true,
	};
}

static struct watermark_answer ask(enum watermark_era era, const struct watermark_zone *zone,
				   unsigned order, uint64_t mark)
{
	return watermark_check(era, zone,
			       &(struct watermark_request){ .order = order, .mark_pages = mark });
}

TEST(old_kernels_fail_order_2_with_990_mb_free)
{
	struct watermark_zone z = fragmented();
	struct watermark_answer a = ask(WATERMARK_OLD, &z, 2, 1751);

	check_int(a.verdict, WATERMARK_FAIL);
	check_int(a.failed_order, 2);
	check_int(ask(WATERMARK_OLD, &z, 1, 1751).verdict, WATERMARK_PASS);
	check_int(ask(WATERMARK_OLD, &z, 0, 1751).verdict, WATERMARK_PASS);
	/* 154 pages remain where 438 are needed: 70 blocks of four are too few, 71 are enough. */
	z.blocks[2] += 70;
	z.free_pages += 70 * 4;
	check_int(ask(WATERMARK_OLD, &z, 2, 1751).verdict, WATERMARK_FAIL);
	z.blocks[2] += 1;
	z.free_pages += 4;
	check_int(ask(WATERMARK_OLD, &z, 2, 1751).verdict, WATERMARK_PASS);
}

TEST(el6_passes_the_same_zone_at_min_and_low_only)
{
	struct watermark_zone z = fragmented();

	check_int(ask(WATERMARK_EL6, &z, 2, 1751).verdict, WATERMARK_PASS);
	check_int(ask(WATERMARK_EL6, &z, 2, 2188).verdict, WATERMARK_PASS);
	check_int(ask(WATERMARK_EL6, &z, 2, 2626).verdict, WATERMARK_FAIL);
}

TEST(newer_kernels_want_one_block)
{
	struct watermark_zone z = fragmented();

	check_int(ask(WATERMARK_4_4, &z, 2, 1751).verdict, WATERMARK_PASS);
	check_int(ask(WATERMARK_4_4, &z, 7, 1751).verdict, WATERMARK_PASS);
	check_int(ask(WATERMARK_4_4, &z, 8, 1751).verdict, WATERMARK_FAIL);
	check_int(ask(WATERMARK_4_4, &z, 8, 1751).failed_order, 8);
}

/* A fork at order 2 on 4.5 with 18 MB free above the high mark: no block in DMA32, the protection
 * in DMA. */
TEST(a_fork_that_failed_on_4_5)
{
	struct watermark_zone dma32 = { .free_pages = 4539,
					.managed_pages = 439870,
					.min_pages = 1293,
					.order_count = 11,
					.blocks = { 4513, 15 },
					.free_cma_known = true };
	struct watermark_zone dma = { .free_pages = 1721,
				      .managed_pages = 3977,
				      .min_pages = 11,
				      .reserve_pages = 1714,
				      .order_count = 11,
				      .blocks = { 1, 0, 0, 1, 1, 1, 0, 1, 0, 1, 1 },
				      .free_cma_known = true };
	struct watermark_answer a = ask(WATERMARK_4_4, &dma32, 2, 1293);

	check_int(a.verdict, WATERMARK_FAIL);
	check_int(a.failed_order, 2);
	a = ask(WATERMARK_4_4, &dma, 2, 11);
	check_int(a.verdict, WATERMARK_FAIL);
	check_int(a.failed_order, 0);
	/* Seven pages less of protection would not do, eight would. */
	dma.highatomic_known = true;
	dma.reserve_pages = 1707;
	check_int(ask(WATERMARK_4_4, &dma, 2, 11).verdict, WATERMARK_FAIL);
	dma.reserve_pages = 1706;
	check_int(ask(WATERMARK_4_4, &dma, 2, 11).verdict, WATERMARK_PASS);
}

/* 3.10, order 2, node 0: 1,441 pages remain in blocks of order 2 and above. They fail against a min
 * watermark of 5,764 pages and more, and pass against less. */
TEST(an_el7_host_with_gigabytes_free)
{
	struct watermark_zone z = {
		.managed_pages = 8126464,
		.order_count = 11,
		.blocks = { 600000, 300000, 361 },
		.free_cma_known = true,
	};

	z.free_pages = 600000 + 2 * 300000 + 1441 + 3;
	check_int(ask(WATERMARK_OLD, &z, 2, 5764).verdict, WATERMARK_FAIL);
	check_int(ask(WATERMARK_OLD, &z, 2, 5763).verdict, WATERMARK_PASS);
}

TEST(the_mark_itself_is_not_enough)
{
	struct watermark_zone z = { .free_pages = 1500,
				    .min_pages = 1000,
				    .reserve_pages = 300,
				    .boost_pages = 200,
				    .order_count = 1,
				    .blocks = { 1500 },
				    .free_cma_known = true,
				    .highatomic_known = true };

	check_int(ask(WATERMARK_4_4, &z, 0, 1000).verdict, WATERMARK_FAIL);
	z.free_pages++;
	check_int(ask(WATERMARK_4_4, &z, 0, 1000).verdict, WATERMARK_PASS);
	/* Boosts are younger than the rule of these. */
	z.free_pages = 1301;
	check_int(ask(WATERMARK_OLD, &z, 0, 1000).verdict, WATERMARK_PASS);
	z.free_pages = 1302;
	check_int(ask(WATERMARK_EL6, &z, 0, 1000).verdict, WATERMARK_FAIL);
	z.free_pages = 1303;
	check_int(ask(WATERMARK_EL6, &z, 0, 1000).verdict, WATERMARK_PASS);
}

TEST(what_is_not_printed_makes_it_uncertain)
{
	struct watermark_zone z = { .free_pages = 10000,
				    .managed_pages = 100000,
				    .min_pages = 1000,
				    .order_count = 11,
				    .blocks = { 0, 0, 2500 },
				    .free_cma_known = true };
	struct watermark_answer a;

	/* The reserve is at most 1,000 + 2 x 512 pages: that does not matter here. */
	check_int(ask(WATERMARK_4_4, &z, 2, 1000).verdict, WATERMARK_PASS);
	/* Here it does. */
	a = ask(WATERMARK_4_4, &z, 2, 9000);
	check_int(a.verdict, WATERMARK_UNCERTAIN);
	check_contains(a.reason, "high-order atomic");
	z.highatomic_known = true;
	check_int(ask(WATERMARK_4_4, &z, 2, 9000).verdict, WATERMARK_PASS);
	z.highatomic_pages = 997;
	check_int(ask(WATERMARK_4_4, &z, 2, 9000).verdict, WATERMARK_FAIL);
	z.highatomic_pages = 996;
	check_int(ask(WATERMARK_4_4, &z, 2, 9000).verdict, WATERMARK_PASS);
	z.free_cma_known = false;
	a = ask(WATERMARK_4_4, &z, 2, 1000);
	check_int(a.verdict, WATERMARK_UNCERTAIN);
	check_contains(a.reason, "CMA");
	check_int(ask(WATERMARK_OLD, &z, 0, 1000).verdict, WATERMARK_UNCERTAIN);
	/* Too little even if nothing is hidden is too little. */
	check_int(ask(WATERMARK_4_4, &z, 2, 20000).verdict, WATERMARK_FAIL);
	check_int(watermark_check(WATERMARK_4_4, &z,
				  &(struct watermark_request){
					  .order = 2, .mark_pages = 1000, .may_use_cma = true })
			  .verdict,
		  WATERMARK_PASS);
}

/* Up to 6.6 one block is reserved beyond what the limit lets, and with 64 KiB pages a block is up
 * to 512 MiB. */
TEST(how_much_may_be_reserved)
{
	struct watermark_zone z = { .free_pages = 100000,
				    .managed_pages = 400000,
				    .min_pages = 1000,
				    .order_count = 11,
				    .blocks = { [9] = 10, [10] = 5 },
				    .free_cma_known = true };

	/* 4,000 pages and two blocks of 512. */
	check_int(ask(WATERMARK_4_4, &z, 0, 100000 - 5024 - 1).verdict, WATERMARK_PASS);
	check_int(ask(WATERMARK_4_4, &z, 0, 100000 - 5024).verdict, WATERMARK_UNCERTAIN);
	/* 4,000 pages and two blocks of 8,192. */
	z.order_count = 14;
	check_int(ask(WATERMARK_4_4, &z, 0, 100000 - 20384 - 1).verdict, WATERMARK_PASS);
	check_int(ask(WATERMARK_4_4, &z, 0, 100000 - 20384).verdict, WATERMARK_UNCERTAIN);
	/* Without free lists a block is of the usual size. */
	z.order_count = 0;
	check_int(ask(WATERMARK_4_4, &z, 0, 100000 - 5024 - 1).verdict, WATERMARK_PASS);
	check_int(ask(WATERMARK_4_4, &z, 0, 100000 - 5024).verdict, WATERMARK_UNCERTAIN);
}

/* Enough is free, but every block of the order could be one that the request may not have. */
TEST(large_blocks_may_all_be_reserved)
{
	struct watermark_zone z = { .free_pages = 10000,
				    .managed_pages = 100000,
				    .min_pages = 1000,
				    .order_count = 11,
				    .blocks = { 9488, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
				    .free_cma_known = true,
				    .highatomic_known = true,
				    .highatomic_pages = 512 };

	check_int(ask(WATERMARK_4_4, &z, 3, 1000).verdict, WATERMARK_UNCERTAIN);
	z.highatomic_pages = 511;
	check_int(ask(WATERMARK_4_4, &z, 3, 1000).verdict, WATERMARK_PASS);
}

TEST(numbers_that_cannot_be)
{
	struct watermark_zone z = { .free_pages = 3, .order_count = 99 };

	for (int i = 0; i < WATERMARK_ORDERS_MAX; i++)
		z.blocks[i] = UINT64_MAX;
	for (int era = WATERMARK_EL6; era <= WATERMARK_4_4; era++) {
		check_int(ask((enum watermark_era)era, &z, 31, UINT64_MAX).verdict, WATERMARK_FAIL);
		check_int(ask((enum watermark_era)era, &z, 32, 0).verdict, WATERMARK_FAIL);
		check_int(ask((enum watermark_era)era, &z, UINT32_MAX, 0).verdict, WATERMARK_FAIL);
	}
	z = (struct watermark_zone){ 0 };
	for (int era = WATERMARK_EL6; era <= WATERMARK_4_4; era++)
		check_int(ask((enum watermark_era)era, &z, 0, 0).verdict, WATERMARK_FAIL);
}

TEST(eras_by_release)
{
	check_int(watermark_era_of("2.6.32-642.6.2.el6.x86_64"), WATERMARK_EL6);
	check_int(watermark_era_of("2.6.32-5-amd64"), WATERMARK_OLD);
	check_int(watermark_era_of("3.0.58-0.6.6-xen"), WATERMARK_OLD);
	check_int(watermark_era_of("3.10.0-1160.el7.x86_64"), WATERMARK_OLD);
	check_int(watermark_era_of("4.3.6"), WATERMARK_OLD);
	check_int(watermark_era_of("4.4.0-21-generic"), WATERMARK_4_4);
	check_int(watermark_era_of("4.18.0-477.el8"), WATERMARK_4_4);
	check_int(watermark_era_of("6.1"), WATERMARK_4_4);
	check_int(watermark_era_of("7.2.13+deb"), WATERMARK_4_4);
	check_int(watermark_era_of(""), WATERMARK_4_4);
	check_int(watermark_era_of("unknown"), WATERMARK_4_4);
}
