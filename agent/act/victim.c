/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/victim.h"

#include "act/outlook.h"
#include "util/amount.h"
#include "util/macro.h"

#include <string.h>

struct choice {
	const struct victim_query *query;
	const struct action_context *context;
	uint64_t deficit_bytes;
	struct victim best;  /* frees enough by itself */
	struct victim small; /* frees little, as all of a crowd do */
	uint64_t crowd_bytes;
};

static bool wants_swap(const struct action_context *context)
{
	return context->goal.known && context->goal.metric == METRIC_SWAP_FREE;
}

bool victim_is_inside(const struct service *subject, const struct service *service)
{
	size_t length = strlen(subject->path);

	if (subject->readings[metric_index(METRIC_SERVICE_LIMIT)].state == READING_KNOWN)
		length = MIN_OF(length, (size_t)subject->limit_length);
	return strncmp(service->path, subject->path, length) == 0 &&
	       (length == 0 || service->path[length] == '/' || service->path[length] == '\0');
}

static uint64_t anon_of(const struct service *service)
{
	struct reading anon = service->readings[metric_index(METRIC_SERVICE_ANON)];
	uint64_t current = candidate_bytes(service, METRIC_SERVICE_CURRENT);

	if (anon.state == READING_KNOWN)
		return reading_amount(anon);
	/* Nothing more is known on kernels that long gave up their last user. */
	return less(current, candidate_bytes(service, METRIC_SERVICE_FILE) +
				     candidate_bytes(service, METRIC_SERVICE_SHMEM));
}

/* Whoever has touched most of it knows best. */
static uint64_t mortal_shmem(const struct snapshot *snapshot, const struct service *service)
{
	size_t end =
		MIN_OF(service->first_process + service->process_count, snapshot->process_count);
	uint64_t bytes = 0;

	for (size_t i = service->first_process; i < end; i++)
		bytes = MAX_OF(bytes, snapshot->processes[i].mortal_bytes);
	return MIN_OF(bytes, candidate_bytes(service, METRIC_SERVICE_SHMEM));
}

static uint64_t ending_bytes(const struct snapshot *snapshot, const struct service *service)
{
	return plus(anon_of(service), mortal_shmem(snapshot, service));
}

/* On which node it is nobody tells: everywhere the same part of what there is. */
static uint64_t mortal_on_node(const struct snapshot *snapshot, const struct service *service,
			       unsigned node)
{
	uint64_t whole = candidate_bytes(service, METRIC_SERVICE_SHMEM) / 1000;
	uint64_t part = mortal_shmem(snapshot, service);

	if (whole == 0 || part == 0)
		return 0;
	return candidate_share(snapshot, service, node).shmem_bytes / 1000 *
	       MIN_OF(part / whole, (uint64_t)1000);
}

/* On v1 the kernel counts shared memory as anonymous, so no node has more than there is of it. */
static uint64_t anon_on_node(const struct snapshot *snapshot, const struct service *service,
			     unsigned node)
{
	struct node_share share = candidate_share(snapshot, service, node);

	return MIN_OF(less(share.movable_bytes, share.shmem_bytes), anon_of(service));
}

uint64_t victim_memory(const struct snapshot *snapshot, const struct service *service,
		       struct subject subject)
{
	const struct service *short_one;

	switch (subject.scope) {
	case SCOPE_NODE:
		return plus(anon_on_node(snapshot, service, (unsigned)subject.key),
			    mortal_on_node(snapshot, service, (unsigned)subject.key));
	case SCOPE_SERVICE:
		short_one = snapshot_service(snapshot, subject.key);
		return short_one && victim_is_inside(short_one, service)
			       ? ending_bytes(snapshot, service)
			       : 0;
	case SCOPE_HOST:
	case SCOPE_CANARY:
	case SCOPE_COUNT_:
		break;
	}
	return ending_bytes(snapshot, service);
}

/* With all that is below it. */
static uint64_t memory_of_all(const struct snapshot *snapshot, const struct service *service,
			      struct subject subject)
{
	uint64_t bytes = victim_memory(snapshot, service, subject);

	for (size_t i = 0; i < snapshot->service_count; i++)
		if (candidate_holds(service, &snapshot->services[i]))
			bytes = plus(bytes,
				     victim_memory(snapshot, &snapshot->services[i], subject));
	return bytes;
}

/* By a kill, that is: stopping a unit is an affair of that unit. */
static bool ends_whole(const struct victim_query *query, const struct service *service)
{
	return query->action == ACTION_KILL && candidate_is_group(service) &&
	       !candidate_shelters(query->context, service);
}

/* Of one above it, which can be ended. */
static bool is_part_of_group(const struct victim_query *query, const struct service *service)
{
	const struct snapshot *snapshot = query->context->snapshot;

	for (size_t i = 0; i < snapshot->service_count; i++) {
		const struct service *outer = &snapshot->services[i];
		const struct policy *policy;

		if (!candidate_is_group(outer) || !candidate_holds(outer, service))
			continue;
		policy = candidate_policy(query->context, outer);
		if (policy && policy->kill != KILL_NEVER && ends_whole(query, outer))
			return true;
	}
	return false;
}

/* What makes one victim better than another. Swap that comes free is memory soon. */
static uint64_t frees(const struct action_context *context, const struct service *service,
		      bool takes_all)
{
	uint64_t bytes = takes_all ? memory_of_all(context->snapshot, service, context->subject)
				   : victim_memory(context->snapshot, service, context->subject);

	if (wants_swap(context))
		return candidate_bytes(service, METRIC_SERVICE_SWAP);
	if (context->subject.scope == SCOPE_HOST || context->subject.scope == SCOPE_CANARY)
		bytes += candidate_bytes(service, METRIC_SERVICE_SWAP);
	return bytes;
}

/* The word of an owner that is not root counts below what is that owner's as well. For being taken
 * first anybody may ask. */
static enum kill_mark mark_of(const struct action_context *context, const struct service *service)
{
	const struct service *above = NULL;

	if (service->mark == MARK_NONE || service->mark == MARK_PREFER || service->mark_by_root)
		return (enum kill_mark)service->mark;
	if (context->subject.scope == SCOPE_SERVICE)
		above = snapshot_service(context->snapshot, context->subject.key);
	return above && candidate_holds(above, service) && above->cgroup_uid == service->cgroup_uid
		       ? (enum kill_mark)service->mark
		       : MARK_NONE;
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
	if (mark_of(context, service) == MARK_OMIT)
		return REFUSE_OMITTED;
	if (is_part_of_group(query, service))
		return REFUSE_GROUP;
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

static int eagerness(enum kill_mark mark)
{
	return mark == MARK_PREFER ? 1 : mark == MARK_AVOID ? -1 : 0;
}

static bool goes_before(const struct victim *a, const struct victim *b)
{
	if (!b->service)
		return true;
	if (a->policy->kill != b->policy->kill)
		return a->policy->kill > b->policy->kill;
	if (eagerness(a->mark) != eagerness(b->mark))
		return eagerness(a->mark) > eagerness(b->mark);
	if (a->policy->rank != b->policy->rank)
		return a->policy->rank < b->policy->rank;
	return a->frees_bytes > b->frees_bytes;
}

/* A twentieth of what is missing: twenty such kills, and the budget is spent long before. */
static uint64_t enough_bytes(const struct choice *choice)
{
	return MAX_OF(CANDIDATE_FLOOR_BYTES, choice->deficit_bytes / 20);
}

/* A service that is short has nothing of it. */
static bool is_elsewhere(const struct action_context *context, const struct service *service)
{
	const struct service *subject;

	if (context->subject.scope != SCOPE_SERVICE)
		return false;
	subject = snapshot_service(context->snapshot, context->subject.key);
	return !subject || !victim_is_inside(subject, service);
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

	if (!victim.policy || victim.policy->canary != 0 || !candidate_is_meant(context, service) ||
	    is_elsewhere(context, service))
		return false;
	if (choice->query->first_only && victim.policy->kill != KILL_FIRST)
		return false;
	if (context->taken_bytes(context->engine, service_key(service), context->subject) ==
	    UINT64_MAX)
		return false; /* dead already, in a dry run */
	victim.takes_all = ends_whole(choice->query, service);
	victim.frees_bytes = frees(context, service, victim.takes_all);
	victim.mark = mark_of(context, service);
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
	size_t refusals = plan_refused(plan);
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
		if (plan_refused(plan) == refusals)
			candidate_refuse(context, plan, 0,
					 query->first_only ? REFUSE_NO_CANARY
							   : REFUSE_NO_CANDIDATE);
		return false;
	}
	*ret = chosen;
	return true;
}

enum metric_id victim_gain_metric(enum scope scope)
{
	/* That a canary has died says that the host is short. */
	if (scope == SCOPE_CANARY)
		scope = SCOPE_HOST;
	return scope == SCOPE_SERVICE ? METRIC_SERVICE_HEADROOM : outlook_headroom_metric(scope);
}

struct reading victim_level(const struct step *step, struct subject subject,
			    const struct snapshot *snapshot)
{
	const struct service *service;

	if (step->target.path[0] == '\0')
		return READING_NONE;
	/* Its own end is no gain of its own. */
	if (subject.scope == SCOPE_SERVICE && subject.key == step->target.key)
		return READING_NONE;
	service = snapshot_service(snapshot, step->target.key);
	if (step->gain_metric == METRIC_SWAP_FREE)
		return reading_of(service ? (int64_t)candidate_bytes(service, METRIC_SERVICE_SWAP)
					  : 0);
	return reading_of(service ? (int64_t)victim_memory(snapshot, service, subject) : 0);
}

struct reading victim_level_of_all(const struct step *step, struct subject subject,
				   const struct snapshot *snapshot)
{
	struct reading level = victim_level(step, subject, snapshot);
	const struct service *service = snapshot_service(snapshot, step->target.key);

	if (level.state != READING_KNOWN || !service || step->gain_metric == METRIC_SWAP_FREE)
		return level;
	return reading_of((int64_t)memory_of_all(snapshot, service, subject));
}

void victim_fill_step(const struct action_context *context, const struct service *service,
		      struct step *step)
{
	candidate_set_target(step, service);
	if (wants_swap(context)) {
		step->gain_metric = METRIC_SWAP_FREE;
		step->expected_gain = (int64_t)candidate_bytes(service, METRIC_SERVICE_SWAP);
		return;
	}
	if (context->subject.scope == SCOPE_SERVICE &&
	    (context->subject.key == service_key(service) || is_elsewhere(context, service)))
		return; /* nothing of it comes back to the subject */
	step->gain_metric = victim_gain_metric(context->subject.scope);
	step->expected_gain = (int64_t)victim_memory(context->snapshot, service, context->subject);
}
