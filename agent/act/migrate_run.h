/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One running move, for the parts of it: portions (migrate_run.c), windows (migrate_window.c), the
 * sample of a large mapping (migrate_sample.c), and the way over the mappings (migrate_work.c).
 *
 * Small pages and huge ones that were found wait in two lists, each until there is a portion of
 * them: what waits is promised room in the amount that is asked for.
 */

#include "act/huge_guess.h"
#include "act/migrate_work.h"
#include "act/move_pace.h"
#include "act/page_mover.h"

#define SAMPLE_MAX 64
/* Huge pages that wait for the end of it, because the destination would split them: 2 GiB. */
#define MIGRATE_LATER_MAX 1024

/* Of the present mapping, what went ahead of the others; in order. */
struct migrate_sample {
	size_t count;
	size_t next;
	struct {
		uint64_t address;
		size_t pages;
	} moved[SAMPLE_MAX * 2];
};

struct migrate_range {
	uint64_t from;
	uint64_t end;
};

/* Of the present mapping, what comes last, as it probably stays; in order. */
struct migrate_put_off {
	size_t count;
	size_t next;
	bool is_over; /* they have their turn, and nothing is put off any more */
	struct migrate_range ranges[SAMPLE_MAX];
};

struct run {
	const struct work_request *request;
	const struct work_channel *channel;
	const struct migrate_kernel *kernel;
	struct page_mover *mover;
	struct page_accounts accounts;
	uint64_t bytes; /* to move, as last resized */
	size_t window_pages;
	struct move_pace pace;
	struct move_pressure pressure;
	uint64_t room_pages; /* of the destination, above its reserve, when last looked at */
	usec_t room_at;
	unsigned skipped_windows;
	usec_t begun_at;
	usec_t rested_usec;
	usec_t replied_at;
	usec_t blocks_again_at; /* the destination had none for huge pages, until then */
	bool finished;
	int error; /* errno value */

	/* The present mapping. */
	bool shared_memory;
	uint64_t stuck_run; /* pages in a row, pinned or shared, none moved in between */
	struct huge_guess guess;
	struct migrate_sample sample;
	struct migrate_put_off put_off;

	/* To go. */
	size_t small_count;
	void *small[MOVE_PAGES_MAX + MIGRATE_WINDOW_PAGES_MAX];
	size_t huge_count;
	void *huge[PAGE_MOVER_HUGE_MAX];
	size_t later_count;
	void *later[MIGRATE_LATER_MAX];
};

static inline uint64_t run_window_bytes(const struct run *run)
{
	return run->window_pages * run->kernel->page_size_bytes;
}

/* Are huge pages of the size of a window here? */
static inline bool run_has_huge(const struct run *run)
{
	return run->window_pages == MIGRATE_WINDOW_PAGES_MAX;
}

void migrate_run_finish(struct run *run, int error);
/* What the destination has above what it must keep. */
void migrate_run_look_at_room(struct run *run);
/* Ends for an error of the kernel's, which may be but that the process is exiting. */
void migrate_run_fail(struct run *run, int r);
uint64_t migrate_run_pages_left(const struct run *run);
void migrate_run_reply(struct run *run, bool final);
/* What is told at least twice a second, however long finding takes. */
void migrate_run_heartbeat(struct run *run);

/* Pages of one window: they go, or no more is asked for. */
void migrate_run_add_small(struct run *run, void *const *pages, size_t count);
/* One huge page, or a window that may be one. */
void migrate_run_add_huge(struct run *run, void *page);
/* Rests as long as it must, and looks at what may have changed. False: what is in the mover must
 * not go any more, and is dropped. */
bool migrate_run_may_go(struct run *run);
/* Moves what is in the mover; its result. */
int migrate_run_flush(struct run *run, struct page_accounts *accounts);
/* What waits goes; but what the destination would split, unless `all`. */
void migrate_run_flush_all(struct run *run, bool all);
/* The huge pages of it. */
void migrate_run_flush_huge(struct run *run);
/* How many huge pages of `count` the destination can take whole. */
size_t migrate_run_whole(struct run *run, size_t count);
/* What waits does not go. */
void migrate_run_drop(struct run *run);

/* Everything of a window that may go is asked for and gathered. */
void migrate_window_take(struct run *run, const struct migrate_window *window);
/* Of a window that was to go whole and did not: what is over there has moved. */
void migrate_window_take_rest(struct run *run, uint64_t address);
/* What it has on the source is only counted; the pages, or -errno. */
ssize_t migrate_window_count(struct run *run, const struct migrate_window *window);
/* How many pages of the window at this address are on the destination, of those that may go. */
size_t migrate_window_arrived(struct run *run, uint64_t address);
/* The first page of it that may go and is there, NULL: none. */
void *migrate_window_first(const struct run *run, const struct migrate_window *window,
			   enum page_kind *ret_kind);

/* Is the window of this address one of our part? */
bool migrate_part_has(const struct run *run, uint64_t address);

/* Tries some pages of the mapping from `from` on. The account that all of them belong to, as they
 * cannot be moved and are not worth trying; NULL: they are, though some may be put off. */
uint64_t *migrate_sample_take(struct run *run, uint64_t from, uint64_t end);
/* Did this page go ahead of the others, and is counted? Asked in the order of addresses. */
bool migrate_sample_has(struct run *run, uint64_t address);
