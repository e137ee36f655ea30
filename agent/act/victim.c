/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/victim.h"

#include "util/macro.h"

struct choice {
	const struct victim_query *query;
	const struct action_context *context;
	uint64_t deficit_bytes;
	struct victim best;  /* frees enough by itself */
	struct victim small; /* frees little, as all of a crowd do */
	uint64_t crowd_bytes;
};

static uint64_t frees(const struct action_context *context, const struct service *service)
{
	uint64_t bytes = candidate_memory(context->snapshot, service, context->subject);

	if (context->subject.scope == SCOPE_HOST)
		bytes += candidate_bytes(service, METRIC_SERVICE_SWAP);
	return bytes;
}

/* Why it must not end, or REFUSE_COUNT_. */
static enum refusal object_to(const struct victim_query *query, const struct policy *policy,
			      const struct service *service)
{
	const struct action_context *context = query->context;

	if (policy->kill == KILL_NEVER)
		return REFUSE_POLICY_KEEP;
	if (policy->kind == KIND_VM || service->guest != GUEST_NONE || service->protected_unit ||
	    service->is_self || candidate_is_exempt(context->snapshot, service) ||
	    !candidate_fits(service))
		return REFUSE_PROTECTED;
	if (context->is_barred(context->engine, query->action, service_key(service)))
		return REFUSE_BARRED;
	return query->object ? query->object(context, service) : REFUSE_COUNT_;
}

/* Kill=never is everyday: named only where its end would have made a difference. */
static bool is_worth_saying(const struct choice *choice, const struct victim *victim,
			    enum refusal why)
{
	if (why != REFUSE_POLICY_KEEP)
		return true;
	return victim->frees_bytes >= MAX_OF(CANDIDATE_FLOOR_BYTES, choice->deficit_bytes / 8);
}

static bool goes_before(const struct victim *a, const struct victim *b)
{
	if (!b->service)
		return true;
	if (a->policy->kill != b->policy->kill)
		return a->policy->kill > b->policy->kill;
	if (a->policy->rank != b->policy->rank)
		return a->policy->rank < b->policy->rank;
	return a->frees_bytes > b->frees_bytes;
}

/* A twentieth of what is missing: twenty such kills, and the budget is spent long before. */
static uint64_t enough_bytes(const struct choice *choice)
{
	return MAX_OF(CANDIDATE_FLOOR_BYTES, choice->deficit_bytes / 20);
}

/* Is it meant by this call and may it be killed? `plan` takes the objection; NULL: said already. */
static bool is_eligible(const struct choice *choice, const struct service *service,
			struct plan *plan, struct victim *ret)
{
	const struct action_context *context = choice->context;
	struct victim victim = {
		.service = service,
		.policy = candidate_policy(context, service),
	};
	enum refusal why;

	if (!victim.policy || !candidate_is_meant(context, service))
		return false;
	if (context->taken_bytes(context->engine, service_key(service), context->subject) ==
	    UINT64_MAX)
		return false; /* dead already, in a dry run */
	victim.frees_bytes = frees(context, service);
	why = object_to(choice->query, victim.policy, service);
	if (why != REFUSE_COUNT_) {
		if (plan && is_worth_saying(choice, &victim, why))
			candidate_refuse(context, plan, service_key(service), why);
		return false;
	}
	*ret = victim;
	return true;
}

static void weigh(struct choice *choice, const struct victim *victim)
{
	if (victim->frees_bytes >= enough_bytes(choice)) {
		if (goes_before(victim, &choice->best))
			choice->best = *victim;
	} else if (victim->frees_bytes >= CANDIDATE_FLOOR_BYTES) {
		choice->crowd_bytes += victim->frees_bytes;
		if (goes_before(victim, &choice->small))
			choice->small = *victim;
	}
}

/* Why those that would have gone first were passed over. */
static void explain_small(const struct choice *choice, const struct victim *chosen,
			  struct plan *plan)
{
	const struct snapshot *snapshot = choice->context->snapshot;

	for (size_t i = 0; i < snapshot->service_count; i++) {
		const struct service *service = &snapshot->services[i];
		struct victim victim;

		if (service == chosen->service || !is_eligible(choice, service, NULL, &victim))
			continue;
		if (victim.frees_bytes < enough_bytes(choice) && goes_before(&victim, chosen))
			candidate_refuse(choice->context, plan, service_key(service), REFUSE_GAIN);
	}
}

bool victim_choose(const struct victim_query *query, struct plan *plan, struct victim *ret)
{
	const struct action_context *context = query->context;
	const struct snapshot *snapshot = context->snapshot;
	struct choice choice = { .query = query, .context = context };
	size_t refusals = plan->refusal_count;
	struct victim chosen, victim;

	if (context->goal.known && context->goal.deficit_bytes > 0)
		choice.deficit_bytes = (uint64_t)context->goal.deficit_bytes;
	for (size_t i = 0; i < snapshot->service_count; i++)
		if (is_eligible(&choice, &snapshot->services[i], plan, &victim))
			weigh(&choice, &victim);
	chosen = choice.best;
	if (!chosen.service && choice.crowd_bytes >= choice.deficit_bytes / 2)
		chosen = choice.small;
	explain_small(&choice, &chosen, plan);
	if (!chosen.service) {
		if (plan->refusal_count == refusals)
			candidate_refuse(context, plan, 0, REFUSE_NO_CANDIDATE);
		return false;
	}
	*ret = chosen;
	return true;
}

struct reading victim_level(const struct step *step, struct subject subject,
			    const struct snapshot *snapshot)
{
	const struct service *service;

	if ((subject.scope != SCOPE_HOST && subject.scope != SCOPE_NODE) ||
	    step->target.path[0] == '\0')
		return READING_NONE;
	service = snapshot_service(snapshot, step->target.key);
	return reading_of(service ? (int64_t)candidate_memory(snapshot, service, subject) : 0);
}

void victim_fill_step(const struct action_context *context, const struct service *service,
		      struct step *step)
{
	candidate_set_target(step, service);
	if (context->subject.scope == SCOPE_SERVICE)
		return; /* its own end is no gain of its own */
	step->gain_metric =
		context->subject.scope == SCOPE_NODE ? METRIC_NODE_HEADROOM : METRIC_MEM_AVAILABLE;
	step->expected_gain =
		(int64_t)candidate_memory(context->snapshot, service, context->subject);
}
