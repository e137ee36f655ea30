/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/score_batch.h"

#include "util/macro.h"

#include <limits.h>
#include <string.h>

/* Where that pid is, or would be. */
static size_t place_of(const struct score_batch *batch, pid_t pid)
{
	size_t low = 0, high = batch->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (batch->members[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct taking {
	struct score_batch *batch;
	pid_t after;
};

/* Keeps the lowest: the kernel lists them in no order, and pids are what a later call can go on
 * after, however many came and went. */
static int take(void *context, pid_t pid)
{
	const struct taking *taking = context;
	struct score_batch *batch = taking->batch;
	size_t at, moved;

	if (pid <= taking->after)
		return 0;
	at = place_of(batch, pid);
	if (at == SCORE_BATCH_MAX || (at < batch->count && batch->members[at].pid == pid))
		return 0;
	if (batch->count < SCORE_BATCH_MAX)
		batch->count++;
	moved = batch->count - at - 1;
	memmove(&batch->members[at + 1], &batch->members[at], moved * sizeof(batch->members[0]));
	batch->members[at] = (struct score_member){ .pid = pid };
	return 0;
}

static void note_record(struct score_batch *batch, int base, int set)
{
	if (!batch->any) {
		batch->any = batch->one_base = true;
		batch->base = base;
	}
	batch->one_base &= base == batch->base;
	/* What it had is nothing that its children have from us. */
	if (set == base)
		return;
	batch->least_set = MIN_OF(batch->least_set, set);
	batch->most_set = MAX_OF(batch->most_set, set);
}

static int match(void *context, pid_t pid, uint64_t start_ticks, int base, int set)
{
	struct score_batch *batch = context;
	size_t at = place_of(batch, pid);

	note_record(batch, base, set);
	/* A pid may be on record twice, as the first process of that number is gone. */
	if (at < batch->count && batch->members[at].pid == pid)
		batch->members[at] = (struct score_member){ .pid = pid,
							    .is_recorded = true,
							    .start_ticks = start_ticks,
							    .base = base,
							    .set = set };
	return 0;
}

int score_batch_take(const struct target *target, const struct score_port *record, size_t claim,
		     pid_t after, struct score_batch *ret)
{
	struct taking taking = { .batch = ret, .after = after };
	int r;

	ret->count = 0;
	ret->any = ret->one_base = false;
	ret->least_set = INT_MAX;
	ret->most_set = INT_MIN;
	r = target_each_pid(target, take, &taking);
	if (r < 0)
		return r;
	record->each(record->record, claim, match, ret);
	return 0;
}

bool score_batch_is_ours(const struct score_batch *batch, int score)
{
	return score == batch->least_set || score == batch->most_set;
}

struct search {
	pid_t pid;
	bool found;
	int base;
};

static int find(void *context, pid_t pid, uint64_t start_ticks, int base, int set)
{
	struct search *search = context;

	(void)start_ticks;
	(void)set;
	if (pid == search->pid) {
		search->found = true;
		search->base = base;
	}
	return 0;
}

bool score_batch_heir(const struct score_batch *batch, const struct score_port *record,
		      size_t claim, pid_t parent, int *ret_base)
{
	struct search search = { .pid = parent };

	if (batch->any && batch->one_base) {
		*ret_base = batch->base;
		return true;
	}
	record->each(record->record, claim, find, &search);
	if (search.found)
		*ret_base = search.base;
	return search.found;
}
