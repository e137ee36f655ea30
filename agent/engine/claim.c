/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/claim.h"

#include "act/candidate.h"
#include "engine/keeper.h"
#include "engine/spare.h"
#include "util/amount.h"
#include "util/macro.h"
#include "util/strbuf.h"

/* A value that is on its way back is not judged; after this long without word of it, it is. */
#define RETURN_MAX_USEC (30 * USEC_PER_SEC)

bool claim_is_live(const struct claim *claim)
{
	return claim->state == CLAIM_ASKED || claim->state == CLAIM_HELD;
}

static bool is_by(const struct claim *claim, const struct instance *instance)
{
	return claim->rule == instance->rule && claim->slot == instance->slot;
}

static bool is_of(const struct claim *claim, const struct instance *instance)
{
	return claim_is_live(claim) && is_by(claim, instance);
}

static size_t find(const struct engine *e, const struct instance *instance,
		   const struct setting_target *on)
{
	for (size_t i = 0; i < e->claim_end; i++)
		if (is_of(&e->claims[i], instance) && setting_target_equal(&e->claims[i].on, on))
			return i;
	return CLAIMS_MAX;
}

static size_t find_free(const struct engine *e)
{
	for (size_t i = 0; i < CLAIMS_MAX; i++)
		if (e->claims[i].state == CLAIM_FREE)
			return i;
	return CLAIMS_MAX;
}

bool claim_has_room(const struct engine *e, const struct instance *instance,
		    const struct step *step)
{
	return find(e, instance, &step->setting.on) < CLAIMS_MAX || find_free(e) < CLAIMS_MAX;
}

static struct claim *begin(struct engine *e, const struct instance *instance,
			   const struct step *step)
{
	size_t i = find_free(e);
	struct claim *claim = &e->claims[i];
	struct strbuf name;

	*claim = (struct claim){
		.action = step->action,
		.rule = instance->rule,
		.slot = instance->slot,
		.policy = step->target.path[0] ? step->target.policy : -1,
		.subject = subject_of(e, instance),
		.service = step->target.path[0] ? step->target.key : 0,
		.on = step->setting.on,
		.was = step->setting.was,
		.was_known = step->setting.was_known,
		.owner = (uint8_t)step->setting.owner,
	};
	name = (struct strbuf)STRBUF(claim->name);
	strbuf_add(&name, step->target.name);
	e->claim_end = MAX_OF(e->claim_end, i + 1);
	return claim;
}

void claim_add(struct engine *e, const struct instance *instance, const struct step *step)
{
	size_t i = find(e, instance, &step->setting.on);
	struct claim *claim = i < CLAIMS_MAX ? &e->claims[i] : begin(e, instance, step);

	claim->state = CLAIM_ASKED;
	claim->is_over = false;
	claim->step = step->id;
	claim->ladder = (uint32_t)step->ladder;
	claim->value = step->setting.wanted;
}

static void end(struct engine *e, struct claim *claim)
{
	const struct setting_target on = claim->on;

	claim->state = CLAIM_FREE;
	while (e->claim_end > 0 && e->claims[e->claim_end - 1].state == CLAIM_FREE)
		e->claim_end--;
	keeper_settle(e, &on);
}

static void take_outcome(struct engine *e, struct claim *claim, const struct outcome *outcome)
{
	/* What is frozen is thawed with the end of its step, whatever ended it. */
	bool stays = claim->action != ACTION_FREEZE;

	switch (outcome->state) {
	case OUTCOME_RUNNING:
		return;
	case OUTCOME_DONE:
		claim->confirmed = claim->value;
		claim->had = true;
		break;
	case OUTCOME_FAILED:
	case OUTCOME_CANCELLED:
		/* What an earlier step of the line has set is in force again. */
		claim->value = claim->confirmed;
		break;
	}
	if (claim->had && stays)
		claim->state = CLAIM_HELD;
	else
		end(e, claim);
}

void claim_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t c = 0; c < e->claim_end; c++) {
			struct claim *claim = &e->claims[c];

			if (claim->step != outcomes[i].step || outcomes[i].simulated)
				continue;
			if (claim->state == CLAIM_ASKED)
				take_outcome(e, claim, &outcomes[i]);
			else if (claim->state == CLAIM_RETURNING &&
				 outcomes[i].state != OUTCOME_RUNNING)
				end(e, claim);
		}
	for (size_t c = 0; c < e->claim_end; c++)
		if (e->claims[c].state == CLAIM_RETURNING &&
		    e->now - e->claims[c].since >= RETURN_MAX_USEC)
			end(e, &e->claims[c]);
}

/* What a pool gets back is taken from its node. */
static bool takes_memory(const struct claim *claim)
{
	return claim->on.id == SETTING_HUGE_PAGES;
}

bool claim_release(struct engine *e, const struct instance *instance, bool cleared)
{
	bool has = false;

	for (size_t i = 0; i < e->claim_end; i++)
		if (is_of(&e->claims[i], instance)) {
			e->claims[i].is_over = cleared && takes_memory(&e->claims[i]);
			if (!e->claims[i].is_over)
				e->claims[i].state = CLAIM_DUE;
			has = true;
		}
	return has;
}

/* The node that it takes memory of may have gone. */
static bool has_room_to_return(const struct engine *e, const struct claim *claim)
{
	const struct rule *rule = &e->config->rules[claim->rule];
	unsigned node = (unsigned)claim->on.key;
	uint64_t bytes, pages = less((uint64_t)MAX_OF(claim->was.number, INT64_C(0)),
				     (uint64_t)MAX_OF(claim->value.number, INT64_C(0)));

	if (!claim->was_known || !snapshot_node(e->snapshot, node))
		return true;
	if (__builtin_mul_overflow(pages, claim->on.detail, &bytes))
		return false;
	return bytes <= spare_by_rule(e, rule, node, false) && bytes <= spare_by_rules(e, node);
}

void claim_release_paused(struct engine *e)
{
	for (size_t i = 0; i < e->claim_end; i++) {
		struct claim *claim = &e->claims[i];
		const struct service *service =
			claim_is_live(claim) && claim->service
				? snapshot_service(e->snapshot, claim->service)
				: NULL;

		if (service && service->paused)
			claim->state = CLAIM_DUE;
	}
}

bool claim_returns(const struct engine *e, const struct instance *instance)
{
	for (size_t i = 0; i < e->claim_end; i++)
		if (e->claims[i].state >= CLAIM_DUE && is_by(&e->claims[i], instance))
			return true;
	return false;
}

void claim_lose_targets(struct engine *e)
{
	for (size_t i = 0; i < e->claim_end; i++) {
		struct claim *claim = &e->claims[i];

		if (claim_is_live(claim) && claim->service != 0 &&
		    !snapshot_service(e->snapshot, claim->service))
			claim->state = CLAIM_DUE;
	}
}

bool claim_are_at_rest(const struct engine *e)
{
	for (size_t i = 0; i < e->claim_end; i++) {
		const struct claim *claim = &e->claims[i];

		if (claim->state != CLAIM_FREE && !(claim->is_over && claim->state == CLAIM_HELD))
			return false;
	}
	return true;
}

static void fill_undo(const struct engine *e, const struct claim *claim, struct step *step)
{
	const struct service *service =
		claim->service ? snapshot_service(e->snapshot, claim->service) : NULL;
	struct strbuf name = STRBUF(step->target.name);

	step->order = STEP_UNDO;
	step->action = claim->action;
	step->mode = MODE_ENFORCE;
	step->rule = claim->rule;
	step->owner = e->config->rules[claim->rule].name;
	step->ladder = claim->ladder;
	step->subject = claim->subject;
	step->target.key = claim->service;
	step->target.policy = claim->policy;
	strbuf_add(&name, claim->name);
	if (service)
		candidate_set_target(step, service);
	step->setting.on = claim->on;
	step->setting.wanted = claim->value;
	step->setting.was = claim->was;
	step->setting.was_known = claim->was_known;
	step->setting.owner = (enum cgroup_owner)claim->owner;
	step->planned_at = e->now;
}

void claim_return_due(struct engine *e)
{
	for (size_t i = 0; i < e->claim_end; i++) {
		struct claim *claim = &e->claims[i];
		struct step *step;

		if (claim->is_over && claim->state == CLAIM_HELD && has_room_to_return(e, claim))
			claim->state = CLAIM_DUE;
		if (claim->state != CLAIM_DUE)
			continue;
		step = plan_add_step(e->plan);
		if (!step)
			return;
		fill_undo(e, claim, step);
		step->id = ++e->last_step;
		claim->step = step->id;
		claim->since = e->now;
		claim->state = CLAIM_RETURNING;
	}
}

bool claim_find(const struct engine *e, const struct instance *instance,
		const struct setting_target *on, struct setting_value *ret)
{
	size_t i = find(e, instance, on);

	if (i == CLAIMS_MAX)
		return false;
	*ret = e->claims[i].value;
	return true;
}

bool claim_is_on(const struct engine *e, const struct setting_target *on)
{
	for (size_t i = 0; i < e->claim_end; i++)
		if (e->claims[i].state != CLAIM_FREE && setting_target_equal(&e->claims[i].on, on))
			return true;
	return false;
}
