/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A machine's memory as far as a move of one process sees it, which answers move_pages(2) as
 * mm/migrate.c does (4.17 to 6.12): pages are gathered until one cannot be, whose status is written
 * at once; then the portion is moved, and if a page of it fails the call ends there, the status of
 * that portion and of all later pages unwritten. A destination that fills up is -ENOMEM for the
 * whole call, no status written, what moved stays moved.
 */

#include "act/migrate_work.h"
#include "sys/move_pages.h"

#include <errno.h>
#include <string.h>

#define FAKE_PAGE      UINT64_C(4096)
#define FAKE_BASE      UINT64_C(0x40000000)
#define FAKE_PAGES_MAX 65536
#define FAKE_MAPS_MAX  64

enum fake_kind {
	FAKE_NONE, /* nothing mapped there */
	FAKE_ANON,
	FAKE_HUGE,   /* of a folio of 512 that moves whole */
	FAKE_PINNED, /* is gathered, and does not move */
	FAKE_PINNED_HUGE,
	FAKE_BUSY,   /* is not gathered as often as `times` says */
	FAKE_SHARED, /* mapped by others as well */
	FAKE_FILE,   /* page cache */
	FAKE_SWAPPED,
	FAKE_HIDDEN,	/* present, and denied: marked by NUMA balancing */
	FAKE_ZERO,	/* the zero page */
	FAKE_VANISHING, /* unmapped between the query and the move */
};

struct fake_page {
	enum fake_kind kind;
	int node;
	unsigned times;
};

struct fake {
	struct fake_page pages[FAKE_PAGES_MAX];
	struct migrate_map maps[FAKE_MAPS_MAX];
	size_t map_count;
	size_t map_next;
	/* What it does. */
	bool tells_huge;     /* as PAGEMAP_SCAN does */
	uint64_t room_pages; /* of the destination */
	uint64_t gone_pages; /* that look free there, and are taken when it comes to it */
	uint64_t blocks;     /* for huge pages, there; without one they are split */
	size_t split_leaves; /* so many pages of one that is split stay, pinned */
	int refuse_blocks;   /* -errno */
	struct stall_reading stalls[STALL_COUNT_];
	/* What each move adds to them, of its own time: hundredths. */
	unsigned stall_permyriad[STALL_COUNT_];
	int refuse_move; /* -errno of every move */
	int refuse_query;
	unsigned gone_after_moves; /* 0: never */
	/* The process unmaps some when so many moves are done. */
	unsigned unmapped_after_moves;
	size_t unmapped_first;
	size_t unmapped_count;
	usec_t move_usec;
	usec_t page_usec; /* for each page that moves */
	usec_t query_usec;
	/* At the control poll after so many moves the agent says this, once. */
	unsigned message_after_moves;
	struct work_request message;
	bool message_given;
	bool replies_lost; /* all but the final one */
	/* What it saw. */
	usec_t now;
	usec_t slept;
	usec_t moving;
	unsigned moves;
	size_t largest_move;
	size_t largest_pages; /* that one call moved */
	usec_t longest_move;
	unsigned queries;
	uint64_t queried;
	unsigned stall_reads;
	unsigned block_reads;
	unsigned room_reads;
	unsigned splits;
	uint64_t pages_moved;
	struct work_reply last;
	unsigned replies;
	unsigned finals;
	usec_t replied_at;
	usec_t longest_silence;
	uint64_t lowest_free_pages;
};

static size_t fake_index(const void *address)
{
	return (size_t)(((uint64_t)(uintptr_t)address - FAKE_BASE) / FAKE_PAGE);
}

static int fake_check(void *context)
{
	const struct fake *f = context;

	return f->gone_after_moves && f->moves >= f->gone_after_moves ? -ESRCH : 0;
}

static int fake_next_map(void *context, struct migrate_map *ret)
{
	struct fake *f = context;

	if (f->map_next == f->map_count)
		return 0;
	*ret = f->maps[f->map_next++];
	return 1;
}

static bool fake_is_huge(const struct fake_page *p)
{
	return p->kind == FAKE_HUGE || p->kind == FAKE_PINNED_HUGE;
}

static uint64_t fake_entry(const struct fake *f, const struct fake_page *p)
{
	uint64_t entry = p->kind == FAKE_NONE	   ? 0
			 : p->kind == FAKE_SWAPPED ? PAGEMAP_SWAPPED
						   : PAGEMAP_PRESENT;

	if (p->kind == FAKE_FILE)
		entry |= PAGEMAP_SHARED;
	if (f->tells_huge && p->kind == FAKE_ZERO)
		entry |= PAGEMAP_ZERO;
	if (f->tells_huge && fake_is_huge(p))
		entry |= PAGEMAP_HUGE;
	return entry;
}

static int fake_find(void *context, uint64_t from, uint64_t end, struct migrate_window *ret)
{
	const struct fake *f = context;
	uint64_t to;

	while (f->tells_huge && from < end &&
	       f->pages[fake_index((void *)(uintptr_t)from)].kind == FAKE_NONE)
		from += FAKE_PAGE;
	if (from >= end)
		return 0;
	to = from - from % MIGRATE_WINDOW_BYTES + MIGRATE_WINDOW_BYTES;
	ret->address = from;
	ret->count = (size_t)((to < end ? to : end) - from) / FAKE_PAGE;
	for (size_t i = 0; i < ret->count; i++)
		ret->entries[i] = fake_entry(
			f, &f->pages[fake_index((void *)(uintptr_t)(from + i * FAKE_PAGE))]);
	return 1;
}

static int fake_where(const struct fake_page *p)
{
	if (p->kind == FAKE_ZERO)
		return -EFAULT;
	if (p->kind == FAKE_NONE || p->kind == FAKE_SWAPPED || p->kind == FAKE_HIDDEN)
		return -ENOENT;
	return p->node;
}

static int fake_query(void *context, void *const *pages, size_t count, int *ret)
{
	struct fake *f = context;

	f->queries++;
	f->queried += count;
	f->now += f->query_usec;
	if (f->refuse_query)
		return f->refuse_query;
	for (size_t i = 0; i < count; i++)
		ret[i] = fake_where(&f->pages[fake_index(pages[i])]);
	return 0;
}

static void fake_land(struct fake *f, size_t index, int node)
{
	if (f->pages[index].node == node)
		return;
	f->pages[index].node = node;
	f->pages_moved++;
	f->room_pages--;
}

/* Without a block of its size it is split, and its pages go one by one. 1: some did not. */
static int fake_land_huge(struct fake *f, size_t index, int node)
{
	const size_t first = index - index % 512;
	size_t leave = 0;

	if (f->blocks == 0) {
		f->splits++;
		leave = f->split_leaves;
		for (size_t k = first; k < first + 512; k++)
			f->pages[k].kind = FAKE_ANON;
	} else {
		f->blocks--;
	}
	/* Some may be swapped out, or unmapped. */
	for (size_t k = first; k < first + 512 - leave; k++)
		if (fake_where(&f->pages[k]) >= 0)
			fake_land(f, k, node);
	for (size_t k = first + 512 - leave; k < first + 512; k++)
		f->pages[k].kind = FAKE_PINNED;
	return leave > 0;
}

/* The portion gathered so far. 0, 1: one of it failed, -ENOMEM. */
static int fake_move_portion(struct fake *f, void *const *pages, const bool *gathered, size_t first,
			     size_t end, int node)
{
	int r = 0;

	for (size_t i = first; i < end; i++) {
		size_t index = fake_index(pages[i]);
		struct fake_page *p = &f->pages[index];

		if (!gathered[i])
			continue;
		if (p->kind == FAKE_PINNED || p->kind == FAKE_PINNED_HUGE) {
			r = 1;
			continue;
		}
		if (f->room_pages == 0)
			return -ENOMEM;
		if (p->kind == FAKE_HUGE)
			r = fake_land_huge(f, index, node) ? 1 : r;
		else
			fake_land(f, index, node);
	}
	return r;
}

/* 1: gathered, else the status it gets. */
static int fake_gather(struct fake *f, void *const *pages, const bool *gathered, size_t i, int node,
		       bool all)
{
	size_t index = fake_index(pages[i]);
	struct fake_page *p = &f->pages[index];

	if (p->kind == FAKE_VANISHING)
		p->kind = FAKE_NONE;
	if (fake_where(p) < 0)
		return -ENOENT;
	if (p->node == node)
		return 0;
	if (p->kind == FAKE_SHARED && !all)
		return -EACCES;
	if (p->kind == FAKE_BUSY && p->times > 0) {
		p->times--;
		return -EBUSY;
	}
	/* A second page of a folio that is gathered already. */
	for (size_t k = 0; fake_is_huge(p) && k < i; k++)
		if (gathered[k] && fake_index(pages[k]) / 512 == index / 512 &&
		    f->pages[fake_index(pages[k])].node != node)
			return -EBUSY;
	return 1;
}

static int fake_call(struct fake *f, void *const *pages, size_t count, unsigned node, bool all,
		     int *ret)
{
	static bool gathered[MOVE_PAGES_MAX];
	size_t first = 0;
	int r = 0;

	for (size_t i = 0; i < count; i++)
		ret[i] = MOVE_PAGES_UNTOUCHED;
	if (f->refuse_move)
		return f->refuse_move;
	memset(gathered, 0, sizeof(gathered));
	for (size_t i = 0; i < count; i++) {
		int status = fake_gather(f, pages, gathered, i, (int)node, all);

		if (status > 0) {
			gathered[i] = true;
			continue;
		}
		ret[i] = status < 0 ? status : (int)node;
		r = fake_move_portion(f, pages, gathered, first, i, (int)node);
		if (r == -ENOMEM)
			for (size_t k = 0; k < count; k++)
				ret[k] = MOVE_PAGES_UNTOUCHED;
		if (r != 0)
			return r < 0 ? r : (int)(count - i);
		for (size_t k = first; k < i; k++)
			ret[k] = (int)node;
		first = i + 1;
	}
	r = fake_move_portion(f, pages, gathered, first, count, (int)node);
	for (size_t k = first; r == 0 && k < count; k++)
		ret[k] = (int)node;
	if (r == -ENOMEM)
		for (size_t k = 0; k < count; k++)
			ret[k] = MOVE_PAGES_UNTOUCHED;
	return r;
}

static int fake_move(void *context, void *const *pages, size_t count, unsigned node, bool all,
		     int *ret)
{
	struct fake *f = context;
	uint64_t before = f->pages_moved, moved;
	usec_t took;
	int r = fake_call(f, pages, count, node, all, ret);

	moved = f->pages_moved - before;
	took = f->move_usec + moved * f->page_usec;
	f->moves++;
	f->now += took;
	f->moving += took;
	if (count > f->largest_move)
		f->largest_move = count;
	if (moved > f->largest_pages)
		f->largest_pages = (size_t)moved;
	if (took > f->longest_move)
		f->longest_move = took;
	for (size_t i = 0; f->moves == f->unmapped_after_moves && i < f->unmapped_count; i++)
		f->pages[f->unmapped_first + i].kind = FAKE_NONE;
	for (size_t i = 0; i < STALL_COUNT_; i++)
		f->stalls[i].total_usec += took * f->stall_permyriad[i] / 10000;
	return r;
}

static int fake_free_blocks(void *context, unsigned node, uint64_t *ret)
{
	struct fake *f = context;

	(void)node;
	f->block_reads++;
	*ret = f->blocks;
	return f->refuse_blocks;
}

static void fake_read_stalls(void *context, struct stall_reading ret[STALL_COUNT_])
{
	struct fake *f = context;

	f->stall_reads++;
	memcpy(ret, f->stalls, sizeof(f->stalls));
}

static int fake_free_bytes(void *context, unsigned node, uint64_t *ret)
{
	struct fake *f = context;

	(void)node;
	f->room_reads++;
	*ret = (f->room_pages + f->gone_pages) * FAKE_PAGE;
	return 0;
}

static usec_t fake_now(void *context)
{
	return ((struct fake *)context)->now;
}

static void fake_sleep(void *context, usec_t usec)
{
	struct fake *f = context;

	f->now += usec;
	f->slept += usec;
}

static int fake_poll_control(void *context, struct work_request *ret)
{
	struct fake *f = context;

	if (f->message_after_moves == 0 || f->message_given || f->moves < f->message_after_moves)
		return 0;
	*ret = f->message;
	f->message_given = true;
	return 1;
}

static int fake_reply(void *context, const struct work_reply *reply)
{
	struct fake *f = context;

	f->finals += reply->final;
	if (f->now - f->replied_at > f->longest_silence)
		f->longest_silence = f->now - f->replied_at;
	f->replied_at = f->now;
	if (f->replies_lost && !reply->final)
		return -EAGAIN;
	f->replies++;
	f->last = *reply;
	return 0;
}

static void fake_reset(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	f->room_pages = FAKE_PAGES_MAX;
	f->blocks = FAKE_PAGES_MAX / 512;
	f->tells_huge = true;
	f->now = f->replied_at = USEC_PER_SEC;
}

/* `count` pages of a kind from page number `first` on, on a node. */
static void fake_fill(struct fake *f, size_t first, size_t count, enum fake_kind kind, int node)
{
	for (size_t i = first; i < first + count; i++)
		f->pages[i] = (struct fake_page){ .kind = kind, .node = node, .times = 1 };
}

static struct migrate_map *fake_map(struct fake *f, size_t first, size_t count, const char *name)
{
	struct migrate_map *m = &f->maps[f->map_count++];

	m->map.start = FAKE_BASE + first * FAKE_PAGE;
	m->map.end = m->map.start + count * FAKE_PAGE;
	m->map.readable = m->map.writable = true;
	m->prefers = true;
	m->map.name = span_of(name, strlen(name));
	return m;
}

static struct work_request fake_request(uint64_t pages)
{
	return (struct work_request){ .kind = WORK_MIGRATE,
				      .token = 7,
				      .pid = 1234,
				      .from_node = 0,
				      .to_node = 1,
				      .bytes = pages * FAKE_PAGE,
				      .chunk_bytes = 512 * FAKE_PAGE,
				      .pause_usec = 5 * USEC_PER_MSEC };
}

static void fake_run(struct fake *f, const struct work_request *request)
{
	const struct migrate_kernel kernel = { .page_size_bytes = FAKE_PAGE,
					       .check = fake_check,
					       .next_map = fake_next_map,
					       .knows_huge = f->tells_huge,
					       .find = fake_find,
					       .query = fake_query,
					       .move = fake_move,
					       .free_bytes = fake_free_bytes,
					       .free_blocks = fake_free_blocks,
					       .read_stalls = fake_read_stalls,
					       .now = fake_now,
					       .sleep = fake_sleep,
					       .context = f };
	const struct work_channel channel = { .poll_control = fake_poll_control,
					      .reply = fake_reply,
					      .context = f };

	migrate_run(request, &channel, &kernel);
}
