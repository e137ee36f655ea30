/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The processes of a service, some at a time, beside what is on record of them. No heap, and a
 * bounded number of calls: one list of pids, one walk over the record, and what the caller does
 * with each process.
 */

#include "act/remedy.h"
#include "act/target.h"

#define SCORE_BATCH_MAX 256

struct score_member {
	pid_t pid;
	bool is_recorded;
	uint64_t start_ticks; /* of the one on record */
	int base;
	int set;
};

struct score_batch {
	struct score_member members[SCORE_BATCH_MAX]; /* by pid */
	size_t count;
	/* The whole record of the claim. */
	bool any;
	int base;      /* of the first one */
	bool one_base; /* ... and of all others */
	int least_set;
	int most_set;
};

/* The next pids after `after`. Fewer than SCORE_BATCH_MAX: there are no more. 0; -errno of
 * target_each_pid(). */
int score_batch_take(const struct target *target, const struct score_port *record, size_t claim,
		     pid_t after, struct score_batch *ret);
/* Has a process this score from us? */
bool score_batch_is_ours(const struct score_batch *batch, int score);
/* What a process had that has our score and is on no record: it was forked by one of ours, and took
 * it over. False: it cannot be told. */
bool score_batch_heir(const struct score_batch *batch, const struct score_port *record,
		      size_t claim, pid_t parent, int *ret_base);
