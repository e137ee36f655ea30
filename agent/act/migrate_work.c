/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The pages of one process are found and moved in a single pass over its address space, in the
 * order of addresses, portion by portion.
 *
 * A window is an aligned range of 2 MiB. Large folios are aligned in the same way and no larger (on
 * machines with 4 KiB pages), and the kernel moves a folio whole when any of its pages is named. So
 * what of a window is on the source node goes together or not at all, and never more bytes move
 * than were asked for: a remainder smaller than a window's share stays. Workers that share a
 * process share its windows.
 *
 * What goes: private memory, and shared memory that has no disk behind it. Page cache of files
 * stays. Huge page pools stay: their pages need free huge pages over there; and so does what its
 * process has bound to other nodes, as far as that is looked at. They are counted as not tried.
 *
 * Pages on a third node are nobody's business here and appear in no account.
 */

#include "act/migrate_work.h"

#include "act/migrate_run.h"
#include "util/macro.h"

#include <errno.h>

/* Mappings above this are sampled before they are moved. */
#define SAMPLE_FROM_BYTES (UINT64_C(32) << 20)
/* So many pages in a row that are pinned or shared, none moved, in a mapping of which other parts
 * did move: the rest of it is sampled anew. 16 MiB, more than one driver's buffers. */
#define STUCK_RUN_PAGES 4096

bool migrate_part_has(const struct run *run, uint64_t address)
{
	const struct work_move *move = &run->request->move;

	return move->parts == 0 || address / run_window_bytes(run) % move->parts == move->part;
}

static uint64_t window_after(const struct run *run, uint64_t address)
{
	const uint64_t window = run_window_bytes(run);

	return address - address % window + window;
}

/* The next window of our part at `from` or after it. 1, 0, -errno. */
static int find_ours(struct run *run, uint64_t from, uint64_t end, struct migrate_window *ret)
{
	int r;

	do {
		while (from < end && !migrate_part_has(run, from))
			from = window_after(run, from);
		if (from >= end)
			return 0;
		r = run->kernel->find(run->kernel->context, from, end, ret);
		if (r <= 0)
			return r;
		from = window_after(run, ret->address);
	} while (!migrate_part_has(run, ret->address));
	return 1;
}

/* The rest of a mapping that cannot be moved: as much of it as was asked for is looked for and
 * counted. */
static void count_stuck(struct run *run, uint64_t from, uint64_t end, uint64_t *account)
{
	uint64_t left = migrate_run_pages_left(run);
	struct migrate_window w;
	ssize_t n;

	while (!run->finished && left > 0) {
		n = find_ours(run, from, end, &w);
		if (n > 0)
			n = migrate_window_count(run, &w);
		else if (n == 0)
			return;
		if (n < 0) {
			migrate_run_fail(run, (int)n);
			return;
		}
		*account += (uint64_t)n;
		left -= MIN_OF(left, (uint64_t)n);
		from = window_after(run, w.address);
		migrate_run_heartbeat(run);
	}
}

/* Is what is left of the mapping done, because it cannot be moved? */
static bool is_stuck(struct run *run, uint64_t from, uint64_t end)
{
	uint64_t *account = NULL;

	run->stuck_run = 0;
	if (end - from <= SAMPLE_FROM_BYTES)
		return false;
	/* The sample has the mover for itself. */
	migrate_run_flush_all(run, false);
	if (!run->finished)
		account = migrate_sample_take(run, from, end);
	run->stuck_run = 0;
	if (account)
		count_stuck(run, from, end, account);
	return account != NULL;
}

/* What is put off is passed over. */
static uint64_t after_put_off(struct run *run, uint64_t address)
{
	struct migrate_put_off *put_off = &run->put_off;

	if (put_off->is_over)
		return address;
	while (put_off->next < put_off->count && put_off->ranges[put_off->next].end <= address)
		put_off->next++;
	return put_off->next < put_off->count && put_off->ranges[put_off->next].from <= address
		       ? put_off->ranges[put_off->next].end
		       : address;
}

static void move_windows(struct run *run, uint64_t from, uint64_t end)
{
	struct migrate_window w;
	int r;

	while (!run->finished) {
		r = find_ours(run, after_put_off(run, from), end, &w);
		if (r < 0)
			migrate_run_fail(run, r);
		if (r <= 0)
			return;
		from = w.address;
		if (after_put_off(run, from) != from)
			continue;
		migrate_window_take(run, &w);
		from = window_after(run, w.address);
		migrate_run_heartbeat(run);
		if (run->stuck_run >= STUCK_RUN_PAGES && from < end && !run->finished &&
		    is_stuck(run, from, end))
			return;
	}
}

/* The parts that were put off, now that there is nothing else. */
static void move_put_off(struct run *run)
{
	struct migrate_put_off *put_off = &run->put_off;

	/* What waits may be all that was asked for. */
	migrate_run_flush_all(run, false);
	put_off->is_over = true;
	run->sample.next = 0;
	for (size_t i = 0; i < put_off->count && !run->finished; i++) {
		const struct migrate_range *range = &put_off->ranges[i];

		if (!is_stuck(run, range->from, range->end))
			move_windows(run, range->from, range->end);
	}
}

static void move_map(struct run *run, const struct migrate_map *map)
{
	const uint64_t from = map->map.start, end = map->map.end;

	if (run->request->move.has_preferred && !map->prefers)
		return;
	if (map->huge || map->bound_elsewhere) {
		/* Once, though several workers come by. */
		if (run->request->move.part == 0)
			run->accounts.not_tried += map->huge_from_pages;
		return;
	}
	if (map->map.special)
		return;
	run->shared_memory = proc_map_is_memory(map->map.name);
	/* What it learns is of its own mapping. */
	if (!run->kernel->knows_huge)
		migrate_run_flush_huge(run);
	run->sample.count = run->sample.next = 0;
	huge_guess_begin(&run->guess, end - from);
	run->put_off.count = run->put_off.next = 0;
	run->put_off.is_over = false;
	if (is_stuck(run, from, end))
		return;
	move_windows(run, from, end);
	if (run->put_off.count > 0 && !run->finished)
		move_put_off(run);
}

static void move_all(struct run *run)
{
	struct migrate_map map;
	int r;

	if (migrate_run_pages_left(run) == 0)
		migrate_run_finish(run, 0);
	else
		migrate_run_look_at_room(run);
	while (!run->finished) {
		r = run->kernel->next_map(run->kernel->context, &map);
		if (r < 0)
			migrate_run_fail(run, r);
		if (r <= 0)
			break;
		move_map(run, &map);
		migrate_run_heartbeat(run);
	}
	migrate_run_flush_all(run, true);
	migrate_run_drop(run);
	/* An address space that ends early looks like one with little in it. */
	if (run->error == 0 && migrate_run_pages_left(run) > 0)
		run->error = -run->kernel->check(run->kernel->context);
}

void migrate_run(const struct work_request *request, const struct work_channel *channel,
		 const struct migrate_kernel *kernel)
{
	/* Too large for a stack, and a worker has one request at a time. */
	static struct page_mover mover;
	static struct run run;
	uint64_t pages_max = request->chunk_bytes / kernel->page_size_bytes;
	uint64_t huge_max = request->chunk_bytes / MIGRATE_WINDOW_BYTES;

	pages_max = MAX_OF(MIN_OF(pages_max, (uint64_t)MOVE_PAGES_MAX), UINT64_C(1));
	huge_max = MAX_OF(MIN_OF(huge_max, (uint64_t)PAGE_MOVER_HUGE_MAX), UINT64_C(1));
	run = (struct run){
		.request = request,
		.channel = channel,
		.kernel = kernel,
		.mover = &mover,
		.bytes = request->bytes,
		.window_pages = (size_t)(MIGRATE_WINDOW_BYTES / kernel->page_size_bytes),
		.begun_at = kernel->now(kernel->context),
	};
	run.replied_at = run.begun_at;
	mover = (struct page_mover){
		.kernel = kernel,
		.from_node = request->from_node,
		.to_node = request->to_node,
		.move_shared = request->move_shared,
		.huge_pages = run.window_pages,
	};
	move_pace_init(&run.pace, request->move.is_calm, request->pause_usec, run.window_pages,
		       (size_t)pages_max, (size_t)huge_max);
	if (request->from_node == request->to_node)
		migrate_run_finish(&run, EINVAL);
	else
		move_all(&run);
	migrate_run_reply(&run, true);
}
