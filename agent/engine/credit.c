/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/credit.h"

#include "util/amount.h"
#include "util/macro.h"

static bool is_of(const struct credit *credit, const struct instance *instance)
{
	return credit->used && credit->step.rule == instance->rule &&
	       credit->slot == instance->slot;
}

/* What one credit adds to one subject now. */
static int64_t worth(const struct engine *e, const struct credit *credit, struct subject subject)
{
	const struct step *step = &credit->step;
	bool own = subject.scope == step->subject.scope && subject.key == step->subject.key;
	const struct action *action = &actions[step->action];
	struct reading level;

	if (!action->level || step->gain_metric == METRIC_NONE || step->order != STEP_START)
		return 0;
	level = action->level(step, subject, e->snapshot);
	if (level.state != READING_KNOWN)
		return own && snapshot_service(e->snapshot, step->target.key) ? step->expected_gain
									      : 0;
	/* A kill takes all that is there, wherever it is felt. */
	return action->destructive ? level.value : MIN_OF(level.value, step->expected_gain);
}

static int64_t sum_for(const struct engine *e, struct subject subject)
{
	int64_t sum = 0;

	if (e->credit_count == 0)
		return 0;
	for (size_t i = 0; i < CREDITS_MAX; i++)
		if (e->credits[i].used)
			sum = plus_signed(sum, worth(e, &e->credits[i], subject));
	return sum;
}

void credit_refresh(struct engine *e)
{
	const struct roster *nodes = &e->rosters[SCOPE_NODE];

	e->credit_host = 0;
	if (e->credit_count > 0)
		e->credit_host = sum_for(e, (struct subject){ SCOPE_HOST, 0 });
	for (size_t slot = 0; slot < nodes->capacity; slot++) {
		e->credit_nodes[slot] = 0;
		if (e->credit_count > 0 && nodes->taken[slot])
			e->credit_nodes[slot] =
				sum_for(e, (struct subject){ SCOPE_NODE, nodes->keys[slot] });
	}
}

int64_t credit_sum(const struct engine *e, enum scope scope, size_t slot)
{
	if (scope == SCOPE_HOST)
		return e->credit_host;
	return scope == SCOPE_NODE ? e->credit_nodes[slot] : 0;
}

/* The same line about the same target: the destination counts too, as it is part of what was said.
 */
static bool says_the_same(const struct step *a, const struct step *b)
{
	if (a->ladder != b->ladder || a->action != b->action || a->order != b->order ||
	    a->target.key != b->target.key)
		return false;
	if (actions[a->action].sets)
		return setting_target_equal(&a->setting.on, &b->setting.on);
	return a->action != ACTION_MIGRATE || a->migrate.to_node == b->migrate.to_node;
}

static void merge(struct step *said, const struct step *more)
{
	said->expected_gain = plus_signed(said->expected_gain, more->expected_gain);
	if (said->action == ACTION_MIGRATE)
		said->migrate.bytes = plus(said->migrate.bytes, more->migrate.bytes);
	else if (said->action == ACTION_RECLAIM)
		said->relief.bytes = plus(said->relief.bytes, more->relief.bytes);
	else if (actions[said->action].sets)
		said->setting.wanted = more->setting.wanted;
}

enum credit_result credit_add(struct engine *e, const struct instance *instance,
			      const struct step *step)
{
	struct credit *free_credit = NULL;

	for (size_t i = 0; i < CREDITS_MAX; i++) {
		struct credit *credit = &e->credits[i];

		if (!credit->used) {
			free_credit = free_credit ? free_credit : credit;
		} else if (is_of(credit, instance) && says_the_same(&credit->step, step)) {
			merge(&credit->step, step);
			return CREDIT_MERGED;
		}
	}
	if (!free_credit)
		return CREDIT_FULL;
	*free_credit = (struct credit){ .used = true, .slot = instance->slot, .step = *step };
	e->credit_count++;
	return CREDIT_NEW;
}

void credit_release(struct engine *e, const struct instance *instance)
{
	bool changed = false;

	for (size_t i = 0; i < CREDITS_MAX; i++)
		if (is_of(&e->credits[i], instance)) {
			e->credits[i].used = false;
			e->credit_count--;
			changed = true;
		}
	if (changed)
		credit_refresh(e);
}

bool credit_find(const struct engine *e, const struct instance *instance,
		 const struct setting_target *on, struct setting_value *ret)
{
	bool found = false;

	/* A later line says what is wanted by then. */
	for (size_t i = 0, line = 0; i < CREDITS_MAX && e->credit_count > 0; i++) {
		const struct step *step = &e->credits[i].step;

		if (!is_of(&e->credits[i], instance) || !actions[step->action].sets ||
		    !setting_target_equal(&step->setting.on, on) || (found && step->ladder < line))
			continue;
		*ret = step->setting.wanted;
		line = step->ladder;
		found = true;
	}
	return found;
}

const struct step *credit_step(const struct engine *e, enum action_id action, size_t i)
{
	for (size_t c = 0; c < CREDITS_MAX && e->credit_count > 0; c++)
		if (e->credits[c].used && e->credits[c].step.action == action &&
		    e->credits[c].step.order == STEP_START && i-- == 0)
			return &e->credits[c].step;
	return NULL;
}

uint64_t credit_taken(const struct engine *e, uint64_t service, struct subject subject)
{
	uint64_t taken = 0;

	for (size_t i = 0; i < CREDITS_MAX; i++) {
		const struct credit *credit = &e->credits[i];

		if (!credit->used || !credit->step.target.path[0] ||
		    credit->step.target.key != service)
			continue;
		if (actions[credit->step.action].destructive)
			return UINT64_MAX;
		if (credit->step.action == ACTION_MIGRATE && subject.scope == SCOPE_NODE &&
		    credit->step.migrate.from_node == subject.key)
			taken = plus(taken, credit->step.migrate.bytes);
	}
	return taken;
}

uint64_t credit_incoming(const struct engine *e, unsigned node)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < CREDITS_MAX; i++)
		if (e->credits[i].used && e->credits[i].step.action == ACTION_MIGRATE &&
		    e->credits[i].step.migrate.to_node == node)
			bytes = plus(bytes, e->credits[i].step.migrate.bytes);
	return bytes;
}
