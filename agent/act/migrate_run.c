/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Portions: what one call gets, how long it rests after it, and what is asked before each.
 *
 * Huge pages go in portions of their own, as many times as large. A destination without free blocks
 * of their size would split them: a move that nobody needs leaves them, one that does takes them
 * last, so that what can go whole or is small goes first.
 */

#include "act/migrate_run.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* Windows that are passed over because they hold more than what is left to move. */
#define SKIPPED_WINDOWS_MAX 16
/* The agent gives a worker up that is silent for longer than some of these. */
#define HEARTBEAT_USEC (USEC_PER_SEC / 2)
/* A rest is a multiple of a call, which may take seconds where CPUs are scarce: a move that is
 * cancelled does not wait for the end of it. */
#define REST_AT_ONCE_USEC (USEC_PER_SEC / 4)
/* What the destination has is looked at again after this long, or where it is less than so many
 * portions: others take of it as well. */
#define ROOM_KNOWN_USEC (50 * USEC_PER_MSEC)
#define ROOM_PLENTY	16
/* A destination without blocks is asked again after this long. */
#define BLOCKS_AGAIN_USEC USEC_PER_SEC

void migrate_run_finish(struct run *run, int error)
{
	run->finished = true;
	run->error = error;
}

void migrate_run_fail(struct run *run, int r)
{
	int gone = run->kernel->check(run->kernel->context);

	migrate_run_finish(run, gone < 0 ? -gone : -r);
}

uint64_t migrate_run_pages_left(const struct run *run)
{
	uint64_t pages = run->bytes / run->kernel->page_size_bytes;

	return pages > run->accounts.moved ? pages - run->accounts.moved : 0;
}

void migrate_run_reply(struct run *run, bool final)
{
	const struct page_mover *mover = run->mover;
	const usec_t now = run->kernel->now(run->kernel->context);
	const usec_t other = mover->moving_usec + mover->paused_usec + run->rested_usec;
	const struct work_reply reply = {
		.token = run->request->token,
		.final = final,
		.error = final ? run->error : 0,
		.done_bytes = run->accounts.moved * run->kernel->page_size_bytes,
		.pages = run->accounts,
		/* All that is neither moving nor waiting. */
		.finding_usec = now - run->begun_at - other,
		.moving_usec = mover->moving_usec,
		.longest_call_usec = mover->longest_call_usec,
	};

	run->replied_at = now;
	/* One that finds no room is made good by the next. */
	(void)run->channel->reply(run->channel->context, &reply);
}

static void heed_control(struct run *run)
{
	struct work_request message;

	while (run->channel->poll_control(run->channel->context, &message) > 0) {
		if (message.kind == WORK_CANCEL)
			migrate_run_finish(run, ECANCELED);
		else if (message.kind == WORK_RESIZE)
			run->bytes = message.bytes;
	}
}

void migrate_run_heartbeat(struct run *run)
{
	if (run->kernel->now(run->kernel->context) - run->replied_at < HEARTBEAT_USEC)
		return;
	heed_control(run);
	migrate_run_reply(run, false);
}

void migrate_run_look_at_room(struct run *run)
{
	uint64_t free_bytes, reserve = run->request->to_reserve_bytes;
	int r;

	run->room_at = run->kernel->now(run->kernel->context);
	r = run->kernel->free_bytes(run->kernel->context, run->request->to_node, &free_bytes);
	if (r < 0)
		migrate_run_finish(run, -r);
	else
		run->room_pages = free_bytes > reserve
					  ? (free_bytes - reserve) / run->kernel->page_size_bytes
					  : 0;
}

static void look_at_pressure(struct run *run)
{
	const usec_t now = run->kernel->now(run->kernel->context);
	struct stall_reading readings[STALL_COUNT_] = { 0 };
	const bool is_first = !run->pressure.begun;
	bool is_high;

	/* While a node runs dry there is pressure, and to give way to it would make more. */
	if (!run->request->move.is_calm || !move_pressure_due(&run->pressure, now))
		return;
	run->kernel->read_stalls(run->kernel->context, readings);
	is_high = move_pressure_update(&run->pressure, readings, now);
	if (!is_first)
		move_pace_note_pressure(&run->pace, is_high);
}

static void rest(struct run *run)
{
	const struct migrate_kernel *kernel = run->kernel;
	const usec_t begun = kernel->now(kernel->context);
	const usec_t until = begun + move_pace_rest(&run->pace, begun);
	usec_t now = begun;

	while (now < until && !run->finished) {
		kernel->sleep(kernel->context, MIN_OF(until - now, REST_AT_ONCE_USEC));
		heed_control(run);
		now = kernel->now(kernel->context);
		if (now - run->replied_at >= HEARTBEAT_USEC)
			migrate_run_reply(run, false);
	}
	run->rested_usec += now - begun;
}

static void drop_portion(struct run *run)
{
	run->accounts.not_tried += page_mover_pages(run->mover);
	run->mover->count = 0;
}

void migrate_run_drop(struct run *run)
{
	run->accounts.not_tried +=
		run->small_count + (run->huge_count + run->later_count) * run->window_pages;
	run->small_count = run->huge_count = run->later_count = 0;
}

/* Is it plenty, and was it so a moment ago? */
static bool is_room_known(const struct run *run, uint64_t pages)
{
	return run->room_pages / ROOM_PLENTY >= pages &&
	       run->kernel->now(run->kernel->context) - run->room_at < ROOM_KNOWN_USEC;
}

bool migrate_run_may_go(struct run *run)
{
	const uint64_t pages = page_mover_pages(run->mover);

	rest(run);
	look_at_pressure(run);
	heed_control(run);
	if (!run->finished && pages > migrate_run_pages_left(run))
		migrate_run_finish(run, 0);
	if (!run->finished && !is_room_known(run, pages))
		migrate_run_look_at_room(run);
	if (!run->finished && run->room_pages < pages)
		migrate_run_finish(run, ENOSPC);
	if (run->finished)
		drop_portion(run);
	return !run->finished;
}

static uint64_t stayed(const struct page_accounts *a)
{
	return a->busy + a->pinned;
}

static uint64_t stuck(const struct page_accounts *a)
{
	return a->pinned + a->shared;
}

static void note_stuck(struct run *run, const struct page_accounts *before,
		       const struct page_accounts *after)
{
	if (after->moved > before->moved)
		run->stuck_run = 0;
	else
		run->stuck_run += stuck(after) - stuck(before);
}

int migrate_run_flush(struct run *run, struct page_accounts *accounts)
{
	const struct page_accounts before = *accounts;
	struct page_mover *mover = run->mover;
	struct move_call call = { .huge = mover->kinds[0] != PAGE_SMALL,
				  .named = mover->count,
				  .tried = (size_t)page_mover_pages(mover) };
	int r;

	call.begun_usec = run->kernel->now(run->kernel->context);
	r = page_mover_flush(mover, accounts);
	call.ended_usec = run->kernel->now(run->kernel->context);
	call.call_usec = mover->call_usec;
	call.stayed = (size_t)(stayed(accounts) - stayed(&before));
	move_pace_note_call(&run->pace, &call);
	run->room_pages -= MIN_OF(run->room_pages, (uint64_t)call.tried);
	note_stuck(run, &before, accounts);
	huge_guess_learn(&run->guess, mover->whole_count, mover->single_count);
	if (r == PAGE_MOVER_FULL)
		migrate_run_finish(run, ENOSPC);
	else if (r < 0)
		migrate_run_finish(run, -r);
	return r;
}

/* Those that did not go whole, page by page. */
static void take_rest(struct run *run)
{
	void *rest_pages[PAGE_MOVER_HUGE_MAX];
	const size_t count = run->mover->rest_count;

	/* The mover is used anew meanwhile. */
	memcpy(rest_pages, run->mover->rest, count * sizeof(*rest_pages));
	run->mover->rest_count = 0;
	for (size_t i = 0; i < count; i++)
		migrate_window_take_rest(run, (uint64_t)(uintptr_t)rest_pages[i]);
}

/* What is in the mover goes. */
static void move_portion(struct run *run)
{
	if (!migrate_run_may_go(run))
		return;
	(void)migrate_run_flush(run, &run->accounts);
	if (run->mover->rest_count > 0) {
		/* More calls, before which it must not have been silent for too long. */
		migrate_run_heartbeat(run);
		take_rest(run);
	}
	if (!run->finished && migrate_run_pages_left(run) == 0)
		migrate_run_finish(run, 0);
	migrate_run_reply(run, false);
}

static void load(struct run *run, void *const *pages, size_t count, enum page_kind kind)
{
	memcpy(run->mover->pages, pages, count * sizeof(*pages));
	memset(run->mover->kinds, (int)kind, count);
	run->mover->count = count;
}

static void move_small(struct run *run, size_t count)
{
	load(run, run->small, count, PAGE_SMALL);
	run->small_count -= count;
	memmove(run->small, run->small + count, run->small_count * sizeof(*run->small));
	move_portion(run);
}

/* Of huge pages, so that what waits behind them is not moved in between. */
static void move_huge(struct run *run, void **pages, size_t *count, size_t portion)
{
	load(run, pages, portion, run->kernel->knows_huge ? PAGE_HUGE : PAGE_MAYBE_HUGE);
	*count -= portion;
	memmove(pages, pages + portion, *count * sizeof(*pages));
	move_portion(run);
}

static size_t small_portion(const struct run *run)
{
	return move_pace_pages(&run->pace, run->room_pages);
}

static size_t huge_portion(const struct run *run)
{
	return move_pace_huge(&run->pace, run->room_pages);
}

static uint64_t window_of(const struct run *run, size_t i)
{
	return (uint64_t)(uintptr_t)run->small[i] / run_window_bytes(run);
}

/* Of `count` pages those that end with a window. Some may be of a large folio after all, which
 * would go whole while part of it is in no portion; but where a window is too much for a call. */
static size_t end_with_window(const struct run *run, size_t count)
{
	size_t n = count;

	if (count >= run->small_count)
		return run->small_count;
	while (n > 0 && window_of(run, n - 1) == window_of(run, n))
		n--;
	return n > 0 ? n : count;
}

/* The portions that are complete. */
static void move_complete(struct run *run)
{
	while (!run->finished && run->small_count >= small_portion(run))
		move_small(run, end_with_window(run, small_portion(run)));
}

/* Nothing is known of it: it has to be tried for that. */
static bool is_unknown(const struct run *run)
{
	return !run->kernel->knows_huge && run->guess.state != HUGE_GUESS_HUGE;
}

size_t migrate_run_whole(struct run *run, size_t count)
{
	const usec_t now = run->kernel->now(run->kernel->context);
	uint64_t blocks;

	if (now < run->blocks_again_at)
		return 0;
	if (run->kernel->free_blocks(run->kernel->context, run->request->to_node, &blocks) < 0)
		return count;
	if (blocks == 0)
		run->blocks_again_at = now + BLOCKS_AGAIN_USEC;
	return (size_t)MIN_OF(blocks, (uint64_t)count);
}

static size_t waiting(const struct run *run)
{
	return run->small_count + run->huge_count * run->window_pages;
}

static void move_later(struct run *run)
{
	while (!run->finished && run->later_count > 0) {
		uint64_t left = migrate_run_pages_left(run);
		uint64_t fit = left > waiting(run) ? (left - waiting(run)) / run->window_pages : 0;
		size_t count = MIN_OF(run->later_count, huge_portion(run));

		count = (size_t)MIN_OF((uint64_t)count, fit);
		if (count == 0)
			break;
		move_huge(run, run->later, &run->later_count, count);
	}
	run->accounts.not_tried += run->later_count * run->window_pages;
	run->later_count = 0;
}

/* Those at the front of the list that would be split. */
static void put_off(struct run *run, size_t count)
{
	if (run->request->move.is_calm) {
		run->accounts.not_tried += count * run->window_pages;
	} else {
		memcpy(run->later + run->later_count, run->huge, count * sizeof(*run->huge));
		run->later_count += count;
	}
	run->huge_count -= count;
	memmove(run->huge, run->huge + count, run->huge_count * sizeof(*run->huge));
}

static void move_huge_portion(struct run *run)
{
	size_t count = MIN_OF(run->huge_count, huge_portion(run));
	size_t whole = is_unknown(run) ? count : migrate_run_whole(run, count);

	if (whole > 0) {
		move_huge(run, run->huge, &run->huge_count, whole);
		return;
	}
	put_off(run, count);
	if (run->later_count + PAGE_MOVER_HUGE_MAX > MIGRATE_LATER_MAX)
		move_later(run);
}

void migrate_run_flush_huge(struct run *run)
{
	while (!run->finished && run->huge_count > 0)
		move_huge_portion(run);
}

static void flush_small(struct run *run)
{
	while (!run->finished && run->small_count > 0)
		move_small(run, end_with_window(run, small_portion(run)));
}

void migrate_run_flush_all(struct run *run, bool all)
{
	migrate_run_flush_huge(run);
	flush_small(run);
	if (!all || run->finished)
		return;
	move_later(run);
	/* Of those that were split some may have stayed. */
	flush_small(run);
}

/* Does it fit into what is left to move? What waits is moved first if that decides it. */
static bool fits(struct run *run, size_t count)
{
	if (waiting(run) + count <= migrate_run_pages_left(run))
		return true;
	migrate_run_flush_all(run, false);
	if (run->finished || count <= migrate_run_pages_left(run))
		return !run->finished;
	if (++run->skipped_windows >= SKIPPED_WINDOWS_MAX)
		migrate_run_finish(run, 0);
	return false;
}

void migrate_run_add_small(struct run *run, void *const *pages, size_t count)
{
	if (count == 0)
		return;
	if (run->finished || !fits(run, count)) {
		run->accounts.not_tried += count;
		return;
	}
	memcpy(run->small + run->small_count, pages, count * sizeof(*pages));
	run->small_count += count;
	move_complete(run);
}

void migrate_run_add_huge(struct run *run, void *page)
{
	if (run->finished || !fits(run, run->window_pages)) {
		run->accounts.not_tried += run->window_pages;
		return;
	}
	run->huge[run->huge_count++] = page;
	/* What the first ones show decides how the next are asked for. */
	if (run->huge_count >= huge_portion(run) || is_unknown(run))
		move_huge_portion(run);
}
