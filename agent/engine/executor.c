/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The choke point. Whatever a plan says, here it is decided whether anything is touched:
 * - a dry-run step is answered and forgotten;
 * - on a captured machine nothing is enforced;
 * - a destructive step is measured once more against what must never be hit, by the latest snapshot
 *   and by the kernel's own list of who lives in the target. The engine has looked at the same;
 *   this is for the day that it errs.
 *
 * Room for remedies is fixed: one that is full says so, and nothing here allocates after the start.
 */

#include "engine/executor.h"

#include "act/action.h"
#include "act/target.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum slot_state {
	SLOT_FREE,
	SLOT_RUNNING,
	SLOT_ENDED, /* its last outcome was not collected yet */
};

struct slot {
	const struct remedy_ops *ops;
	struct remedy remedy;
	struct outcome told;	/* as last reported */
	uint64_t counted_bytes; /* of a move, that executor_take_moved() knows of */
};

struct executor {
	struct remedy_env env;
	/* Apart from the slots, so that looking for one does not touch them all. */
	enum slot_state states[EXECUTOR_STEPS_MAX];
	struct slot *slots;
	/* Of steps that never had a slot. */
	struct outcome answers[PLAN_STEPS_MAX];
	size_t answer_count;
	struct outcome outcomes[EXECUTOR_OUTCOMES_MAX];
	size_t outcome_count;
	int64_t moved[IDSET_BITS];
};

int executor_new(const struct remedy_env *env, struct executor **ret)
{
	_cleanup_(executor_freep) struct executor *executor = calloc(1, sizeof(*executor));

	if (!executor)
		return -ENOMEM;
	executor->env = *env;
	executor->slots = calloc(EXECUTOR_STEPS_MAX, sizeof(executor->slots[0]));
	if (!executor->slots)
		return -ENOMEM;
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
	free(executor);
	return NULL;
}

static void answer(struct executor *executor, const struct outcome *outcome)
{
	if (executor->answer_count < ARRAY_SIZE(executor->answers))
		executor->answers[executor->answer_count++] = *outcome;
}

static void answer_simulated(struct executor *executor, const struct step *step, usec_t now)
{
	struct outcome outcome = { .step = step->id,
				   .state = OUTCOME_DONE,
				   .simulated = true,
				   .reason = "dry run",
				   .at_usec = now };

	if (step->expected_gain > 0)
		outcome.done_bytes = (uint64_t)step->expected_gain;
	answer(executor, &outcome);
}

static void answer_failed(struct executor *executor, const struct step *step, int error,
			  const char *reason, usec_t now)
{
	struct outcome outcome = {
		.step = step->id, .state = OUTCOME_FAILED, .error = -error, .at_usec = now
	};

	(void)snprintf(outcome.reason, sizeof(outcome.reason), "%s", reason);
	answer(executor, &outcome);
}

static int check_contents(const struct executor *executor, const struct step *step,
			  const char **ret_reason)
{
	struct target target = { .env = &executor->env, .named = &step->target };
	int r;

	r = target_open(&executor->env, &step->target, &target.directory_fd);
	if (r < 0) {
		*ret_reason = r == -ESTALE ? "another control group has that name now"
					   : "its control group cannot be opened";
		return r;
	}
	r = target_holds_agent(&target);
	close(target.directory_fd);
	*ret_reason =
		r < 0 ? "its control group cannot be searched" : "it holds the agent or PID 1";
	return r > 0 ? -EPERM : r;
}

/* May a destructive step have its target? 0, or -errno and why not. */
static int check_destructive(const struct executor *executor, const struct step *step,
			     const struct snapshot *snapshot, const char **ret_reason)
{
	const struct service *service =
		snapshot ? snapshot_service(snapshot, step->target.key) : NULL;

	*ret_reason = "it is protected";
	if (policy_is_protected_unit(step->target.path))
		return -EPERM;
	*ret_reason = "it was not seen in the last look around";
	if (!service || strcmp(service->path, step->target.path) != 0)
		return -ESTALE;
	*ret_reason = "it is protected";
	if (service->protected_unit || service->is_self)
		return -EPERM;
	*ret_reason = "it is a guest";
	if (service->guest != GUEST_NONE)
		return -EPERM;
	return check_contents(executor, step, ret_reason);
}

static int check_step(const struct executor *executor, const struct step *step,
		      const struct snapshot *snapshot, const char **ret_reason)
{
	*ret_reason = "a captured machine is never changed";
	if (!executor->env.root->live)
		return -EROFS;
	*ret_reason = "there is no such action";
	if ((unsigned)step->action >= ACTION_COUNT_ || !remedies[step->action])
		return -EOPNOTSUPP;
	if (!actions[step->action].destructive)
		return 0;
	return check_destructive(executor, step, snapshot, ret_reason);
}

/* Takes the result of start() or advance(). */
static void note_result(struct executor *executor, size_t i, int result)
{
	struct slot *slot = &executor->slots[i];
	struct outcome *outcome = &slot->remedy.outcome;

	if (result == REMEDY_RUNNING)
		return;
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

static void run(struct executor *executor, size_t i, const struct step *step,
		const struct snapshot *snapshot, usec_t now)
{
	struct slot *slot = &executor->slots[i];
	int r;

	*slot = (struct slot){ .ops = remedies[step->action],
			       .remedy = { .step = *step,
					   .outcome = { .step = step->id,
							.state = OUTCOME_RUNNING,
							.at_usec = now },
					   .snapshot = snapshot,
					   .started_at = now } };
	executor->states[i] = SLOT_RUNNING;
	r = slot->ops->start(&slot->remedy, &executor->env, now);
	slot->remedy.snapshot = NULL;
	if (r == REMEDY_DONE)
		slot->ops->release(&slot->remedy, &executor->env);
	note_result(executor, i, r);
}

static void start(struct executor *executor, const struct step *step,
		  const struct snapshot *snapshot, usec_t now)
{
	const char *reason;
	int r;

	if (step->mode == MODE_DRY_RUN) {
		answer_simulated(executor, step, now);
		return;
	}
	r = check_step(executor, step, snapshot, &reason);
	if (r < 0) {
		answer_failed(executor, step, r, reason, now);
		return;
	}
	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++)
		if (executor->states[i] == SLOT_FREE) {
			run(executor, i, step, snapshot, now);
			return;
		}
	answer_failed(executor, step, -EBUSY, "too many steps at once", now);
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

static void cancel(struct executor *executor, const struct step *step)
{
	struct slot *slot = find_running(executor, step->id);

	if (slot)
		slot->ops->cancel(&slot->remedy, &executor->env);
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
			cancel(executor, step);
			break;
		}
	}
}

/* What a reader would notice; a rate alone is no news. */
static bool has_changed(const struct slot *slot)
{
	const struct outcome *now = &slot->remedy.outcome, *before = &slot->told;

	return before->step == 0 || now->state != before->state ||
	       now->done_bytes != before->done_bytes || now->signalled != before->signalled ||
	       now->remaining_bytes != before->remaining_bytes ||
	       memcmp(&now->pages, &before->pages, sizeof(now->pages)) != 0 ||
	       strcmp(now->reason, before->reason) != 0;
}

static void report(struct executor *executor, size_t i, usec_t now)
{
	struct slot *slot = &executor->slots[i];

	if (executor->outcome_count == ARRAY_SIZE(executor->outcomes) || !has_changed(slot))
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
	note_result(executor, i, r);
	count_moved(executor, slot);
}

size_t executor_advance(struct executor *executor, const struct snapshot *snapshot, usec_t now,
			const struct outcome **ret_outcomes)
{
	memcpy(executor->outcomes, executor->answers,
	       executor->answer_count * sizeof(executor->answers[0]));
	executor->outcome_count = executor->answer_count;
	executor->answer_count = 0;
	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++) {
		if (executor->states[i] == SLOT_RUNNING)
			advance(executor, i, snapshot, now);
		if (executor->states[i] != SLOT_FREE)
			report(executor, i, now);
	}
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
	return executor->answer_count == 0;
}

void executor_cancel_all(struct executor *executor, usec_t now)
{
	(void)now;
	for (size_t i = 0; i < EXECUTOR_STEPS_MAX; i++)
		if (executor->states[i] == SLOT_RUNNING)
			executor->slots[i].ops->cancel(&executor->slots[i].remedy, &executor->env);
}
