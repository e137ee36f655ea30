/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/staging.h"

#include "engine/claim.h"
#include "engine/keeper.h"
#include "engine/ladder.h"
#include "engine/line.h"

static bool has_enforced_line(const struct config *config, const struct rule *rule)
{
	for (size_t i = 0; i < rule->ladder_count; i++)
		if (line_is_enforced(config, rule, i))
			return true;
	return false;
}

void staging_read(struct engine *e)
{
	const struct config *config = e->config;

	for (size_t i = 0; i < config->rule_count; i++)
		e->rule_enforced[i] = has_enforced_line(config, &config->rules[i]);
	e->some_target_dry = config->some_service_paused;
	for (size_t i = 0; i < config->policies.count; i++)
		if (config->policies.policies[i].mode != MODE_ENFORCE)
			e->some_target_dry = true;
}

void engine_note_paused(struct engine *e)
{
	e->pause_is_new = true;
}

/* Whom a step is about; 0: no service. */
static uint64_t service_of(const struct step *step)
{
	if (step->target.path[0])
		return step->target.key;
	return step->subject.scope == SCOPE_SERVICE ? step->subject.key : 0;
}

static bool is_paused(const struct engine *e, uint64_t service)
{
	const struct service *s = service ? snapshot_service(e->snapshot, service) : NULL;

	return s && s->paused;
}

static struct instance *instance_at(struct engine *e, size_t rule, size_t slot)
{
	return &e->instances[e->base[rule] + slot];
}

static void change_rules(struct engine *e)
{
	for (size_t i = 0; i < e->live_count; i++) {
		struct instance *instance = &e->instances[e->live[i]];

		if (has_enforced_line(e->config, rule_of(e, instance)) !=
		    e->rule_enforced[instance->rule])
			ladder_start_over(e, instance);
	}
	staging_read(e);
}

/* Rules about a service that is paused now, and have set something or are at it. */
static void leave_services(struct engine *e)
{
	for (size_t i = 0; i < e->flight_end; i++) {
		const struct flight *flight = &e->flights[i];

		if (flight->used && flight->running && flight->attached &&
		    flight->step.subject.scope == SCOPE_SERVICE &&
		    is_paused(e, flight->step.subject.key))
			ladder_start_over(e, instance_at(e, flight->step.rule, flight->slot));
	}
	for (size_t i = 0; i < e->claim_end; i++) {
		const struct claim *claim = &e->claims[i];

		if (claim_is_live(claim) && claim->subject.scope == SCOPE_SERVICE &&
		    is_paused(e, claim->subject.key))
			ladder_start_over(e, instance_at(e, claim->rule, claim->slot));
	}
}

/* Of others, and of those that have cleared since. */
static void end_flights(struct engine *e)
{
	for (size_t i = 0; i < e->flight_end; i++) {
		struct flight *flight = &e->flights[i];
		bool is_rules = flight->step.rule != RULE_NONE;

		if (flight->used && flight->running &&
		    (is_paused(e, service_of(&flight->step)) ||
		     (is_rules && !e->rule_enforced[flight->step.rule])))
			flight->want_cancel = true;
	}
}

/* Was it a pause that made a dry run of this step, and is it over? */
static bool is_resumed(const struct engine *e, const struct step *step)
{
	uint64_t service = service_of(step);

	return step->mode_from == line_paused_text && snapshot_service(e->snapshot, service) &&
	       !is_paused(e, service);
}

static void resume_services(struct engine *e)
{
	for (size_t i = 0; i < CREDITS_MAX && e->credit_count > 0; i++) {
		struct credit *credit = &e->credits[i];
		struct instance *instance;

		if (!credit->used || !is_resumed(e, &credit->step))
			continue;
		instance = instance_at(e, credit->step.rule, credit->slot);
		if (credit->step.subject.scope == SCOPE_SERVICE) {
			ladder_start_over(e, instance);
			continue;
		}
		credit->used = false;
		e->credit_count--;
		ladder_go_back(e, instance);
	}
}

void staging_take_pauses(struct engine *e)
{
	if (!e->pause_is_new)
		return;
	e->pause_is_new = false;
	change_rules(e);
	leave_services(e);
	end_flights(e);
	claim_release_paused(e);
	resume_services(e);
	keeper_note_paused(e);
}
