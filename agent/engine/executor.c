/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The choke point. Whatever a plan says, here it is decided whether anything is touched:
 * - a dry-run step is answered and forgotten;
 * - on a captured machine nothing is enforced;
 * - what could do harm is measured once more (engine/check.h);
 * - what sets something is recorded first (engine/holdings.h), and of one thing there is one writer
 *   at a time: a step that comes meanwhile waits, and then writes what is in force by all claims.
 *
 * Room for remedies is fixed: one that is full says so, and nothing here allocates after the start.
 */

#include "engine/executor.h"

#include "act/action.h"
#include "engine/answers.h"
#include "engine/check.h"
#include "engine/entry.h"
#include "engine/holdings.h"
#include "engine/slot.h"
#include "sys/memlock.h"
#include "util/macro.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of what is given back, so much at one time: steps are to find a place. But whoever is frozen does
 * not wait for limits that a slow manager keeps. */
#define RETURNS_MAX 16
/* Steps that run at one time on a host in danger. */
#define SLOTS_TOUCHED 4

struct executor {
	struct remedy_env env;
	struct holdings *holdings;
	const struct policy_table *policies;
	/* Apart from the slots, so that looking for one does not touch them all. */
	enum slot_state states[EXECUTOR_STEPS_MAX];
	struct slot *slots;
	struct answers answers;
	struct outcome outcomes[EXECUTOR_OUTCOMES_MAX];
	size_t outcome_count;
	int64_t moved[IDSET_BITS];
};

int executor_new(const struct remedy_env *env, struct executor **ret)
{
	_cleanup_(executor_freep) struct executor *executor = calloc(1, sizeof(*executor));

	if (!executor)
		return -ENOMEM;
	int r = holdings_new(&executor->env, &executor->holdings);

	if (r < 0)
		return r;
	executor->env = *env;
	executor->env.scores = holdings_score_port(executor->holdings);
	executor->slots = calloc(EXECUTOR_STEPS_MAX, sizeof(executor->slots[0]));
	if (!executor->slots)
		return -ENOMEM;
	/* Written for the first time when nothing is to be had, each page would have to be found.
	 */
	memlock_touch(executor->slots, SLOTS_TOUCHED * sizeof(executor->slots[0]));
	memlock_touch(executor->outcomes, SLOTS_TOUCHED * sizeof(executor->outcomes[0]));
	*ret = TAKE_PTR(executor);
	return 0;
}

struct executor *executor_free(struct executor *executor)
{
	if (!executor)
		return NULL;
	for (size_t i = 0; executor->slots && i < EXECUTOR_STEPS_MAX; i++)
		if (executor->states[i] == SLOT_RUNNING)
			executor->slots[i].ops->release(&executor->slots[i].remedy, &executor->env);
	free(executor->slots);
	holdings_free(executor->holdings);
	free(executor);
	return NULL;
}

void executor_set_ledger(struct executor *executor, struct ledger *ledger, usec_t now)
{
	holdings_set_ledger(executor->holdings, ledger, now);
}

void executor_watch_returns(struct executor *executor,
			    void (*told)(void *context, const struct ledger_entry *entry,
					 const struct outcome *outcome),
			    void *context)
{
	holdings_watch(executor->holdings, told, context);
}

void executor_set_policies(struct executor *executor, const struct policy_table *policies)
{
	executor->policies = policies;
}

void executor_set_movers(struct executor *executor, unsigned movers)
{
	executor->env.movers = movers;
}

/* What is frozen is held by its step, and thawed with its end. */
static bool holds_while_it_runs(const struct slot *slot)
{
	return slot->remedy.step.action == ACTION_FREEZE;
}

static void end_hold(struct executor *executor, struct slot *slot, usec_t now)
{
	const struct outcome *outcome = &slot->remedy.outcome;

	if (!slot->hold.used)
		return;
	holdings_set_busy(executor->holdings, slot->hold.entry, false);
	if (outcome->state != OUTCOME_DONE || holds_while_it_runs(slot))
		holdings_withdraw(executor->holdings, &slot->hold, now);
	else
		holdings_confirm(executor->holdings, &slot->hold, &slot->remedy.value,
				 outcome->in_force_known ? &outcome->in_force : &slot->remedy.value,
				 now);
	slot->hold.used = false;
}

static void note_frozen(struct executor *executor, struct slot *slot, usec_t now)
{
	const struct outcome *outcome = &slot->remedy.outcome;

	if (slot->hold.used && holds_while_it_runs(slot) && outcome->in_force_known &&
	    outcome->in_force.number == slot->remedy.value.number &&
	    ledger_state(holdings_ledger(executor->holdings), slot->hold.entry) == ENTRY_INTENDED)
		holdings_confirm(executor->holdings, &slot->hold, &slot->remedy.value,
				 &outcome->in_force, now);
}

/* Takes the result of start() or advance(). */
static void note_result(struct executor *executor, size_t i, int result, usec_t now)
{
	struct slot *slot = &executor->slots[i];
	struct outcome *outcome = &slot->remedy.outcome;

	if (result == REMEDY_RUNNING) {
		note_frozen(executor, slot, now);
		return;
	}
	if (result < 0) {
		outcome->state = OUTCOME_FAILED;
		outcome->error = -result;
		if (outcome->reason[0] == '\0')
			(void)snprintf(outcome->reason, sizeof(outcome->reason), "error %d",
				       -result);
	} else if (outcome->state != OUTCOME_CANCELLED) {
		outcome->state = OUTCOME_DONE;
	}
	executor->states[i] = SLOT_ENDED;
	if (slot->is_return)
		holdings_take_result(executor->holdings, &slot->remedy, result, now);
	else
		end_hold(executor, slot, now);
}

static void count_moved(struct executor *executor, struct slot *slot)
{
	const struct step_migrate *move = &slot->remedy.step.migrate;
	int64_t delta;

	if (slot->remedy.step.action != ACTION_MIGRATE)
		return;
	delta = (int64_t)(slot->remedy.outcome.done_bytes - slot->counted_bytes);
	slot->counted_bytes = slot->remedy.outcome.done_bytes;
	if (move->to_node < IDSET_BITS)
		executor->moved[move->to_node] += delta;
	if (move->from_node < IDSET_BITS)
		executor->moved[move->from_node] -= delta;
}

static void start_remedy(struct executor *executor, size_t i, const struct snapshot *snapshot,
			 usec_t now)
{
	struct slot *slot = &executor->slots[i];
	int r;

	executor->states[i] = SLOT_RUNNING;
	slot->remedy.snapshot = snapshot;
	slot->remedy.started_at = now;
	r = slot->ops->start(&slot->remedy, &executor->env, now);
	slot->remedy.snapshot = NULL;
	if (r == REMEDY_DONE)
		slot->ops->release(&slot->remedy, &executor->env);
	note_result(executor, i, r, now);
}

/* By what is to be in force now, which others may have made stricter than the step asks for. */
static void start_holding(struct executor *executor, size_t i, const struct snapshot *snapshot,
			  usec_t now)
{
	struct slot *slot = &executor->slots[i];
	const struct ledger_entry *entry =
		ledger_get(holdings_ledger(executor->holdings), slot->hold.entry);

	slot->remedy.claim = slot->hold.entry;
	slot->remedy.value = entry->intended;
	/* New processes have what their parents had. */
	if (entry->state == ENTRY_SET && !entry_is_per_process(entry->on.id)) {
		slot->remedy.outcome.in_force = entry->found;
		slot->remedy.outcome.in_force_known = true;
		slot->remedy.outcome.state = OUTCOME_DONE;
		executor->states[i] = SLOT_ENDED;
		slot->hold.used = false;
		return;
	}
	holdings_set_busy(executor->holdings, slot->hold.entry, true);
	start_remedy(executor, i, snapshot, now);
}

/* EXECUTOR_STEPS_MAX: there is none. */
static size_t find_slot(const struct executor *executor, bool ends_somebody)
{
	size_t end = EXECUTOR_STEPS_MAX - (ends_somebody ? 0 : EXECUTOR_LAST_STEPS);

	for (size_t i = 0; i < end; i++)
		if (executor->states[i] == SLOT_FREE)
			return i;
	return EXECUTOR_STEPS_MAX;
}

static int hold(struct executor *executor, const struct step *step, const struct snapshot *snapshot,
		struct hold *ret, const char **ret_reason, usec_t now)
{
	int r;

	*ret = (struct hold){ 0 };
	if (!actions[step->action].sets)
		return 0;
	r = holdings_claim(executor->holdings, step, snapshot, ret, ret_reason);
	if (r >= 0)
		answers_undone(&executor->answers, ret->overtaken, "it is asked for again", now);
	return r;
}

static void start(struct executor *executor, const struct step *step,
		  const struct snapshot *snapshot, usec_t now)
{
	const struct check check = { &executor->env, executor->policies, snapshot };
	const char *reason;
	struct hold held;
	size_t i;
	int r;

	if (step->mode == MODE_DRY_RUN) {
		answers_simulated(&executor->answers, step, now);
		return;
	}
	r = check_step(&check, step, &reason);
	i = find_slot(executor, actions[step->action].destructive);
	if (r >= 0 && i == EXECUTOR_STEPS_MAX) {
		r = -EBUSY;
		reason = "too many steps at once";
	}
	if (r >= 0)
		r = hold(executor, step, snapshot, &held, &reason, now);
	if (r < 0) {
		answers_failed(&executor->answers, step, r, reason, now);
		return;
	}
	slot_fill(&executor->slots[i], step, &held, now);
	if (!held.used)
		start_remedy(executor, i, snapshot, now);
	else if (holdings_is_busy(executor->holdings, held.entry))
		executor->states[i] = SLOT_WAITING;
	else
		start_holding(executor, i, snapshot, now);
}

static struct slot *find_running(struct executor *executor, uint64_t id)
{
	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++)
		if (executor->states[i] == SLOT_RUNNING && executor->slots[i].remedy.step.id == id)
			return &executor->slots[i];
	return NULL;
}

/* One that has ended meanwhile is no fault: its outcome is on the way. */
static void resize(struct executor *executor, const struct step *step)
{
	struct slot *slot = find_running(executor, step->id);

	if (!slot || !slot->ops->resize)
		return;
	slot->remedy.step.migrate.bytes = step->migrate.bytes;
	(void)slot->ops->resize(&slot->remedy, &executor->env);
}

static void cancel_waiting(struct executor *executor, size_t i, usec_t now)
{
	struct slot *slot = &executor->slots[i];

	slot->remedy.outcome.state = OUTCOME_CANCELLED;
	executor->states[i] = SLOT_ENDED;
	/* Somebody else is at it: that one stays busy. */
	holdings_withdraw(executor->holdings, &slot->hold, now);
	slot->hold.used = false;
}

static void cancel_slot(struct executor *executor, size_t i, usec_t now)
{
	struct slot *slot = &executor->slots[i];

	if (executor->states[i] == SLOT_WAITING)
		cancel_waiting(executor, i, now);
	else if (executor->states[i] == SLOT_RUNNING && !slot->is_return)
		slot->ops->cancel(&slot->remedy, &executor->env);
}

static void cancel(struct executor *executor, const struct step *step, usec_t now)
{
	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++)
		if (executor->states[i] != SLOT_FREE &&
		    executor->slots[i].remedy.step.id == step->id)
			cancel_slot(executor, i, now);
}

/* Whoever is about to set what its owner wants no more. */
static void cancel_holders(struct executor *executor, size_t entry, const struct claim_owner *owner,
			   usec_t now)
{
	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++) {
		const struct slot *slot = &executor->slots[i];

		if (executor->states[i] != SLOT_FREE && slot->hold.used &&
		    slot->hold.entry == entry && claim_owner_equal(&slot->hold.owner, owner))
			cancel_slot(executor, i, now);
	}
}

/* False: there is nothing to be given back, and nobody to be waited for. */
static bool give_back(struct executor *executor, size_t entry, const struct claim_owner *owner,
		      uint64_t step, usec_t now)
{
	cancel_holders(executor, entry, owner, now);
	return holdings_release(executor->holdings, entry, owner, step, now) == 0;
}

/* What nobody records: its remedy ends it. One that is about to begin is called off, and otherwise
 * comes first, as there is one clerk for both. */
static void end(struct executor *executor, const struct step *step, const struct snapshot *snapshot,
		usec_t now)
{
	static const struct hold none;
	size_t i;

	for (i = 0; i < EXECUTOR_STEPS_MAX; i++)
		if (executor->states[i] == SLOT_RUNNING && slot_is_begun(&executor->slots[i], step))
			cancel_slot(executor, i, now);
	i = find_slot(executor, true);
	if (i == EXECUTOR_STEPS_MAX) {
		answers_failed(&executor->answers, step, -EBUSY, "too many steps at once", now);
		return;
	}
	slot_fill(&executor->slots[i], step, &none, now);
	executor->slots[i].remedy.is_undo = true;
	start_remedy(executor, i, snapshot, now);
}

static void undo(struct executor *executor, const struct step *step,
		 const struct snapshot *snapshot, usec_t now)
{
	struct ledger *ledger = holdings_ledger(executor->holdings);
	struct claim_owner owner;
	bool is_pending = false;
	ssize_t i;

	if (step->mode == MODE_DRY_RUN) {
		answers_simulated(&executor->answers, step, now);
		return;
	}
	if ((unsigned)step->action < ACTION_COUNT_ && actions[step->action].undone_by_remedy) {
		end(executor, step, snapshot, now);
		return;
	}
	holdings_owner(step, &owner);
	if (ledger && (unsigned)step->action < ACTION_COUNT_ && actions[step->action].sets) {
		i = ledger_find(ledger, &step->setting.on);
		is_pending = i >= 0 && give_back(executor, (size_t)i, &owner, step->id, now);
	} else if (ledger) {
		for (i = ledger_next_of(ledger, &owner, 0); i >= 0;
		     i = ledger_next_of(ledger, &owner, (size_t)i + 1))
			is_pending |= give_back(executor, (size_t)i, &owner, step->id, now);
	}
	if (!is_pending)
		answers_undone(&executor->answers, step->id, "nothing had to be given back", now);
}

void executor_submit(struct executor *executor, const struct plan *plan,
		     const struct snapshot *snapshot, usec_t now)
{
	for (size_t i = 0; i < plan->step_count; i++) {
		const struct step *step = &plan->steps[i];

		switch (step->order) {
		case STEP_START:
			start(executor, step, snapshot, now);
			break;
		case STEP_RESIZE:
			resize(executor, step);
			break;
		case STEP_CANCEL:
			cancel(executor, step, now);
			break;
		case STEP_UNDO:
			undo(executor, step, snapshot, now);
			break;
		}
	}
}

static void report(struct executor *executor, size_t i, usec_t now)
{
	struct slot *slot = &executor->slots[i];

	/* What nobody waits for is only done. */
	if (slot->remedy.step.id == 0 && slot->is_return) {
		if (executor->states[i] == SLOT_ENDED)
			executor->states[i] = SLOT_FREE;
		return;
	}
	if (executor->outcome_count == ARRAY_SIZE(executor->outcomes) || !slot_has_changed(slot))
		return;
	slot->remedy.outcome.at_usec = now;
	slot->told = slot->remedy.outcome;
	executor->outcomes[executor->outcome_count++] = slot->told;
	if (executor->states[i] == SLOT_ENDED)
		executor->states[i] = SLOT_FREE;
}

static void advance(struct executor *executor, size_t i, const struct snapshot *snapshot,
		    usec_t now)
{
	struct slot *slot = &executor->slots[i];
	int r;

	slot->remedy.snapshot = snapshot;
	r = slot->ops->advance(&slot->remedy, &executor->env, now);
	slot->remedy.snapshot = NULL;
	if (r != REMEDY_RUNNING)
		slot->ops->release(&slot->remedy, &executor->env);
	note_result(executor, i, r, now);
	count_moved(executor, slot);
}

static void start_waiting(struct executor *executor, const struct snapshot *snapshot, usec_t now)
{
	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++)
		if (executor->states[i] == SLOT_WAITING &&
		    !holdings_is_busy(executor->holdings, executor->slots[i].hold.entry))
			start_holding(executor, i, snapshot, now);
}

static size_t count_returns(const struct executor *executor)
{
	size_t count = 0;

	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++)
		count += executor->states[i] != SLOT_FREE && executor->slots[i].is_return;
	return count;
}

static void start_return(struct executor *executor, size_t i, size_t entry,
			 const struct snapshot *snapshot, usec_t now)
{
	struct slot *slot = &executor->slots[i];

	*slot = (struct slot){ .is_return = true };
	if (holdings_prepare(executor->holdings, entry, &slot->remedy, now) > 0) {
		executor->states[i] = SLOT_ENDED;
		return;
	}
	slot->ops = remedies[slot->remedy.step.action];
	holdings_set_busy(executor->holdings, entry, true);
	start_remedy(executor, i, snapshot, now);
}

static void start_returns(struct executor *executor, const struct snapshot *snapshot, usec_t now)
{
	size_t count = count_returns(executor);

	for (unsigned rank = 0; rank < HOLDINGS_RANKS; rank++) {
		ssize_t entry = -1;

		while (rank == HOLDINGS_FROZEN || count < RETURNS_MAX) {
			size_t i = find_slot(executor, false);

			entry = holdings_next_due(executor->holdings, rank, (size_t)(entry + 1),
						  now);
			if (entry < 0 || i == EXECUTOR_STEPS_MAX)
				break;
			start_return(executor, i, (size_t)entry, snapshot, now);
			count++;
		}
	}
}

size_t executor_advance(struct executor *executor, const struct snapshot *snapshot, usec_t now,
			const struct outcome **ret_outcomes)
{
	answers_outdone(&executor->answers, executor->holdings, now);
	executor->outcome_count = answers_take(&executor->answers, executor->outcomes);
	if (snapshot)
		holdings_sweep(executor->holdings, snapshot, now);
	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++)
		if (executor->states[i] == SLOT_RUNNING)
			advance(executor, i, snapshot, now);
	start_waiting(executor, snapshot, now);
	start_returns(executor, snapshot, now);
	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++)
		if (executor->states[i] != SLOT_FREE)
			report(executor, i, now);
	/* Of what was done just now it is told the next time. */
	answers_outdone(&executor->answers, executor->holdings, now);
	*ret_outcomes = executor->outcomes;
	return executor->outcome_count;
}

int64_t executor_take_moved(struct executor *executor, unsigned node)
{
	int64_t bytes;

	if (node >= IDSET_BITS)
		return 0;
	bytes = executor->moved[node];
	executor->moved[node] = 0;
	return bytes;
}

bool executor_is_idle(const struct executor *executor)
{
	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++)
		if (executor->states[i] != SLOT_FREE)
			return false;
	return executor->answers.count == 0 && !holdings_has_new_due(executor->holdings);
}

bool executor_is_setting(const struct executor *executor)
{
	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++)
		if ((executor->states[i] == SLOT_WAITING || executor->states[i] == SLOT_RUNNING) &&
		    (executor->slots[i].is_return || executor->slots[i].hold.used))
			return true;
	return holdings_has_new_due(executor->holdings);
}

void executor_cancel_all(struct executor *executor, usec_t now)
{
	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++)
		cancel_slot(executor, i, now);
}

void executor_release(struct executor *executor,
		      bool (*keep)(void *context, const struct ledger_entry *entry,
				   const struct ledger_claim *claim),
		      void *context, usec_t now)
{
	struct ledger *ledger = holdings_ledger(executor->holdings);

	for (ssize_t i = ledger ? ledger_next(ledger, 0) : -1; i >= 0;
	     i = ledger_next(ledger, (size_t)i + 1)) {
		const struct ledger_entry entry = *ledger_get(ledger, (size_t)i);

		for (size_t c = 0; c < entry.claim_count; c++)
			if (!keep(context, &entry, &entry.claims[c]))
				(void)give_back(executor, (size_t)i, &entry.claims[c].owner, 0,
						now);
	}
}

void executor_take_foreign(struct executor *executor)
{
	holdings_take_foreign(executor->holdings);
}

static bool is_kept(void *context, const struct ledger_entry *entry,
		    const struct ledger_claim *claim)
{
	const bool *of_policies_too = context;

	(void)entry;
	return claim->owner.kind == CLAIM_POLICY && !*of_policies_too;
}

void executor_undo_all(struct executor *executor, bool of_policies_too, usec_t now)
{
	executor_release(executor, is_kept, &of_policies_too, now);
}
