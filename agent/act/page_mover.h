/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One portion of a move: some hundred pages of one process that were on one node a moment ago,
 * taken to another one, and the truth about each afterwards.
 */

#include "act/migrate_work.h"
#include "sys/move_pages.h"

struct page_mover {
	const struct migrate_kernel *kernel;
	unsigned from_node;
	unsigned to_node;
	bool move_shared;
	size_t count;
	void *pages[MOVE_PAGES_MAX];
	/* The mover's own. */
	int status[MOVE_PAGES_MAX];
	int nodes[MOVE_PAGES_MAX];
	uint8_t failed[MOVE_PAGES_MAX];
	uint8_t busy[MOVE_PAGES_MAX];
};

enum {
	PAGE_MOVER_DONE,
	PAGE_MOVER_FULL, /* the destination filled up */
};

/* Moves what is in `pages` and empties it; adds every page to one of the accounts. -ESRCH: the
 * process is gone or another one (what the last call did is then nobody's, and not counted); other
 * -errno: the kernel refused the whole call. */
int page_mover_flush(struct page_mover *mover, struct page_accounts *accounts);
