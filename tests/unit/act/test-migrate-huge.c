/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Huge pages: named by their first address, kept whole where the destination can take them, and
 * found out where the kernel does not tell which they are. */

#include "act/fake-kernel.h"
#include "test.h"

static struct fake fake;

static uint64_t sum(const struct page_accounts *a)
{
	return a->moved + a->already_there + a->busy + a->pinned + a->shared + a->absent +
	       a->refused + a->not_tried;
}

static void prepare(size_t pages, enum fake_kind kind, bool tells)
{
	fake_reset(&fake);
	fake_fill(&fake, 0, pages, kind, 0);
	fake_map(&fake, 0, pages, "");
	fake.tells_huge = tells;
}

static struct work_request request_of(uint64_t pages)
{
	struct work_request request = fake_request(pages);

	request.chunk_bytes = UINT64_C(64) << 20;
	return request;
}

TEST(one_address_for_each)
{
	const struct work_request request = request_of(8192);

	prepare(8192, FAKE_HUGE, true);
	fake_run(&fake, &request);
	check_int(fake.last.error, 0);
	check_int(fake.last.pages.moved, 8192);
	check_int(fake.last.done_bytes, 8192 * FAKE_PAGE);
	check_int(fake.pages_moved, 8192);
	check_int(fake.splits, 0);
	/* 4, 8 and four. */
	check_int(fake.moves, 3);
	check_int(fake.largest_move, 8);
	/* Where is it, and where is its last page afterwards: no more is asked. */
	check_int(fake.queried, 2 * 16);
}

TEST(portions_of_huge_pages_follow_the_time_of_a_call)
{
	const struct work_request request = request_of(65536);

	prepare(65536, FAKE_HUGE, true);
	fake.move_usec = 4000;
	fake.page_usec = 8; /* 4 ms each */
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 65536);
	/* The sample has 8 of them. */
	check(fake.largest_move >= 4);
	check(fake.longest_move <= 40 * USEC_PER_MSEC);
}

TEST(small_and_huge_ones_mixed)
{
	for (unsigned tells = 0; tells < 2; tells++) {
		const struct work_request request = request_of(6144);

		prepare(6144, FAKE_ANON, tells);
		fake_fill(&fake, 512, 1024, FAKE_HUGE, 0);
		fake_fill(&fake, 2048, 512, FAKE_HUGE, 0);
		fake_fill(&fake, 4096, 512, FAKE_HUGE, 0);
		fake_fill(&fake, 5000, 100, FAKE_NONE, 0);
		fake_fill(&fake, 5200, 100, FAKE_ZERO, 0);
		fake_fill(&fake, 5400, 100, FAKE_ANON, 1);
		fake_fill(&fake, 5600, 3, FAKE_PINNED, 0);
		fake_run(&fake, &request);
		check_int(fake.last.error, 0);
		check_int(fake.last.pages.moved, 6144 - 303);
		check_int(fake.last.pages.absent, 100);
		check_int(fake.last.pages.already_there, 100);
		check_int(fake.last.pages.pinned, 3);
		check_int(sum(&fake.last.pages), 6044);
		check_int(fake.pages_moved, 6144 - 303);
		check_int(fake.splits, 0);
	}
}

/* The kernel says nothing: the first shows it, and the others are taken for the same. */
TEST(huge_pages_are_found_out)
{
	const struct work_request request = request_of(8192);

	prepare(8192, FAKE_HUGE, false);
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 8192);
	check_int(fake.pages_moved, 8192);
	/* 1, 4, 8 and three. */
	check_int(fake.moves, 4);
	check_int(fake.largest_move, 8);
	/* All of the first is asked for before, and nine places of each other one. */
	check_int(fake.queried, 512 + 9 * 15 + 16);
}

TEST(small_pages_are_found_out)
{
	const struct work_request request = fake_request(8192);

	prepare(8192, FAKE_ANON, false);
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 8192);
	check_int(fake.pages_moved, 8192);
	/* Two were tried by their first page, the others were not. */
	check(fake.moves <= 16 + 3);
	check(fake.moves >= 16 + 2);
}

/* Of one large mapping the kernel collapses some later on. */
TEST(small_ones_are_asked_again_now_and_then)
{
	const struct work_request request = request_of(65536);

	prepare(65536, FAKE_ANON, false);
	fake_fill(&fake, 50 * 512, 78 * 512, FAKE_HUGE, 0);
	fake.room_pages = 100000;
	fake.page_usec = 60; /* of 512: 31 ms */
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 65536);
	check_int(fake.pages_moved, 65536);
	check_int(fake.splits, 0);
}

/* After some mappings of small pages the next ones are not asked. */
TEST(many_mappings_of_small_pages_cost_few_calls)
{
	const struct work_request request = request_of(65536);

	fake_reset(&fake);
	fake.tells_huge = false;
	for (size_t i = 0; i < 40; i++) {
		fake_fill(&fake, i * 1536, 1536, FAKE_ANON, 0);
		fake_map(&fake, i * 1536, 1536, "");
	}
	fake.page_usec = 60; /* of 512: 31 ms */
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 40 * 1536);
	check(fake.moves <= 40 * 3 + 2 * 4 + 6);
}

TEST(a_calm_move_leaves_what_would_be_split)
{
	struct work_request request = request_of(8192);

	prepare(8192, FAKE_HUGE, true);
	fake_fill(&fake, 512, 512, FAKE_ANON, 0);
	fake.blocks = 3;
	request.move.is_calm = true;
	fake_run(&fake, &request);
	check_int(fake.last.error, 0);
	check_int(fake.last.pages.moved, 4 * 512);
	check_int(fake.last.pages.not_tried, 12 * 512);
	check_int(fake.splits, 0);
	/* None: that is believed for a second. */
	check(fake.block_reads < 10);

	/* Of what the kernel says nothing one is tried. */
	prepare(8192, FAKE_HUGE, false);
	fake.blocks = 1;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 512);
	check_int(fake.last.pages.not_tried, 15 * 512);
	check_int(fake.splits, 0);

	/* Nor for a sample. */
	prepare(32768, FAKE_HUGE, true);
	fake.blocks = 0;
	request.bytes = 32768 * FAKE_PAGE;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 0);
	check_int(fake.last.pages.not_tried, 32768);
	check_int(fake.splits, 0);
	check_int(fake.moves, 0);
}

TEST(a_host_that_does_not_tell_of_blocks_is_trusted)
{
	struct work_request request = request_of(8192);

	prepare(8192, FAKE_HUGE, true);
	fake.refuse_blocks = -ENODATA;
	request.move.is_calm = true;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 8192);
}

/* Relief takes them all the same, but what is small first. */
TEST(relief_takes_them_last)
{
	struct work_request request = request_of(4096);

	prepare(4096, FAKE_HUGE, true);
	fake_fill(&fake, 2048, 2048, FAKE_ANON, 0);
	fake.blocks = 0;
	request.bytes = 2048 * FAKE_PAGE;
	fake_run(&fake, &request);
	check_int(fake.last.error, 0);
	check_int(fake.last.pages.moved, 2048);
	check_int(fake.splits, 0);
	check_int(fake.pages[2048].node, 1);
	check_int(fake.last.pages.not_tried, 2048);

	prepare(4096, FAKE_HUGE, true);
	fake_fill(&fake, 2048, 2048, FAKE_ANON, 0);
	fake.blocks = 0;
	request.bytes = 4096 * FAKE_PAGE;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 4096);
	check_int(fake.pages_moved, 4096);
	check_int(fake.splits, 4);
	check_int(fake.last.pages.not_tried, 0);
}

/* More than can wait: 2 GiB, here with a shorter list's worth of pages. */
TEST(an_end_before_the_last_ones_leaves_them)
{
	struct work_request request = request_of(4096);

	prepare(4096, FAKE_HUGE, true);
	fake_fill(&fake, 2048, 2048, FAKE_ANON, 0);
	fake.blocks = 0;
	fake.message_after_moves = 2;
	fake.message = (struct work_request){ .kind = WORK_CANCEL };
	request.bytes = 4096 * FAKE_PAGE;
	fake_run(&fake, &request);
	check_int(fake.last.error, ECANCELED);
	check_int(fake.splits, 0);
	check_int(fake.last.pages.not_tried + fake.last.pages.moved, 4096);
}

/* One is split and some of its pages stay: each is in one account. */
TEST(what_is_split_and_stays_is_accounted)
{
	for (unsigned tells = 0; tells < 2; tells++) {
		const struct work_request request = request_of(2048);

		prepare(2048, FAKE_HUGE, tells);
		fake.blocks = 0;
		fake.split_leaves = 10;
		fake_run(&fake, &request);
		check_int(fake.last.error, 0);
		check_int(fake.last.pages.moved, 2048 - 40);
		check_int(fake.last.pages.pinned, 40);
		check_int(sum(&fake.last.pages), 2048);
		check_int(fake.pages_moved, 2048 - 40);
	}
}

TEST(pinned_ones_are_counted_whole)
{
	for (unsigned tells = 0; tells < 2; tells++) {
		const struct work_request request = request_of(4096);

		prepare(4096, FAKE_HUGE, tells);
		fake_fill(&fake, 1024, 1024, FAKE_PINNED_HUGE, 0);
		fake_run(&fake, &request);
		check_int(fake.last.pages.moved, 3072);
		check_int(fake.last.pages.pinned, 1024);
		check_int(sum(&fake.last.pages), 4096);
	}
}

TEST(a_kernel_that_refuses_is_told_for_all_pages)
{
	const struct work_request request = request_of(512);

	prepare(512, FAKE_HUGE, true);
	fake.refuse_move = -EPERM;
	fake_run(&fake, &request);
	check_int(fake.last.error, EPERM);
	check_int(fake.last.pages.refused, 512);

	prepare(512, FAKE_HUGE, true);
	fake.refuse_query = -EACCES;
	fake_run(&fake, &request);
	check_int(fake.last.error, EACCES);
	check_int(fake.last.pages.refused, 512);

	prepare(512, FAKE_HUGE, false);
	fake.refuse_query = -EACCES;
	fake_run(&fake, &request);
	check_int(fake.last.pages.refused, 512);

	prepare(512, FAKE_HUGE, true);
	fake.gone_after_moves = 1;
	fake_run(&fake, &request);
	check_int(fake.last.error, ESRCH);
	check_int(fake.last.pages.absent, 512);
}

TEST(a_destination_without_room_for_one)
{
	struct work_request request = request_of(2048);

	prepare(2048, FAKE_HUGE, true);
	fake.room_pages = 700;
	request.to_reserve_bytes = 100 * FAKE_PAGE;
	fake_run(&fake, &request);
	check_int(fake.last.error, ENOSPC);
	check_int(fake.last.pages.moved, 512);
	check_int(fake.last.pages.not_tried, 512);
}
