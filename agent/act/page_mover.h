/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One portion of a move: some hundred pages of one process that were on one node a moment ago,
 * taken to another one, and the truth about each afterwards. A huge page is named by its first
 * address alone.
 */

#include "act/migrate_work.h"
#include "sys/move_pages.h"

/* Huge pages of a portion, 128 MiB. */
#define PAGE_MOVER_HUGE_MAX 64

enum page_kind {
	PAGE_SMALL,
	PAGE_HUGE,
	/* The first of a window whose pages are all there: a huge page perhaps. */
	PAGE_MAYBE_HUGE,
};

struct page_mover {
	const struct migrate_kernel *kernel;
	unsigned from_node;
	unsigned to_node;
	bool move_shared;
	size_t huge_pages; /* that a huge page has */
	bool is_sample;	   /* what stays is of no interest: it is asked for again */
	size_t count;
	void *pages[MOVE_PAGES_MAX];
	uint8_t kinds[MOVE_PAGES_MAX];

	/* What the last portion was like. */
	usec_t call_usec; /* its longest call */
	/* Huge pages that are to be looked at page by page: in no account yet. */
	size_t rest_count;
	void *rest[PAGE_MOVER_HUGE_MAX];
	size_t whole_count;  /* those that went with their first page, and */
	size_t single_count; /* those of PAGE_MAYBE_HUGE whose first page went alone */
	size_t pinned_count; /* addresses, those of `rest` too */
	size_t shared_count; /* likewise */
	/* All portions so far. */
	usec_t moving_usec;
	usec_t longest_call_usec;
	usec_t paused_usec;

	/* The mover's own. */
	usec_t begun_at; /* this portion */
	int status[MOVE_PAGES_MAX];
	int nodes[MOVE_PAGES_MAX];
	uint8_t failed[MOVE_PAGES_MAX];
	uint8_t busy[MOVE_PAGES_MAX];
	uint8_t last_came[MOVE_PAGES_MAX];
};

enum {
	PAGE_MOVER_DONE,
	PAGE_MOVER_FULL, /* the destination filled up */
};

/* How many pages the addresses stand for. */
uint64_t page_mover_pages(const struct page_mover *mover);
/* Moves what is in `pages` and empties it; adds every page to one of the accounts, but those of
 * `rest`. -ESRCH: the process is gone or another one (what the last call did is then nobody's, and
 * not counted); other -errno: the kernel refused the whole call. */
int page_mover_flush(struct page_mover *mover, struct page_accounts *accounts);
