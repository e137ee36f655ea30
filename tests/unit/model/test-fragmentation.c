/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/fragmentation.h"
#include "test.h"
#include "util/macro.h"

static struct fragmentation compute(const uint64_t *blocks, size_t order_count, unsigned order)
{
	struct fragmentation f;

	check_int(fragmentation_compute(blocks, order_count, order, &f), 0);
	return f;
}

/* A host whose fork failed for an order-2 stack, kernel 4.5, zone DMA32. */
TEST(only_small_blocks_are_fragmentation)
{
	static const uint64_t blocks[11] = { 4513, 15 };
	struct fragmentation f = compute(blocks, 11, 2);

	check_int(f.free_pages, 4543);
	check_int(f.free_blocks, 4528);
	check_int(f.suitable_blocks, 0);
	check_int(f.unusable_permille, 1000);
	check_int(f.extfrag_permille, 749);
	check_int(compute(blocks, 11, 3).extfrag_permille, 875);
}

/* A host that failed order 2 with 990 MB free, kernel 3.0, zone DMA32: the index sees no failure,
 * as a few large blocks are left. */
TEST(few_large_blocks_are_no_failure_by_the_index)
{
	static const uint64_t blocks[11] = { 188513, 29459, 2, 2, 1, 0, 0, 1 };
	struct fragmentation f = compute(blocks, 11, 2);

	check_int(f.free_pages, 247599);
	check_int(f.suitable_blocks, 2 + 2 * 2 + 4 + 32);
	check_int(f.unusable_permille, 999);
	check_int(f.extfrag_permille, FRAGMENTATION_NOT_FAILING);
}

TEST(order_0_has_only_suitable_blocks)
{
	static const uint64_t blocks[11] = { 5, 3, 0, 0, 0, 0, 0, 0, 0, 0, 2 };
	struct fragmentation f = compute(blocks, 11, 0);

	check_int(f.free_pages, 5 + 6 + 2048);
	check_int(f.suitable_blocks, f.free_pages);
	check_int(f.unusable_permille, 0);
	check_int(f.extfrag_permille, FRAGMENTATION_NOT_FAILING);
}

TEST(nothing_free_is_lack_of_memory)
{
	static const uint64_t blocks[11] = { 0 };
	struct fragmentation f = compute(blocks, 11, 3);

	check_int(f.unusable_permille, 1000);
	check_int(f.extfrag_permille, 0);
	f = compute(NULL, 0, 0);
	check_int(f.free_pages, 0);
	check_int(f.unusable_permille, 1000);
}

TEST(fewer_pages_than_asked_for_lean_to_lack_of_memory)
{
	static const uint64_t two_pages[] = { 2 }, half[] = { 0, 0, 1 };

	/* 2 pages of the 1,024 asked for: 1000 - (1000 + 2000 / 1024) / 2 */
	check_int(compute(two_pages, 1, 10).extfrag_permille, 500);
	/* One block of half the size: the kernel's own answer, below 0. */
	check_int(compute(half, 3, 3).extfrag_permille, -500);
}

TEST(there_may_be_any_number_of_orders)
{
	static const uint64_t arm64[14] = { [3] = 7, [13] = 1 };
	uint64_t many[64] = { 0 };
	struct fragmentation f = compute(arm64, 14, 13);

	check_int(f.suitable_blocks, 1);
	check_int(f.unusable_permille, 56 * 1000 / (56 + 8192));
	/* above the kernel's largest order nothing is suitable */
	f = compute(arm64, 14, 14);
	check_int(f.suitable_blocks, 0);
	check_int(f.unusable_permille, 1000);
	many[0] = 1;
	check_int(compute(many, ARRAY_SIZE(many), 63).extfrag_permille, 0);
}

TEST(impossible_counts_are_refused_and_leave_the_result_alone)
{
	struct fragmentation f = { .free_pages = 42 };
	uint64_t one_order[1] = { UINT64_MAX };
	uint64_t two_orders[2] = { UINT64_MAX / 1000 - 1, 1 };
	uint64_t shifted[12] = { [11] = UINT64_C(1) << 53 };
	uint64_t beyond[65] = { [64] = 1 };

	check_int(fragmentation_compute(one_order, 1, 0, &f), -ERANGE);
	check_int(fragmentation_compute(two_orders, 2, 0, &f), -ERANGE);
	check_int(fragmentation_compute(shifted, 12, 0, &f), -ERANGE);
	check_int(fragmentation_compute(beyond, 65, 0, &f), -ERANGE);
	check_int(fragmentation_compute(one_order, 0, 64, &f), -EINVAL);
	check_int(f.free_pages, 42);

	/* the largest that there can be */
	check_int(fragmentation_compute(two_orders, 1, 1, &f), 0);
	check_int(f.unusable_permille, 1000);
	check_int(f.extfrag_permille, 500);
	beyond[64] = 0;
	check_int(fragmentation_compute(beyond, 65, 0, &f), 0);
}
