/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The worker's side of a move: which pages of one process go, in what portions, and where each of
 * them ended. The kernel is reached through a table, so that a scripted one can show every answer
 * that a real one gives rarely. migrate_work() (act/remedy.h) runs it on the real one, and
 * migrate_trial_work() on memory of the worker's own.
 */

#include "act/move_pressure.h"
#include "act/remedy.h"
#include "sys/proc_maps.h"
#include "util/usec.h"

/* What moves together or not at all: a huge page of machines with 4 KiB pages. Of an amount up to
 * this much may stay undone. */
#define MIGRATE_WINDOW_BYTES	 (UINT64_C(2) << 20)
#define MIGRATE_WINDOW_PAGES_MAX 512

struct migrate_map {
	struct proc_map map;
	bool huge;		  /* of a huge page pool */
	bool bound_elsewhere;	  /* its own policy keeps it off the destination */
	uint64_t huge_from_pages; /* of both: its base pages on the source node */
	bool prefers; /* its own policy prefers the node that the request names, if that does */
};

/* What is there of one window. */
struct migrate_window {
	uint64_t address; /* of the first entry */
	size_t count;
	uint64_t entries[MIGRATE_WINDOW_PAGES_MAX]; /* PAGEMAP_... of sys/proc_maps.h */
};

/* Every function as the one of sys/ that it stands for. */
struct migrate_kernel {
	uint64_t page_size_bytes;
	bool knows_huge;	     /* find() tells PAGEMAP_HUGE and PAGEMAP_ZERO */
	int (*check)(void *context); /* 0: it is still the process that was meant; -ESRCH */
	int (*next_map)(void *context, struct migrate_map *ret);
	/* The first window at `from` or after it that may hold something, as far as it is below
	 * `end`. 1; 0: there is none; -errno. */
	int (*find)(void *context, uint64_t from, uint64_t end, struct migrate_window *ret);
	int (*query)(void *context, void *const *pages, size_t count, int *ret_status);
	int (*move)(void *context, void *const *pages, size_t count, unsigned node, bool all,
		    int *ret_status);
	/* Free, or clean page cache, as a node's headroom has it. */
	int (*free_bytes)(void *context, unsigned node, uint64_t *ret);
	/* Blocks that a huge page fits into. */
	int (*free_blocks)(void *context, unsigned node, uint64_t *ret);
	void (*read_stalls)(void *context, struct stall_reading ret[STALL_COUNT_]);
	usec_t (*now)(void *context);
	void (*sleep)(void *context, usec_t usec);
	void *context;
};

/* Sends replies and then the final one. Its error: 0: all that could be moved was, or the amount
 * was reached; ECANCELED; ESRCH: the process is gone; ENOSPC: the destination has no room above
 * the reserve; EPERM, EACCES, ENODEV and others: the kernel refused whole calls. */
void migrate_run(const struct work_request *request, const struct work_channel *channel,
		 const struct migrate_kernel *kernel);
