/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Address spaces that are thrown together by chance, the same on every run: whatever they hold,
 * each page ends in one account, what is said to have moved has moved, and never more than was
 * asked for.
 */

#include "act/fake-kernel.h"
#include "test.h"
#include "util/macro.h"

#define ROUNDS 300

static struct fake fake;
static uint32_t seed;

static unsigned chance(unsigned below)
{
	/* Marsaglia's xorshift. */
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

static uint64_t sum(const struct page_accounts *a)
{
	return a->moved + a->already_there + a->busy + a->pinned + a->shared + a->absent +
	       a->refused + a->not_tried;
}

static void fill_window(size_t first, unsigned huge_percent)
{
	static const enum fake_kind kinds[] = { FAKE_NONE,   FAKE_ANON,	 FAKE_ANON,   FAKE_ANON,
						FAKE_PINNED, FAKE_BUSY,	 FAKE_SHARED, FAKE_SWAPPED,
						FAKE_ZERO,   FAKE_HIDDEN };

	if (chance(100) < huge_percent) {
		fake_fill(&fake, first, 512, chance(8) ? FAKE_HUGE : FAKE_PINNED_HUGE,
			  chance(8) == 0);
		return;
	}
	for (size_t at = first; at < first + 512;) {
		size_t length = 1 + chance(chance(4) ? 512 : 8);

		length = MIN_OF(length, first + 512 - at);
		fake_fill(&fake, at, length, kinds[chance(ARRAY_SIZE(kinds))], chance(6) == 0);
		for (size_t i = at; i < at + length; i++)
			fake.pages[i].times = chance(4);
		at += length;
	}
}

/* Mappings of windows, one in four of them large. */
static uint64_t build(void)
{
	const unsigned huge_percent = chance(3) * 50;
	uint64_t pages = 0;
	size_t at = 0;

	fake_reset(&fake);
	fake.tells_huge = chance(2);
	fake.room_pages = 1 << 20;
	fake.blocks = chance(3) ? 1000 : chance(20);
	fake.move_usec = chance(2) * 1000;
	fake.page_usec = chance(100);
	while (at < FAKE_PAGES_MAX - 512 && fake.map_count < 40) {
		size_t windows = chance(4) ? 1 + chance(8) : 17 + chance(40);

		windows = MIN_OF(windows, (FAKE_PAGES_MAX - at) / 512);
		for (size_t i = 0; i < windows; i++)
			fill_window(at + i * 512, huge_percent);
		fake_map(&fake, at, windows * 512, "");
		at += windows * 512 + chance(2) * 512;
	}
	for (size_t i = 0; i < FAKE_PAGES_MAX; i++)
		pages += fake.pages[i].kind != FAKE_NONE;
	return pages;
}

static struct work_request request_of(uint64_t pages)
{
	struct work_request request = fake_request(pages);

	request.chunk_bytes = chance(2) ? UINT64_C(64) << 20 : UINT64_C(2) << 20;
	request.move.is_calm = chance(2);
	return request;
}

/* Where the kernel does not tell which pages are huge, a window that is taken for one without being
 * one may hold pages that were there already. */
static void check_moved(uint64_t moved)
{
	if (fake.tells_huge)
		check_int(moved, fake.pages_moved);
	check(moved >= fake.pages_moved);
	check(moved <= fake.pages_moved + 512);
}

TEST(every_page_is_in_one_account)
{
	seed = 4711;
	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint64_t pages = build();
		const struct work_request request = request_of(1 << 20);

		fake_run(&fake, &request);
		check_int(fake.last.error, 0);
		check_moved(fake.last.pages.moved);
		check_int(sum(&fake.last.pages), pages);
		check_int(fake.finals, 1);
		check(!request.move.is_calm || !fake.tells_huge || fake.splits == 0);
	}
}

TEST(never_more_than_was_asked_for)
{
	seed = 815;
	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint64_t pages = build();
		const struct work_request request = request_of(chance(20000));

		fake_run(&fake, &request);
		check_int(fake.last.error, 0);
		check_moved(fake.last.pages.moved);
		check(fake.pages_moved * FAKE_PAGE <= request.bytes);
		check(sum(&fake.last.pages) <= pages);
	}
}

TEST(parts_are_one_move)
{
	seed = 42;
	for (unsigned round = 0; round < ROUNDS / 3; round++) {
		const uint64_t pages = build();
		struct work_request request = request_of(1 << 20);
		uint64_t all = 0, moved = 0;

		request.move.parts = 1 + chance(4);
		for (; request.move.part < request.move.parts; request.move.part++) {
			fake.map_next = 0;
			fake_run(&fake, &request);
			all += sum(&fake.last.pages);
			moved += fake.last.pages.moved;
		}
		check_moved(moved);
		check_int(all, pages);
	}
}

/* It ends at any call: cancelled, or the process is gone, or there is no room. */
TEST(any_end)
{
	seed = 99;
	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint64_t pages = build();
		const struct work_request request = request_of(1 << 20);
		const unsigned how = chance(3);

		if (how == 0) {
			fake.message_after_moves = 1 + chance(20);
			fake.message = (struct work_request){ .kind = WORK_CANCEL };
		} else if (how == 1) {
			fake.gone_after_moves = 1 + chance(20);
		} else {
			fake.room_pages = chance(20000);
		}
		fake_run(&fake, &request);
		check_int(fake.finals, 1);
		check(fake.last.error == 0 || fake.last.error == ECANCELED ||
		      fake.last.error == ESRCH || fake.last.error == ENOSPC);
		check(fake.last.pages.moved <= fake.pages_moved);
		check(sum(&fake.last.pages) <= pages);
	}
}
