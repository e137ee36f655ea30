/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/migrate_share.h"

#include "act/migrate_work.h"
#include "util/amount.h"
#include "util/macro.h"

#include <errno.h>

/* A share that lasts until the agent comes by again, some twenty times a second, also where a
 * worker moves 5 GB/s. */
#define DEAL_MIN_BYTES (UINT64_C(512) << 20)
/* Below this a second worker costs more calls than it saves time. */
#define SHARE_MIN_BYTES (UINT64_C(16) << 20)
/* A smaller process is not worth being searched by two. */
#define SHARED_PROCESS_BYTES (UINT64_C(64) << 20)

unsigned migrate_share_most(unsigned movers)
{
	return MAX_OF(MIN_OF(movers, (unsigned)MIGRATE_LANES_MAX), 1U);
}

static bool is_running(const struct migrate_lane *lane)
{
	return lane->worker >= 0;
}

size_t migrate_share_running(const struct migrate_state *state)
{
	size_t count = 0;

	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++)
		count += is_running(&state->lanes[i]);
	return count;
}

struct migrate_lane *migrate_share_free_lane(struct migrate_state *state, unsigned most)
{
	if (migrate_share_running(state) >= most)
		return NULL;
	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++)
		if (!is_running(&state->lanes[i]))
			return &state->lanes[i];
	return NULL;
}

/* What is done, or may be. */
static uint64_t dealt(const struct migrate_state *state)
{
	uint64_t bytes = state->done_bytes + state->lost_bytes;

	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++)
		if (is_running(&state->lanes[i]))
			bytes += state->lanes[i].share_bytes;
	return bytes;
}

uint64_t migrate_share_left(const struct migrate_state *state, uint64_t bytes)
{
	return less(bytes, dealt(state));
}

uint64_t migrate_share_done(const struct migrate_state *state)
{
	uint64_t bytes = state->done_bytes;

	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++)
		if (is_running(&state->lanes[i]))
			bytes += state->lanes[i].done_bytes;
	return bytes;
}

static void add_pages(struct page_accounts *sum, const struct page_accounts *more)
{
	sum->moved += more->moved;
	sum->already_there += more->already_there;
	sum->busy += more->busy;
	sum->pinned += more->pinned;
	sum->shared += more->shared;
	sum->absent += more->absent;
	sum->refused += more->refused;
	sum->not_tried += more->not_tried;
}

void migrate_share_pages(const struct migrate_state *state, struct page_accounts *ret)
{
	*ret = state->pages;
	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++)
		if (is_running(&state->lanes[i]))
			add_pages(ret, &state->lanes[i].pages);
}

/* One that is larger than all that come after it would be the last to end. */
static bool is_shared(const struct migrate_state *state, size_t process, uint64_t page_size)
{
	uint64_t others = 0;

	for (size_t i = process + 1; i < state->pid_count; i++)
		others += state->rss_pages[i];
	return state->rss_pages[process] > others &&
	       state->rss_pages[process] >= SHARED_PROCESS_BYTES / MAX_OF(page_size, UINT64_C(1));
}

static void begin(struct migrate_state *state, size_t process, unsigned most, uint64_t page_size)
{
	unsigned parts = most > 1 && is_shared(state, process, page_size) ? most : 1;

	state->parts[process] = (uint8_t)parts;
	state->todo[process] = (uint8_t)((1U << parts) - 1);
}

bool migrate_share_next(struct migrate_state *state, unsigned most, uint64_t page_size,
			bool (*is_there)(void *context, pid_t pid, uint64_t start_ticks),
			void *context, size_t *ret_process, unsigned *ret_part)
{
	for (size_t i = 0; i < state->pid_count; i++) {
		if (state->parts[i] == 0)
			begin(state, i, most, page_size);
		if (state->todo[i] == 0)
			continue;
		if (!is_there(context, state->pids[i], state->start_ticks[i])) {
			state->todo[i] = 0;
			continue;
		}
		*ret_process = i;
		*ret_part = (unsigned)__builtin_ctz(state->todo[i]);
		return true;
	}
	return false;
}

/* One worker alone gets all of it. */
static uint64_t ration(unsigned most, uint64_t left)
{
	uint64_t some;

	if (most <= 1)
		return left;
	some = MAX_OF(left / 2 / most, DEAL_MIN_BYTES);
	return MIN_OF(some, left);
}

uint64_t migrate_share_deal(const struct migrate_state *state, unsigned most, uint64_t bytes)
{
	uint64_t left = migrate_share_left(state, bytes);
	size_t running = migrate_share_running(state);
	uint64_t others = most > running ? most - running : 1;
	uint64_t even = left / others;
	uint64_t some;

	if (others == 1)
		return ration(most, left);
	some = MAX_OF(even - even % MIGRATE_WINDOW_BYTES, SHARE_MIN_BYTES);
	return MIN_OF(some, ration(most, left));
}

bool migrate_share_raise(struct migrate_state *state, struct migrate_lane *lane, unsigned most,
			 uint64_t bytes)
{
	uint64_t left = migrate_share_left(state, bytes);
	uint64_t ahead = less(lane->share_bytes, lane->done_bytes);
	uint64_t wanted = ration(most, left + ahead);

	if (left == 0 || (most > 1 && ahead >= wanted / 2))
		return false;
	/* It has heard of what it was told before, as it is past what it had then. */
	if (lane->done_bytes > lane->known_bytes)
		lane->known_bytes = lane->share_bytes;
	lane->share_bytes += most > 1 ? MIN_OF(wanted - ahead, left) : left;
	return true;
}

bool migrate_share_cut(const struct migrate_state *state, struct migrate_lane *lane, uint64_t bytes)
{
	uint64_t excess = less(dealt(state), bytes);
	uint64_t cut = MIN_OF(excess, less(lane->share_bytes, lane->done_bytes));

	lane->share_bytes -= cut;
	lane->known_bytes = MIN_OF(lane->known_bytes, lane->share_bytes);
	return cut > 0;
}

/* Its share is used up, but for what no whole window fits in: the one that it has, or the one of
 * before a raise that came when it was at the end already. */
static bool is_used_up(const struct migrate_lane *lane)
{
	const uint64_t done = lane->done_bytes;

	if (done == 0)
		return false;
	return less(lane->share_bytes, done) < MIGRATE_WINDOW_BYTES ||
	       (done <= lane->known_bytes && lane->known_bytes - done < MIGRATE_WINDOW_BYTES);
}

static void take_off(uint64_t *sum, uint64_t part)
{
	*sum = less(*sum, part);
}

/* All but what moved, which is not met again where it was. */
static void take_off_pages(struct page_accounts *sum, const struct page_accounts *part)
{
	take_off(&sum->already_there, part->already_there);
	take_off(&sum->busy, part->busy);
	take_off(&sum->pinned, part->pinned);
	take_off(&sum->shared, part->shared);
	take_off(&sum->absent, part->absent);
	take_off(&sum->refused, part->refused);
	take_off(&sum->not_tried, part->not_tried);
}

void migrate_share_take(struct migrate_state *state, struct migrate_lane *lane)
{
	state->todo[lane->process] &= (uint8_t) ~(1U << lane->part);
	lane->before_pages = 0;
	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++) {
		struct migrate_returned *r = &state->returned[i];

		if (!r->used || r->process != lane->process || r->part != lane->part)
			continue;
		take_off_pages(&state->pages, &r->pages);
		lane->before_pages = r->pages.moved;
		r->used = false;
	}
}

void migrate_share_hear(struct migrate_lane *lane, const struct work_reply *reply)
{
	lane->done_bytes = reply->done_bytes;
	lane->pages = reply->pages;
	take_off(&lane->pages.already_there, lane->before_pages);
}

/* It may be taken again. */
static void return_part(struct migrate_state *state, const struct migrate_lane *lane)
{
	state->todo[lane->process] |= (uint8_t)(1U << lane->part);
	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++) {
		struct migrate_returned *r = &state->returned[i];

		if (r->used)
			continue;
		*r = (struct migrate_returned){ .used = true,
						.process = lane->process,
						.part = lane->part,
						.pages = lane->pages };
		r->pages.moved += lane->before_pages;
		return;
	}
}

static void close_lane(struct migrate_state *state, struct migrate_lane *lane)
{
	state->done_bytes += lane->done_bytes;
	add_pages(&state->pages, &lane->pages);
	lane->worker = -1;
}

void migrate_share_end(struct migrate_state *state, struct migrate_lane *lane,
		       const struct work_reply *last)
{
	migrate_share_hear(lane, last);
	if (last->error == ESRCH)
		state->todo[lane->process] = 0;
	else if (last->error == 0 && is_used_up(lane))
		return_part(state, lane);
	close_lane(state, lane);
}

void migrate_share_lose(struct migrate_state *state, struct migrate_lane *lane)
{
	state->lost_bytes += less(lane->share_bytes, lane->done_bytes);
	close_lane(state, lane);
}
