/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Large mappings are sampled: pinned ones are told and left alone, others lose nothing by it. */

#include "act/fake-kernel.h"
#include "test.h"

static struct fake fake;

static uint64_t sum(const struct page_accounts *a)
{
	return a->moved + a->already_there + a->busy + a->pinned + a->shared + a->absent +
	       a->refused + a->not_tried;
}

static struct work_request request_of(uint64_t pages)
{
	struct work_request request = fake_request(pages);

	request.chunk_bytes = UINT64_C(64) << 20;
	return request;
}

static void prepare(bool tells)
{
	fake_reset(&fake);
	fake.tells_huge = tells;
}

TEST(a_pinned_mapping_is_counted_and_the_next_one_moves)
{
	static const enum fake_kind kinds[] = { FAKE_PINNED, FAKE_PINNED_HUGE };

	for (unsigned i = 0; i < 4; i++) {
		const struct work_request request = request_of(65536);

		prepare(i & 1);
		fake_fill(&fake, 0, 30720, kinds[i / 2], 0);
		fake_map(&fake, 0, 30720, "");
		fake_fill(&fake, 40960, 1024, FAKE_ANON, 0);
		fake_map(&fake, 40960, 1024, "");
		fake_run(&fake, &request);
		check_int(fake.last.error, 0);
		check_int(fake.last.pages.pinned, 30720);
		check_int(fake.last.pages.moved, 1024);
		check_int(sum(&fake.last.pages), 31744);
		/* Two looks at each portion of the sample. */
		check(fake.moves <= 24);
	}
}

/* Mapped by others as well, and not a guest's. */
TEST(a_shared_mapping_is_counted)
{
	struct work_request request = request_of(65536);

	prepare(true);
	fake_fill(&fake, 0, 30720, FAKE_SHARED, 0);
	fake_map(&fake, 0, 30720, "");
	fake_fill(&fake, 40960, 1024, FAKE_ANON, 0);
	fake_map(&fake, 40960, 1024, "");
	fake_run(&fake, &request);
	check_int(fake.last.pages.shared, 30720);
	check_int(fake.last.pages.moved, 1024);
	check(fake.moves <= 6);

	fake.map_next = 0;
	request.move_shared = true;
	fake_run(&fake, &request);
	check_int(fake.last.pages.shared, 0);
	check_int(fake.last.pages.moved, 30720);
}

/* Counting is for what was asked for: more of it would cost and say nothing. */
TEST(no_more_is_counted_than_was_asked_for)
{
	const struct work_request request = request_of(4096);

	prepare(true);
	fake_fill(&fake, 0, 65536, FAKE_PINNED, 0);
	fake_map(&fake, 0, 65536, "");
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 0);
	check(fake.last.pages.pinned >= 4096);
	check(fake.last.pages.pinned < 4096 + 512);
}

TEST(what_the_sample_moved_is_counted_once)
{
	static const enum fake_kind kinds[] = { FAKE_ANON, FAKE_HUGE };

	for (unsigned i = 0; i < 4; i++) {
		const struct work_request request = request_of(65536);

		prepare(i & 1);
		fake_fill(&fake, 0, 30720, kinds[i / 2], 0);
		fake_fill(&fake, 5120, 512, FAKE_ANON, 1);
		fake_map(&fake, 0, 30720, "");
		fake_run(&fake, &request);
		check_int(fake.last.pages.moved, 30720 - 512);
		check_int(fake.last.pages.already_there, 512);
		check_int(sum(&fake.last.pages), 30720);
		check_int(fake.pages_moved, 30720 - 512);
	}
}

/* Of folios that are not mapped as huge any more, which move whole when one page is named. */
TEST(what_comes_along_with_a_page_of_the_sample_is_counted)
{
	for (unsigned tells = 0; tells < 2; tells++) {
		const struct work_request request = request_of(65536);

		prepare(tells);
		fake_fill(&fake, 0, 30720, FAKE_HUGE, 0);
		for (size_t i = 0; i < 60; i++)
			fake_fill(&fake, i * 512 + 511, 1, FAKE_SWAPPED, 0);
		fake_map(&fake, 0, 30720, "");
		fake_run(&fake, &request);
		check_int(fake.pages_moved, 30720 - 60);
		check_int(fake.last.pages.moved, 30720 - 60);
		check_int(fake.last.pages.already_there, 0);
		check_int(sum(&fake.last.pages), 30720);
	}
}

TEST(a_small_mapping_is_not_sampled)
{
	const struct work_request request = fake_request(65536);

	prepare(true);
	fake_fill(&fake, 0, 8192, FAKE_ANON, 0);
	fake_map(&fake, 0, 8192, "");
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 8192);
	check_int(fake.moves, 16);
}

/* A device holds one half of it: what is pinned in a row is sampled anew. */
TEST(a_mapping_that_is_pinned_from_some_page_on)
{
	const struct work_request request = request_of(65536);

	prepare(true);
	fake_fill(&fake, 0, 16384, FAKE_ANON, 0);
	fake_fill(&fake, 16384, 49152, FAKE_PINNED, 0);
	fake_map(&fake, 0, 65536, "");
	fake.page_usec = 60;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 16384);
	check_int(fake.last.pages.pinned, 49152);
	check_int(sum(&fake.last.pages), 65536);
	check(fake.moves < 90);
}

/* What stays is at the beginning of it, and more than the amount is behind: that is moved without
 * trying what stays. */
TEST(what_stays_comes_last)
{
	static const enum fake_kind kinds[] = { FAKE_ANON, FAKE_HUGE };
	static const enum fake_kind pinned[] = { FAKE_PINNED, FAKE_PINNED_HUGE };

	for (unsigned i = 0; i < 4; i++) {
		struct work_request request = request_of(20480);

		prepare(i & 1);
		fake_fill(&fake, 0, 33280, pinned[i / 2], 0);
		fake_fill(&fake, 33280, 32256, kinds[i / 2], 0);
		fake_map(&fake, 0, 65536, "");
		fake_run(&fake, &request);
		check_int(fake.last.error, 0);
		check(fake.last.pages.moved > 20480 - 512);
		check(fake.last.pages.pinned <= 1024);

		/* All of it: each is tried, or counted. */
		prepare(i & 1);
		fake_fill(&fake, 0, 33280, pinned[i / 2], 0);
		fake_fill(&fake, 33280, 32256, kinds[i / 2], 0);
		fake_map(&fake, 0, 65536, "");
		request.bytes = 65536 * FAKE_PAGE;
		fake_run(&fake, &request);
		/* Where one begins and the other ends is known to a few windows. */
		check(fake.last.pages.moved <= 32256 && fake.last.pages.moved >= 32256 - 1024);
		check_int(fake.last.pages.moved + fake.last.pages.pinned, 65536);
		check(fake.moves < 120);
	}
}

/* Other pages of it move: none of them is given up. */
TEST(pinned_pages_here_and_there)
{
	const struct work_request request = request_of(65536);

	prepare(true);
	fake_fill(&fake, 0, 30720, FAKE_ANON, 0);
	for (size_t i = 0; i < 30720; i += 1024)
		fake_fill(&fake, i, 512, FAKE_PINNED, 0);
	fake_map(&fake, 0, 30720, "");
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 15360);
	check_int(fake.last.pages.pinned, 15360);
}

TEST(a_sparse_mapping)
{
	for (unsigned tells = 0; tells < 2; tells++) {
		const struct work_request request = request_of(65536);

		prepare(tells);
		fake_map(&fake, 0, 65536, "");
		fake_fill(&fake, 100, 3, FAKE_ANON, 0);
		fake_fill(&fake, 30000, 700, FAKE_ANON, 0);
		fake_fill(&fake, 65535, 1, FAKE_PINNED, 0);
		fake_run(&fake, &request);
		check_int(fake.last.pages.moved, 703);
		check_int(fake.last.pages.pinned, 1);
	}
}

TEST(a_sample_keeps_to_the_amount)
{
	for (unsigned tells = 0; tells < 2; tells++) {
		const struct work_request request = request_of(1200);

		prepare(tells);
		fake_fill(&fake, 0, 30720, FAKE_HUGE, 0);
		fake_map(&fake, 0, 30720, "");
		fake_run(&fake, &request);
		check_int(fake.pages_moved, 1024);
		check_int(fake.last.pages.moved, 1024);
	}
}

TEST(it_ends_in_the_sample)
{
	const struct work_request request = request_of(65536);

	prepare(true);
	fake_fill(&fake, 0, 30720, FAKE_PINNED, 0);
	fake_map(&fake, 0, 30720, "");
	fake.message_after_moves = 1;
	fake.message = (struct work_request){ .kind = WORK_CANCEL };
	fake_run(&fake, &request);
	check_int(fake.last.error, ECANCELED);
	check(fake.moves <= 2);
	check_int(fake.finals, 1);

	prepare(true);
	fake_fill(&fake, 0, 30720, FAKE_ANON, 0);
	fake_map(&fake, 0, 30720, "");
	fake.gone_after_moves = 1;
	fake_run(&fake, &request);
	check_int(fake.last.error, ESRCH);
	check_int(fake.moves, 1);
	check_int(fake.last.pages.moved, 0);

	prepare(true);
	fake_fill(&fake, 0, 30720, FAKE_ANON, 0);
	fake_map(&fake, 0, 30720, "");
	fake.refuse_move = -EACCES;
	fake_run(&fake, &request);
	check_int(fake.last.error, EACCES);
	check_int(fake.last.pages.refused, 8);

	prepare(true);
	fake_fill(&fake, 0, 30720, FAKE_ANON, 0);
	fake_map(&fake, 0, 30720, "");
	fake.room_pages = 5;
	fake_run(&fake, &request);
	check_int(fake.last.error, ENOSPC);
	check_int(fake.moves, 0);
}

/* Each part samples its own windows and counts its own pages. */
TEST(parts_of_a_pinned_mapping)
{
	struct work_request request = request_of(65536);
	uint64_t pinned = 0;

	request.move.parts = 2;
	for (request.move.part = 0; request.move.part < 2; request.move.part++) {
		prepare(true);
		fake_fill(&fake, 0, 61440, FAKE_PINNED, 0);
		fake_map(&fake, 0, 61440, "");
		fake_run(&fake, &request);
		check(fake.moves <= 24);
		pinned += fake.last.pages.pinned;
	}
	check_int(pinned, 61440);
}
