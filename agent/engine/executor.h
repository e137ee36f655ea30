/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The only caller of what changes anything. Takes a plan's steps, runs remedies, answers outcomes.
 * Dry-run steps are reported as done with their expected gain and touch nothing.
 *
 * A step that sets something is recorded before it is started (engine/ledger.h), and given back by
 * STEP_UNDO, by its own failure, or altogether. What cannot be given back now is tried again.
 * What nothing is recorded of, as it ends with the agent, is ended by STEP_UNDO once (a canary).
 */

#include "act/remedy.h"
#include "core/plan.h"
#include "core/policy.h"
#include "engine/ledger.h"

#include <stdbool.h>

struct executor;

/* `env` is copied. No worker is needed for a process that only plans. */
int executor_new(const struct remedy_env *env, struct executor **ret);
struct executor *executor_free(struct executor *executor);
static inline void executor_freep(struct executor **e)
{
	*e = executor_free(*e);
}

/* Where it is recorded what is set; not taken over. NULL, as at first: nothing is set. What the
 * record has and the host has not is written from then on. */
void executor_set_ledger(struct executor *executor, struct ledger *ledger, usec_t now);
/* What may be done to whom; must outlive its use. NULL, as at first: what needs a policy's leave is
 * refused. */
void executor_set_policies(struct executor *executor, const struct policy_table *policies);

/* Workers that one move may have at once; one, as at first, until it is known what more are worth.
 */
void executor_set_movers(struct executor *executor, unsigned movers);

#define EXECUTOR_OUTCOMES_MAX 64
/* Steps that run at one time; one more is answered with FAILED. The last places are for what ends
 * somebody, or a canary: others may last (a freeze), and must not keep a host from its last resort.
 */
#define EXECUTOR_STEPS_MAX  64
#define EXECUTOR_LAST_STEPS 4

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
/* Nothing runs, no outcome waits to be collected, and whatever is to be given back was at least
 * tried. */
bool executor_is_idle(const struct executor *executor);
/* Is anything being set, or given back, or to be given back and not tried yet? */
bool executor_is_setting(const struct executor *executor);
/* Asks every running remedy to end, for a stop. */
void executor_cancel_all(struct executor *executor, usec_t now);

/* Gives back what is not to be kept: claims for which `keep` is false. Steps that are about to set
 * such are cancelled. */
void executor_release(struct executor *executor,
		      bool (*keep)(void *context, const struct ledger_entry *entry,
				   const struct ledger_claim *claim),
		      void *context, usec_t now);
/* The configuration was read anew: as holdings_take_foreign(). */
void executor_take_foreign(struct executor *executor);
/* Everything: of remedies, or of policies as well. */
void executor_undo_all(struct executor *executor, bool of_policies_too, usec_t now);
/* `told` hears of each thing that was given back, let go because somebody else has set it, or could
 * not be given back now, whoever asked for it. */
void executor_watch_returns(struct executor *executor,
			    void (*told)(void *context, const struct ledger_entry *entry,
					 const struct outcome *outcome),
			    void *context);
