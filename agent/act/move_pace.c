/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Each call interrupts every CPU and waits for all of them (lru_cache_disable(), 5.12). Where the
 * processors are idle that is nothing: on an emulated machine calls for 512 pages made what calls
 * for 16,384 made, within two in a hundred. Where they have other things to do it took as long as
 * 300 copies. So calls are as large as leaves them well below the time that a cancelled move may go
 * on, the CPUs' lists stay disabled and the node's pages are off its lists. How long a fault waits
 * is not at stake: for that the kernel has portions of its own.
 *
 * On a loaded machine most of a call is waiting for the other CPUs, whatever its size: a tenth of a
 * second and more was seen. Halving then makes nothing shorter and all of it slower; so it is
 * looked whether it helped, and if not, whether twice as much costs hardly more.
 */

#include "act/move_pace.h"

#include "util/macro.h"

/* A call that takes longer is too large; one that would not take the third if all of it were
 * copying may have half as much again in it, or twice as much. 50 ms are the most that is wanted,
 * and measured ones vary by half. */
#define CALL_LONG_USEC (42 * USEC_PER_MSEC)
#define CALL_GOOD_USEC (CALL_AIM_USEC * 2 / 3)
#define CALL_AIM_USEC  (34 * USEC_PER_MSEC)
/* The first calls: 4 MiB of small pages, 8 MiB of huge ones. Half of that is waiting on an emulated
 * machine, and copying takes a millisecond or two elsewhere. */
#define FIRST_WINDOWS 2
#define FIRST_HUGE    4
/* So many calls go by until it grows again where that made calls too long. */
#define HOLD_CALLS 64
/* So many calls go by until it is asked again whether their size makes them long. */
#define KEEP_CALLS 64
/* Less than a window is for a destination that is nearly full. Fewer pages than this in a call
 * would be all waiting and no copying. */
#define PAGES_LEAST 64

/* In sixteenths of what a portion took. A node that runs dry does not wait, and the kernel's own
 * migrate_pages(2) never rests; finding the next portion leaves the target alone for as long as
 * that takes. Moves that nobody needs leave at least half of the time to others. */
#define REST_PARTS	16
#define RELIEF_REST	0
#define STAYED_REST	2
#define RELIEF_REST_MAX REST_PARTS
#define CALM_REST	REST_PARTS
#define CALM_REST_MAX	(8 * REST_PARTS)

/* A shorter sleep overshoots by as much as it is long, so it is added to the next one. */
#define REST_LEAST_USEC (3 * USEC_PER_MSEC)

/* A destination takes what is above its reserve in at least so many calls, so that what its own
 * processes allocate meanwhile is seen. */
#define ROOM_PARTS 4

void move_pace_init(struct move_pace *pace, bool is_calm, usec_t pause_usec, size_t window_pages,
		    size_t pages_max, size_t huge_max)
{
	*pace = (struct move_pace){
		.is_calm = is_calm,
		.pause_usec = pause_usec,
		.window_pages = window_pages,
		.pages = { .now = MIN_OF(FIRST_WINDOWS * window_pages, pages_max),
			   .least = MIN_OF(window_pages, pages_max),
			   .most = pages_max,
			   .step = window_pages,
			   .room_least = MIN_OF((size_t)PAGES_LEAST, pages_max) },
		.huge = { .now = MIN_OF((size_t)FIRST_HUGE, huge_max),
			  .least = 1,
			  .most = huge_max,
			  .step = 1,
			  .room_least = 1 },
		.rest_parts = is_calm ? CALM_REST : RELIEF_REST,
	};
}

static void set_size(struct move_size *size, size_t now)
{
	size->now = MAX_OF(MIN_OF(now, size->most), size->least);
	size->count = 0;
}

static void grow(struct move_size *size, size_t by)
{
	if (size->hold > 0 || size->now == size->most)
		return;
	size->grown_from = size->now;
	set_size(size, size->now + by);
}

/* Calls of this size take too long. */
static void shrink(struct move_size *size, usec_t usec)
{
	if (size->grown_from > 0) {
		set_size(size, size->grown_from);
		size->grown_from = 0;
		size->hold = HOLD_CALLS;
		return;
	}
	if (size->keep > 0)
		return;
	size->before = size->now;
	size->before_usec = usec;
	size->experiment = size->now > size->least ? MOVE_HALVED : MOVE_DOUBLED;
	set_size(size, size->now > size->least ? size->now / 2 : size->now * 2);
}

/* It is as long with half of it: then perhaps it is hardly longer with twice as much. */
static void judge_half(struct move_size *size, usec_t usec)
{
	size->experiment = MOVE_NO_EXPERIMENT;
	if (usec * 4 <= size->before_usec * 3)
		return;
	set_size(size, size->before * 2);
	size->experiment = MOVE_DOUBLED;
}

static void judge_double(struct move_size *size, usec_t usec)
{
	size->experiment = MOVE_NO_EXPERIMENT;
	size->keep = KEEP_CALLS;
	if (usec * 2 > size->before_usec * 3)
		set_size(size, size->before);
}

static usec_t middle(const usec_t usec[MOVE_PACE_CALLS])
{
	const usec_t low = MIN_OF(usec[0], usec[1]), high = MAX_OF(usec[0], usec[1]);

	return MAX_OF(low, MIN_OF(high, usec[2]));
}

static void judge(struct move_size *size, usec_t usec)
{
	switch (size->experiment) {
	case MOVE_HALVED:
		judge_half(size, usec);
		return;
	case MOVE_DOUBLED:
		judge_double(size, usec);
		return;
	case MOVE_NO_EXPERIMENT:
		break;
	}
	if (usec > CALL_LONG_USEC)
		shrink(size, usec);
	else if (usec <= CALL_GOOD_USEC)
		grow(size, MAX_OF(size->now / 2 / size->step * size->step, size->step));
}

static void count_down(unsigned *calls)
{
	if (*calls > 0)
		(*calls)--;
}

static void adapt(struct move_size *size, const struct move_call *call)
{
	/* What is left over at the end of a mapping says nothing. */
	if (call->named * 2 <= size->now)
		return;
	count_down(&size->keep);
	count_down(&size->hold);
	if (size->experiment == MOVE_NO_EXPERIMENT && call->call_usec * 2 <= CALL_AIM_USEC) {
		grow(size, size->now);
		return;
	}
	size->recent[size->count++] = call->call_usec;
	if (size->count < MOVE_PACE_CALLS)
		return;
	size->count = 0;
	judge(size, middle(size->recent));
}

/* Somebody holds most of it: it is given time to let go. */
static unsigned rest_of(const struct move_pace *pace, const struct move_call *call)
{
	const unsigned most = pace->is_calm ? CALM_REST_MAX : RELIEF_REST_MAX;

	if (call->stayed * 2 <= call->tried)
		return pace->rest_parts;
	return MIN_OF(MAX_OF(pace->rest_parts * 2, (unsigned)STAYED_REST), most);
}

void move_pace_note_call(struct move_pace *pace, const struct move_call *call)
{
	const usec_t took = call->ended_usec - call->begun_usec;

	adapt(call->huge ? &pace->huge : &pace->pages, call);
	/* Finding the next portion counts as rest: it disturbs nobody much. */
	pace->rest_until = MAX_OF(call->begun_usec + pace->pause_usec,
				  call->ended_usec + took * rest_of(pace, call) / REST_PARTS) +
			   pace->owed_usec;
	pace->owed_usec = 0;
}

usec_t move_pace_rest(struct move_pace *pace, usec_t now)
{
	usec_t left = pace->rest_until > now ? pace->rest_until - now : 0;

	pace->owed_usec = left < REST_LEAST_USEC ? left : 0;
	return left - pace->owed_usec;
}

void move_pace_note_pressure(struct move_pace *pace, bool is_pressed)
{
	const unsigned least = pace->is_calm ? CALM_REST : RELIEF_REST;
	const unsigned most = pace->is_calm ? CALM_REST_MAX : RELIEF_REST_MAX;

	if (is_pressed)
		pace->rest_parts = MIN_OF(MAX_OF(pace->rest_parts * 2, 1U), most);
	else
		pace->rest_parts = MAX_OF(pace->rest_parts / 2, least);
}

static size_t part_of_room(const struct move_size *size, uint64_t room)
{
	uint64_t part = MAX_OF(room / ROOM_PARTS, (uint64_t)size->room_least);

	return (size_t)MIN_OF((uint64_t)size->now, part);
}

size_t move_pace_pages(const struct move_pace *pace, uint64_t room_pages)
{
	return part_of_room(&pace->pages, room_pages);
}

size_t move_pace_huge(const struct move_pace *pace, uint64_t room_pages)
{
	return part_of_room(&pace->huge, room_pages / pace->window_pages);
}
