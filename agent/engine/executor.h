/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The only caller of what changes anything. Takes a plan's steps, runs remedies, answers outcomes.
 * Dry-run steps are reported as done with their expected gain and touch nothing.
 */

#include "act/remedy.h"
#include "core/plan.h"

#include <stdbool.h>

struct executor;

/* `env` is copied. No worker is needed for a process that only plans. */
int executor_new(const struct remedy_env *env, struct executor **ret);
struct executor *executor_free(struct executor *executor);
static inline void executor_freep(struct executor **e)
{
	*e = executor_free(*e);
}

#define EXECUTOR_OUTCOMES_MAX 64
/* Steps that run at one time; one more is answered with FAILED. */
#define EXECUTOR_STEPS_MAX 64

/* Starts, resizes and cancels as the plan says. Every STEP_START gets exactly one outcome that is
 * not RUNNING, provided that executor_advance() is called between two calls. */
void executor_submit(struct executor *executor, const struct plan *plan,
		     const struct snapshot *snapshot, usec_t now);
/* Advances every running remedy; returns the outcomes since the last call, those that had no room
 * in the array the next time. The array is the executor's, valid until the next call. */
size_t executor_advance(struct executor *executor, const struct snapshot *snapshot, usec_t now,
			const struct outcome **ret_outcomes);
/* Net bytes moved onto a node since the last call (negative: off it). */
int64_t executor_take_moved(struct executor *executor, unsigned node);
/* Nothing runs and no outcome waits to be collected. */
bool executor_is_idle(const struct executor *executor);
/* Asks every running remedy to end, for a stop. */
void executor_cancel_all(struct executor *executor, usec_t now);
