/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where every page of a move ends, against a kernel that answers in all the ways the real one can.
 */

#include "act/fake-kernel.h"
#include "test.h"
#include "util/macro.h"

static struct fake fake;

static uint64_t sum(const struct page_accounts *a)
{
	return a->moved + a->already_there + a->busy + a->pinned + a->shared + a->absent +
	       a->refused + a->not_tried;
}

static uint64_t count_on(const struct fake *f, int node)
{
	uint64_t n = 0;

	for (size_t i = 0; i < FAKE_PAGES_MAX; i++)
		n += f->pages[i].kind != FAKE_NONE && f->pages[i].kind != FAKE_SWAPPED &&
		     f->pages[i].node == node;
	return n;
}

TEST(everything_moves_in_portions)
{
	const struct work_request request = fake_request(1536);

	fake_reset(&fake);
	fake_fill(&fake, 0, 1536, FAKE_ANON, 0);
	fake_map(&fake, 0, 1536, "[heap]");
	fake_run(&fake, &request);
	check_int(fake.last.error, 0);
	check(fake.last.final);
	check_int(fake.last.token, 7);
	check_int(fake.last.pages.moved, 1536);
	check_int(fake.last.done_bytes, 1536 * FAKE_PAGE);
	check_int(fake.moves, 3);
	check_int(fake.largest_move, 512);
	check_int(count_on(&fake, 1), 1536);
}

/* A portion of which the kernel says that all of it moved is not asked for page by page. */
TEST(asking_is_cheap_where_all_goes_well)
{
	const struct work_request request = fake_request(4096);

	fake_reset(&fake);
	fake_fill(&fake, 0, 4096, FAKE_ANON, 0);
	fake_map(&fake, 0, 4096, "");
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 4096);
	check_int(fake.queried, 4096 + 4096 / 16);

	/* Unmapped after it was moved, before it is asked for. */
	fake_reset(&fake);
	fake_fill(&fake, 0, 4096, FAKE_ANON, 0);
	fake_map(&fake, 0, 4096, "");
	fake.unmapped_after_moves = 3;
	fake.unmapped_first = 1024;
	fake.unmapped_count = 100;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 3996);
	check_int(fake.last.pages.absent, 100);
}

TEST(each_page_is_in_one_account)
{
	struct work_request request = fake_request(512);

	fake_reset(&fake);
	fake_fill(&fake, 0, 100, FAKE_ANON, 0);
	fake_fill(&fake, 100, 20, FAKE_ANON, 1);
	fake_fill(&fake, 120, 3, FAKE_PINNED, 0);
	fake_fill(&fake, 123, 5, FAKE_SHARED, 0);
	fake_fill(&fake, 128, 4, FAKE_SWAPPED, 0);
	fake_fill(&fake, 132, 6, FAKE_VANISHING, 0);
	fake_fill(&fake, 138, 2, FAKE_BUSY, 0);
	fake.pages[138].times = 100; /* for good; the other one for the first look */
	fake_fill(&fake, 140, 50, FAKE_ANON, 0);
	fake_fill(&fake, 190, 7, FAKE_HIDDEN, 0);
	fake_fill(&fake, 197, 8, FAKE_ZERO, 0);
	fake_map(&fake, 0, 300, "");
	fake_run(&fake, &request);
	check_int(fake.last.error, 0);
	check_int(fake.last.pages.moved, 151);
	check_int(fake.last.pages.already_there, 20);
	check_int(fake.last.pages.pinned, 3);
	check_int(fake.last.pages.shared, 5);
	check_int(fake.last.pages.absent, 18);
	check_int(fake.last.pages.busy, 8);
	check_int(fake.last.pages.refused, 0);
	check_int(fake.last.pages.not_tried, 0);
	check_int(sum(&fake.last.pages), 205);
	check_int(fake.pages_moved, 151);
}

TEST(shared_pages_go_when_it_is_asked_for)
{
	struct work_request request = fake_request(64);

	fake_reset(&fake);
	fake_fill(&fake, 0, 64, FAKE_SHARED, 0);
	fake_map(&fake, 0, 64, "/memfd:ram (deleted)");
	request.move_shared = true;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 64);
	check_int(fake.last.pages.shared, 0);
}

/* A pinned page ends the call; what stands behind it, past one that could not be gathered, is not
 * lost. */
TEST(pages_behind_a_failure_are_tried_again)
{
	const struct work_request request = fake_request(512);

	fake_reset(&fake);
	fake_fill(&fake, 0, 512, FAKE_ANON, 0);
	fake_fill(&fake, 10, 1, FAKE_PINNED, 0);
	fake_fill(&fake, 20, 1, FAKE_SHARED, 0);
	fake_fill(&fake, 300, 1, FAKE_PINNED, 0);
	fake_map(&fake, 0, 512, "");
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 509);
	check_int(fake.last.pages.pinned, 2);
	check_int(fake.last.pages.shared, 1);
}

TEST(tails_of_huge_pages_count_as_moved)
{
	const struct work_request request = fake_request(1024);

	fake_reset(&fake);
	fake_fill(&fake, 0, 1024, FAKE_HUGE, 0);
	fake_map(&fake, 0, 1024, "");
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 1024);
	check_int(fake.last.pages.busy, 0);
	check_int(fake.moves, 2);
}

TEST(never_more_than_asked_even_of_huge_pages)
{
	const struct work_request request = fake_request(800);

	fake_reset(&fake);
	fake_fill(&fake, 0, 2048, FAKE_HUGE, 0);
	fake_map(&fake, 0, 2048, "");
	fake_run(&fake, &request);
	check_int(fake.pages_moved, 512);
	check_int(fake.last.done_bytes, 512 * FAKE_PAGE);
	check_int(fake.last.error, 0);
	check_int(fake.last.pages.not_tried, 1536);
}

/* 300 pages are left after the first window: the full ones do not fit, a small one does. */
TEST(a_remainder_is_filled_with_smaller_windows)
{
	const struct work_request request = fake_request(812);

	fake_reset(&fake);
	fake_fill(&fake, 0, 1024, FAKE_ANON, 0);
	fake_fill(&fake, 2048, 280, FAKE_ANON, 0);
	fake_map(&fake, 0, 1024, "");
	fake_map(&fake, 2048, 300, "");
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 792);
	check_int(fake.pages_moved, 792);
}

TEST(sparse_windows_share_a_call)
{
	const struct work_request request = fake_request(4096);

	fake_reset(&fake);
	for (size_t i = 0; i < 16; i++) {
		fake_fill(&fake, i * 512 + 7, 20, FAKE_ANON, 0);
		fake_map(&fake, i * 512, 512, "");
	}
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 320);
	check_int(fake.moves, 1);
}

TEST(a_destination_that_fills_up_ends_it)
{
	const struct work_request request = fake_request(2048);

	fake_reset(&fake);
	fake_fill(&fake, 0, 2048, FAKE_ANON, 0);
	fake_map(&fake, 0, 2048, "");
	fake.room_pages = 600;
	fake_run(&fake, &request);
	check_int(fake.last.error, ENOSPC);
	/* Down to what is less than the least portion, in some calls. */
	check(fake.last.pages.moved > 600 - 64);
	check(fake.moves <= 8);
}

/* The room looked large enough and was gone by then: -ENOMEM, without a word about any page. */
TEST(a_call_that_runs_out_of_room_is_accounted_by_where_pages_are)
{
	struct work_request request = fake_request(512);

	fake_reset(&fake);
	fake_fill(&fake, 0, 512, FAKE_HUGE, 0);
	/* 512 fit by the count, but the folio's half that is not in the map comes along. */
	fake_fill(&fake, 512, 512, FAKE_ANON, 0);
	fake_map(&fake, 256, 512, "");
	fake.room_pages = 520;
	fake.gone_pages = 8192;
	request.bytes = 1024 * FAKE_PAGE;
	fake_run(&fake, &request);
	check_int(fake.last.error, ENOSPC);
	check_int(fake.last.pages.moved, 264);
	check_int(fake.last.pages.not_tried, 248);
}

TEST(the_reserve_of_the_destination_is_kept)
{
	struct work_request request = fake_request(1024);

	fake_reset(&fake);
	fake_fill(&fake, 0, 1024, FAKE_ANON, 0);
	fake_map(&fake, 0, 1024, "");
	fake.room_pages = 1000;
	request.to_reserve_bytes = 400 * FAKE_PAGE;
	fake_run(&fake, &request);
	check_int(fake.last.error, ENOSPC);
	/* What is left above the reserve goes in small calls. */
	check(fake.last.pages.moved > 600 - 64);
	check(fake.room_pages * FAKE_PAGE >= request.to_reserve_bytes);

	fake_reset(&fake);
	fake_fill(&fake, 0, 1024, FAKE_ANON, 0);
	fake_map(&fake, 0, 1024, "");
	fake.room_pages = 460;
	fake_run(&fake, &request);
	check_int(fake.last.error, ENOSPC);
	check_int(fake.moves, 0);
	check_int(fake.last.pages.not_tried, 512);
}

/* Where CPUs are scarce calls take seconds, and rests are multiples of them. */
/* What others take of it meanwhile counts where it is little, or was looked at long ago. */
TEST(plenty_of_room_is_not_asked_for_each_time)
{
	const struct work_request request = fake_request(4096);

	fake_reset(&fake);
	fake_fill(&fake, 0, 4096, FAKE_ANON, 0);
	fake_map(&fake, 0, 4096, "");
	fake.move_usec = 6000;
	fake_run(&fake, &request);
	check_int(fake.moves, 8);
	check_int(fake.room_reads, 1);

	fake_reset(&fake);
	fake_fill(&fake, 0, 4096, FAKE_ANON, 0);
	fake_map(&fake, 0, 4096, "");
	fake.move_usec = 60000;
	fake_run(&fake, &request);
	check_int(fake.room_reads, fake.moves);

	fake_reset(&fake);
	fake_fill(&fake, 0, 4096, FAKE_ANON, 0);
	fake_map(&fake, 0, 4096, "");
	fake.move_usec = 6000;
	fake.room_pages = 6000;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 4096);
	check_int(fake.room_reads, fake.moves + 1);
}

TEST(a_long_rest_is_no_silence_and_can_be_cancelled)
{
	struct work_request request = fake_request(4096);

	request.move.is_calm = true;
	fake_reset(&fake);
	fake_fill(&fake, 0, 4096, FAKE_ANON, 0);
	fake_map(&fake, 0, 4096, "");
	fake.move_usec = 12 * USEC_PER_SEC;
	fake.stall_permyriad[STALL_SERVICE_MEMORY] = 9000;
	for (unsigned i = 0; i < STALL_COUNT_; i++)
		fake.stalls[i].known = true;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 4096);
	check(fake.slept > 60 * USEC_PER_SEC);
	check(fake.longest_silence <= 13 * USEC_PER_SEC);

	fake_fill(&fake, 0, 4096, FAKE_ANON, 0);
	fake.map_next = 0;
	fake.moves = 0;
	fake.slept = 0;
	fake.message_after_moves = 1;
	fake.message = (struct work_request){ .kind = WORK_CANCEL };
	fake_run(&fake, &request);
	check_int(fake.last.error, ECANCELED);
	check_int(fake.moves, 1);
	check(fake.slept <= USEC_PER_SEC);
}

/* Each portion has many looks to tell what stays, and nobody hears of it before the last one. */
TEST(slow_calls_are_fewer_looks)
{
	struct work_request request = fake_request(512);

	for (unsigned tells = 0; tells < 2; tells++) {
		fake_reset(&fake);
		fake.tells_huge = tells;
		fake_fill(&fake, 0, 512, FAKE_ANON, 0);
		for (size_t i = 0; i < 512; i += 100)
			fake_fill(&fake, i, 2, i % 200 ? FAKE_BUSY : FAKE_PINNED, 0);
		fake_map(&fake, 0, 512, "");
		fake.move_usec = 12 * USEC_PER_SEC;
		fake_run(&fake, &request);
		check(fake.longest_silence <= 25 * USEC_PER_SEC);
		check_int(fake.last.pages.moved + fake.last.pages.pinned + fake.last.pages.busy +
				  fake.last.pages.not_tried,
			  512);
	}
	/* Of which each may be pinned, and is asked for apart. */
	fake_reset(&fake);
	fake.tells_huge = false;
	fake_fill(&fake, 0, 4096, FAKE_PINNED_HUGE, 0);
	fake_map(&fake, 0, 4096, "");
	fake.move_usec = 12 * USEC_PER_SEC;
	request = fake_request(4096);
	fake_run(&fake, &request);
	check(fake.longest_silence <= 25 * USEC_PER_SEC);
}

TEST(cancel_ends_it_at_the_next_portion)
{
	const struct work_request request = fake_request(5120);

	fake_reset(&fake);
	fake_fill(&fake, 0, 5120, FAKE_ANON, 0);
	fake_map(&fake, 0, 5120, "");
	fake.message_after_moves = 2;
	fake.message = (struct work_request){ .kind = WORK_CANCEL };
	fake_run(&fake, &request);
	check_int(fake.last.error, ECANCELED);
	check_int(fake.moves, 2);
	check_int(fake.last.pages.moved, 1024);
	check_int(fake.last.pages.not_tried, 512);
	check_int(fake.finals, 1);
}

TEST(resize_changes_the_amount_both_ways)
{
	struct work_request request = fake_request(5120);

	fake_reset(&fake);
	fake_fill(&fake, 0, 8192, FAKE_ANON, 0);
	fake_map(&fake, 0, 8192, "");
	fake.message_after_moves = 1;
	fake.message = (struct work_request){ .kind = WORK_RESIZE, .bytes = 1024 * FAKE_PAGE };
	fake_run(&fake, &request);
	check_int(fake.last.error, 0);
	check_int(fake.last.pages.moved, 1024);

	fake_reset(&fake);
	fake_fill(&fake, 0, 8192, FAKE_ANON, 0);
	fake_map(&fake, 0, 8192, "");
	fake.message_after_moves = 1;
	fake.message = (struct work_request){ .kind = WORK_RESIZE, .bytes = 4096 * FAKE_PAGE };
	request = fake_request(1024);
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 4096);

	/* Below what is done already: nothing more moves, nothing is taken back. */
	fake_reset(&fake);
	fake_fill(&fake, 0, 8192, FAKE_ANON, 0);
	fake_map(&fake, 0, 8192, "");
	fake.message_after_moves = 2;
	fake.message = (struct work_request){ .kind = WORK_RESIZE, .bytes = FAKE_PAGE };
	request = fake_request(5120);
	fake_run(&fake, &request);
	check_int(fake.last.error, 0);
	check_int(fake.last.pages.moved, 1024);
}

TEST(another_process_under_the_pid_is_left_alone)
{
	const struct work_request request = fake_request(5120);

	fake_reset(&fake);
	fake_fill(&fake, 0, 5120, FAKE_ANON, 0);
	fake_map(&fake, 0, 5120, "");
	fake.gone_after_moves = 3;
	fake_run(&fake, &request);
	check_int(fake.last.error, ESRCH);
	check_int(fake.moves, 3);
	/* What the third call did is nobody's. */
	check_int(fake.last.pages.moved, 1024);
	check_int(fake.last.pages.absent, 512);
}

TEST(refusals_of_whole_calls_are_told)
{
	static const int errors[] = { EPERM, EACCES, ENODEV };
	const struct work_request request = fake_request(1024);

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		fake_reset(&fake);
		fake_fill(&fake, 0, 1024, FAKE_ANON, 0);
		fake_map(&fake, 0, 1024, "");
		fake.refuse_move = -errors[i];
		fake_run(&fake, &request);
		check_int(fake.last.error, errors[i]);
		check_int(fake.last.pages.refused, 512);
		check_int(fake.last.pages.moved, 0);
		check_int(fake.moves, 1);
	}
	fake_reset(&fake);
	fake_fill(&fake, 0, 1024, FAKE_ANON, 0);
	fake_map(&fake, 0, 1024, "");
	fake.refuse_query = -EPERM;
	fake_run(&fake, &request);
	check_int(fake.last.error, EPERM);
	check_int(fake.last.pages.refused, 512);
	check_int(fake.moves, 0);
}

/* The kernel's word for a process that is exiting is EINVAL. */
TEST(an_exiting_process_is_gone_not_refused)
{
	const struct work_request request = fake_request(1024);

	fake_reset(&fake);
	fake_fill(&fake, 0, 1024, FAKE_ANON, 0);
	fake_map(&fake, 0, 1024, "");
	fake.refuse_move = -EINVAL;
	fake.gone_after_moves = 1;
	fake_run(&fake, &request);
	check_int(fake.last.error, ESRCH);
	check_int(fake.last.pages.refused, 0);
}

TEST(a_pinned_guest_is_given_up_early)
{
	const struct work_request request = fake_request(40960);

	fake_reset(&fake);
	fake_fill(&fake, 0, 40960, FAKE_PINNED, 0);
	fake_map(&fake, 0, 40960, "");
	fake_run(&fake, &request);
	check_int(fake.last.error, 0);
	check_int(fake.last.pages.moved, 0);
	check(fake.last.pages.pinned >= 512);
	check(fake.moves <= 16);
}

/* Several workers over one process: each has its windows, and together they have all. */
TEST(parts_share_the_windows)
{
	struct work_request request = fake_request(65536);
	uint64_t moved = 0, first = 0, not_tried = 0;
	struct migrate_map *map;

	for (unsigned tells = 0; tells < 2; tells++) {
		fake_reset(&fake);
		fake_fill(&fake, 300, 5000, FAKE_ANON, 0);
		fake_fill(&fake, 12288, 512 * 6, FAKE_HUGE, 0);
		fake_fill(&fake, 20480, 10240, FAKE_ANON, 0);
		fake_map(&fake, 300, 5000, "");
		fake_map(&fake, 12288, 512 * 6, "");
		fake_map(&fake, 20480, 10240, "");
		map = fake_map(&fake, 40960, 512, "/dev/hugepages/guest");
		map->huge = true;
		map->huge_from_pages = 512;
		fake.tells_huge = tells;
		request.move.parts = 3;
		moved = not_tried = 0;
		for (request.move.part = 0; request.move.part < 3; request.move.part++) {
			fake.map_next = 0;
			fake_run(&fake, &request);
			check_int(fake.last.error, 0);
			check(fake.last.pages.moved > 4096);
			check_int(fake.last.pages.already_there, 0);
			moved += fake.last.pages.moved;
			not_tried += fake.last.pages.not_tried;
			if (request.move.part == 0)
				first = count_on(&fake, 1);
		}
		check(first < 8000);
		check_int(moved, 5000 + 512 * 6 + 10240);
		check_int(fake.pages_moved, moved);
		/* The pool's pages are told of once. */
		check_int(not_tried, 512);
	}
}

TEST(a_part_keeps_to_its_amount_and_can_be_stopped)
{
	struct work_request request = fake_request(2048);

	fake_reset(&fake);
	fake_fill(&fake, 0, 30720, FAKE_ANON, 0);
	fake_map(&fake, 0, 30720, "");
	request.move.parts = 2;
	request.move.part = 1;
	fake_run(&fake, &request);
	/* The rest of the amount is less than a window. */
	check(fake.last.pages.moved > 1536 && fake.last.pages.moved <= 2048);
	check_int(fake.last.pages.moved, fake.pages_moved);
	for (size_t i = 0; i < 30720; i++)
		check(fake.pages[i].node == 0 || i / 512 % 2 == 1);

	fake_reset(&fake);
	fake_fill(&fake, 0, 30720, FAKE_ANON, 0);
	fake_map(&fake, 0, 30720, "");
	fake.message_after_moves = 3;
	fake.message = (struct work_request){ .kind = WORK_CANCEL };
	request.bytes = 30720 * FAKE_PAGE;
	fake_run(&fake, &request);
	check_int(fake.last.error, ECANCELED);
	check_int(fake.moves, 3);

	fake_reset(&fake);
	fake_fill(&fake, 0, 30720, FAKE_ANON, 0);
	fake_map(&fake, 0, 30720, "");
	fake.message_after_moves = 3;
	fake.message = (struct work_request){ .kind = WORK_RESIZE, .bytes = 4096 * FAKE_PAGE };
	fake_run(&fake, &request);
	check_int(fake.last.error, 0);
	check(fake.last.pages.moved > 3584 && fake.last.pages.moved <= 4096);

	/* It exits under two of them. */
	fake_reset(&fake);
	fake_fill(&fake, 0, 30720, FAKE_ANON, 0);
	fake_map(&fake, 0, 30720, "");
	fake.gone_after_moves = 4;
	fake_run(&fake, &request);
	check_int(fake.last.error, ESRCH);
	check_int(fake.moves, 4);
	check_int(fake.finals, 1);
}

TEST(only_what_prefers_the_node)
{
	struct work_request request = fake_request(4096);

	fake_reset(&fake);
	fake_fill(&fake, 0, 2048, FAKE_ANON, 0);
	fake_map(&fake, 0, 512, "");
	fake_map(&fake, 512, 512, "")->prefers = false;
	fake_map(&fake, 1024, 512, "");
	fake_map(&fake, 1536, 512, "")->prefers = false;
	fake.maps[3].huge = true;
	fake.maps[3].huge_from_pages = 512;
	request.move.has_preferred = true;
	request.move.preferred = 1;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 1024);
	check_int(sum(&fake.last.pages), 1024);
	check_int(fake.pages[600].node, 0);
}

TEST(page_cache_and_the_kernels_pages_stay)
{
	const struct work_request request = fake_request(4096);
	struct migrate_map *map;

	fake_reset(&fake);
	fake_fill(&fake, 0, 100, FAKE_FILE, 0);
	fake_map(&fake, 0, 100, "/usr/lib/libc.so.6");
	/* Written to: a private copy. */
	fake_fill(&fake, 600, 10, FAKE_ANON, 0);
	fake_map(&fake, 600, 10, "/usr/lib/libc.so.6");
	fake_fill(&fake, 1000, 50, FAKE_FILE, 0);
	fake_map(&fake, 1000, 50, "/memfd:pc.ram (deleted)");
	fake_fill(&fake, 1100, 2, FAKE_ANON, 0);
	fake_map(&fake, 1100, 2, "[vdso]")->map.special = true;
	fake_fill(&fake, 2048, 512, FAKE_ANON, 0);
	map = fake_map(&fake, 2048, 512, "/dev/hugepages/guest");
	map->huge = true;
	map->huge_from_pages = 512;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 60);
	check_int(fake.last.pages.not_tried, 512);
	check_int(sum(&fake.last.pages), 572);
}

TEST(pages_on_a_third_node_are_nobodys_business)
{
	const struct work_request request = fake_request(512);

	fake_reset(&fake);
	fake_fill(&fake, 0, 100, FAKE_ANON, 2);
	fake_fill(&fake, 100, 10, FAKE_ANON, 0);
	fake_map(&fake, 0, 110, "");
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 10);
	check_int(sum(&fake.last.pages), 10);
	check_int(count_on(&fake, 2), 100);
}

TEST(it_rests_between_portions)
{
	const struct work_request request = fake_request(512 * 10);

	fake_reset(&fake);
	fake_fill(&fake, 0, 512 * 10, FAKE_ANON, 0);
	fake_map(&fake, 0, 512 * 10, "");
	fake.move_usec = 1000;
	fake_run(&fake, &request);
	check_int(fake.moves, 10);
	check_int(fake.slept, 9 * (request.pause_usec - fake.move_usec));

	/* Longer calls leave the CPUs alone for long enough: a node that runs dry does not wait. */
	fake_reset(&fake);
	fake_fill(&fake, 0, 512 * 10, FAKE_ANON, 0);
	fake_map(&fake, 0, 512 * 10, "");
	fake.move_usec = 100 * USEC_PER_MSEC;
	fake_run(&fake, &request);
	check_int(fake.slept, 0);
	check_int(fake.last.pages.moved, 5120);

	/* What is held by others is given time. */
	fake_reset(&fake);
	fake_fill(&fake, 0, 512 * 10, FAKE_PINNED, 0);
	fake_map(&fake, 0, 512 * 10, "");
	fake.move_usec = 100 * USEC_PER_MSEC;
	fake_run(&fake, &request);
	check(fake.slept * 16 >= fake.moving / 10 * 9);
	check_int(fake.last.pages.pinned, 5120);
}

TEST(portions_grow_while_calls_are_short)
{
	struct work_request request = fake_request(16384);

	fake_reset(&fake);
	fake_fill(&fake, 0, 16384, FAKE_ANON, 0);
	fake_map(&fake, 0, 16384, "");
	request.chunk_bytes = 2048 * FAKE_PAGE;
	fake.move_usec = 2000;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 16384);
	/* Less what went with the sample. */
	check(fake.largest_move >= 2040 && fake.largest_move <= 2048);
	/* Eight pages to see whether it moves; 1024, then as large as they may be. */
	check_int(fake.moves, 2 + (16384 - 1024 - 8 + 2047) / 2048);

	fake_reset(&fake);
	fake_fill(&fake, 0, 16384, FAKE_ANON, 0);
	fake_map(&fake, 0, 16384, "");
	fake.move_usec = 250 * USEC_PER_MSEC;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 16384);
	/* Where each is as slow whatever is in it, they are large. */
	check(fake.moves <= 14);

	/* Large portions do not let more through than was asked for. */
	fake_reset(&fake);
	fake_fill(&fake, 0, 16384, FAKE_HUGE, 0);
	fake_map(&fake, 0, 16384, "");
	request = fake_request(5000);
	request.chunk_bytes = 2048 * FAKE_PAGE;
	fake_run(&fake, &request);
	check_int(fake.pages_moved, 4608);
}

/* What a call costs beside the copies is of the machine: on this one half of 512 pages. */
TEST(calls_stay_below_a_twentieth_of_a_second)
{
	struct work_request request = fake_request(65536);

	fake_reset(&fake);
	fake_fill(&fake, 0, 65536, FAKE_ANON, 0);
	fake_map(&fake, 0, 65536, "");
	request.chunk_bytes = 8192 * FAKE_PAGE;
	fake.move_usec = 8000;
	fake.page_usec = 27;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 65536);
	check(fake.last.longest_call_usec <= 40 * USEC_PER_MSEC);
	check(fake.largest_move >= 512);

	/* The copies are slow: it starts too large, and is not soon. */
	fake_reset(&fake);
	fake_fill(&fake, 0, 65536, FAKE_ANON, 0);
	fake_map(&fake, 0, 65536, "");
	fake.page_usec = 60;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 65536);
	check(fake.last.moving_usec / fake.moves <= 35 * USEC_PER_MSEC);
	check(fake.moves >= 120);
}

TEST(time_is_told_apart)
{
	const struct work_request request = fake_request(20480);

	fake_reset(&fake);
	fake_fill(&fake, 0, 20480, FAKE_ANON, 0);
	fake_map(&fake, 0, 20480, "");
	fake.move_usec = 1000;
	fake.query_usec = 300;
	fake_run(&fake, &request);
	check_int(fake.last.moving_usec, fake.moving);
	check_int(fake.last.longest_call_usec, 1000);
	check_int(fake.last.finding_usec, fake.queries * 300);
	check(fake.slept > 0);
}

/* What a move of 256 MiB rests while somebody is stalled so much more than before, in hundredths of
 * a percent. */
static usec_t rest_under(const struct work_request *request, unsigned stall, unsigned before,
			 unsigned permyriad)
{
	fake_reset(&fake);
	fake_fill(&fake, 0, 65536, FAKE_ANON, 0);
	fake_map(&fake, 0, 65536, "");
	fake.move_usec = 24 * USEC_PER_MSEC;
	for (unsigned k = 0; k < STALL_COUNT_; k++)
		fake.stalls[k].known = true;
	fake.stalls[stall].avg10 = before;
	fake.stall_permyriad[stall] = permyriad;
	fake_run(&fake, request);
	check_int(fake.last.pages.moved, 65536);
	return fake.slept;
}

/* Others wait for it: what nobody needs gives way, and works at least a ninth of the time. */
TEST(pressure_makes_it_rest)
{
	struct work_request request = fake_request(65536);

	request.move.is_calm = true;
	for (unsigned i = 0; i < STALL_COUNT_; i++) {
		usec_t undisturbed = rest_under(&request, i, 0, 0);

		check(undisturbed <= fake.moving + fake.moving / 8);
		check(fake.stall_reads > 4);
		check(fake.stall_reads <= fake.now / (250 * USEC_PER_MSEC) + 1);
		check(rest_under(&request, i, 0, 3000) > undisturbed * 2);
		check(fake.slept <= 8 * fake.moving);
		/* As it was before. */
		check_int(rest_under(&request, i, 2600, 3000), undisturbed);
	}
}

TEST(relief_does_not_wait_for_the_pressure_to_fall)
{
	const struct work_request request = fake_request(65536);
	usec_t undisturbed = rest_under(&request, 0, 0, 0);

	check(undisturbed * 15 <= fake.moving);
	for (unsigned i = 0; i < STALL_COUNT_; i++) {
		check_int(rest_under(&request, i, 0, 3000), undisturbed);
		check_int(fake.stall_reads, 0);
	}
}

TEST(a_calm_move_gives_way)
{
	struct work_request request = fake_request(65536);

	request.move.is_calm = true;
	(void)rest_under(&request, STALL_HOST_MEMORY, 0, 0);
	check(fake.slept >= fake.moving - fake.move_usec);
	check(fake.slept <= fake.moving * 5 / 4);

	/* Of its own part of the time, a ninth. */
	(void)rest_under(&request, STALL_HOST_MEMORY, 0, 10000);
	check(fake.slept >= fake.moving * 6);
	check(fake.slept <= fake.moving * 8);
}

TEST(the_final_reply_holds_all_that_was_lost_before)
{
	const struct work_request request = fake_request(2048);

	fake_reset(&fake);
	fake_fill(&fake, 0, 2048, FAKE_ANON, 0);
	fake_map(&fake, 0, 2048, "");
	fake.replies_lost = true;
	fake_run(&fake, &request);
	check_int(fake.replies, 1);
	check(fake.last.final);
	check_int(fake.last.pages.moved, 2048);
}

TEST(each_portion_is_reported)
{
	const struct work_request request = fake_request(2048);

	fake_reset(&fake);
	fake_fill(&fake, 0, 2048, FAKE_ANON, 0);
	fake_map(&fake, 0, 2048, "");
	fake_run(&fake, &request);
	check_int(fake.replies, 5);
	check_int(fake.finals, 1);
}

TEST(odd_requests)
{
	struct work_request request = fake_request(1024);

	fake_reset(&fake);
	fake_fill(&fake, 0, 1024, FAKE_ANON, 0);
	fake_map(&fake, 0, 1024, "");
	request.to_node = 0;
	fake_run(&fake, &request);
	check_int(fake.last.error, EINVAL);
	check_int(fake.moves, 0);

	/* Less than a page, and portions of less than a page or more than a call takes. */
	fake_reset(&fake);
	fake_fill(&fake, 0, 1024, FAKE_ANON, 0);
	fake_map(&fake, 0, 1024, "");
	request = fake_request(0);
	request.bytes = FAKE_PAGE - 1;
	fake_run(&fake, &request);
	check_int(fake.last.error, 0);
	check_int(fake.moves, 0);

	fake_reset(&fake);
	fake_fill(&fake, 0, 8, FAKE_ANON, 0);
	fake_map(&fake, 0, 8, "");
	request = fake_request(8);
	request.chunk_bytes = 0;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 8);
	check_int(fake.largest_move, 1);

	fake_reset(&fake);
	fake_fill(&fake, 0, 8192, FAKE_ANON, 0);
	fake_map(&fake, 0, 8192, "");
	request = fake_request(8192);
	request.chunk_bytes = UINT64_MAX;
	fake_run(&fake, &request);
	check_int(fake.last.pages.moved, 8192);
	check_int(fake.largest_move, MOVE_PAGES_MAX);
}

/* A move does not carry memory out of what its process has bound it to; told of once. */
TEST(what_is_bound_elsewhere_stays)
{
	struct work_request request = fake_request(4096);
	struct migrate_map *map;
	uint64_t moved = 0, not_tried = 0;

	fake_reset(&fake);
	fake_fill(&fake, 0, 600, FAKE_ANON, 0);
	fake_map(&fake, 0, 600, "[heap]");
	fake_fill(&fake, 1024, 512, FAKE_ANON, 0);
	map = fake_map(&fake, 1024, 512, "");
	map->bound_elsewhere = true;
	map->huge_from_pages = 512;
	request.move.parts = 2;
	for (request.move.part = 0; request.move.part < 2; request.move.part++) {
		fake.map_next = 0;
		fake_run(&fake, &request);
		check_int(fake.last.error, 0);
		moved += fake.last.pages.moved;
		not_tried += fake.last.pages.not_tried;
	}
	check_int(moved, 600);
	check_int(not_tried, 512);
	check_int(count_on(&fake, 1), 600);
}
