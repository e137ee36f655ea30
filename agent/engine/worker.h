/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Pre-forked worker processes: what may block in the kernel runs there, so that a worker stuck
 * there can be killed without the agent. A worker locks its own memory, takes one request at a
 * time, dies with the agent (PR_SET_PDEATHSIG) and is replaced in a calm round.
 */

#include "act/remedy.h"
#include "core/work.h"

#include <stdbool.h>

struct worker_pool;

/* What a worker does with each kind of request; runs in the worker. A handler that returns without
 * a final reply is an error of that request, not of the worker. */
struct worker_handlers {
	void (*inspect)(const struct work_request *request, const struct work_channel *channel);
	/* NULL: such requests end in an error. */
	void (*describe)(const struct work_request *request, const struct work_channel *channel);
	void (*migrate)(const struct work_request *request, const struct work_channel *channel);
	/* NULL: likewise. */
	void (*trial)(const struct work_request *request, const struct work_channel *channel);
	void (*release)(const struct work_request *request, const struct work_channel *channel);
	/* NULL: likewise. */
	void (*clerk)(const struct work_request *request, const struct work_channel *channel);
	/* Before its first request, which may come when memory is gone. NULL: there is nothing. */
	void (*prepare_clerk)(const struct sysroot *root);
};

/* How long an inspection may take. Walking the page tables of a guest of 256 GiB in small pages
 * takes about 2 s; what takes longer waits for a lock, and its figures are old when they come. */
#define WORKER_INSPECTION_MAX_USEC (2 * USEC_PER_SEC)

/* How many processes of each kind. A clerk gives up what rights it does not need for writing the
 * kernel's files and talking to systemd. Of several clerks one takes nothing but settings, so that
 * none of them waits for the job of a unit, reclaim or compaction. All are there from the start, as
 * there is no forking when memory is gone; one that waits costs a stack and its page tables. */
struct worker_counts {
	size_t migrators;
	size_t inspectors;
	size_t clerks;
};

/* Forks them. Call before threads, buses and journals exist. `root` must outlive it. */
int worker_pool_new(const struct sysroot *root, const struct worker_counts *counts,
		    struct worker_pool **ret);
/* The same with other handlers; the table must outlive it. */
int worker_pool_new_with(const struct sysroot *root, const struct worker_counts *counts,
			 const struct worker_handlers *handlers, struct worker_pool **ret);
struct worker_pool *worker_pool_free(struct worker_pool *pool);
static inline void worker_pool_freep(struct worker_pool **p)
{
	*p = worker_pool_free(*p);
}

/* The ports that remedies are given: to migrators, and to clerks. Where there are none of a kind,
 * they are never free. */
struct work_port worker_pool_port(struct worker_pool *pool);
struct work_port worker_pool_clerk_port(struct worker_pool *pool);

/* Inspections: submit to a free inspector (-EBUSY: none), collect what has come. */
int worker_pool_inspect(struct worker_pool *pool, const struct work_request *request, usec_t now);
/* 1 and the pair, 0 when none. A request that takes longer than WORKER_INSPECTION_MAX_USEC (its
 * worker hangs in the kernel) comes back with error ETIMEDOUT and its worker is killed; one whose
 * worker died with EPIPE. */
int worker_pool_inspected(struct worker_pool *pool, usec_t now, struct work_request *ret_request,
			  struct work_reply *ret_reply);
/* Hands a request to a free inspector and waits for its answer: for programs that are asked
 * something, not for the loop. Calls `each` for every reply, the final one included. 0, the final
 * reply's error, -EBUSY (no inspector is free), -ETIMEDOUT (its worker is killed; the replies until
 * then hold), -EPIPE (it died). */
int worker_pool_ask(struct worker_pool *pool, const struct work_request *request, usec_t timeout,
		    void (*each)(void *context, const struct work_reply *reply), void *context);
/* Is an inspection under way, or its reply not collected yet? */
bool worker_pool_is_inspecting(const struct worker_pool *pool);

/* Forks replacements of workers that died; forks, so in calm rounds only. Returns how many. */
int worker_pool_replenish(struct worker_pool *pool);
