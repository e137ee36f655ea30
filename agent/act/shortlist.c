/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/shortlist.h"

#include "util/macro.h"

#include <string.h>

static bool goes_before(const struct shortlist_query *query, const struct shortlist_entry *a,
			const struct shortlist_entry *b)
{
	if (query->spares && a->policy->rank != b->policy->rank)
		return a->policy->rank > b->policy->rank;
	if (a->policy->kill != b->policy->kill)
		return a->policy->kill > b->policy->kill;
	if (a->policy->rank != b->policy->rank)
		return a->policy->rank < b->policy->rank;
	return a->weight > b->weight;
}

/* Keeps the best PLAN_STEPS_MAX in order; equals stay in the order of the snapshot. */
static void insert(const struct shortlist_query *query, struct shortlist *list,
		   const struct shortlist_entry *entry)
{
	size_t at = list->count;

	while (at > 0 && goes_before(query, entry, &list->entries[at - 1]))
		at--;
	if (at == PLAN_STEPS_MAX)
		return;
	if (list->count < PLAN_STEPS_MAX)
		list->count++;
	memmove(&list->entries[at + 1], &list->entries[at],
		(list->count - at - 1) * sizeof(list->entries[0]));
	list->entries[at] = *entry;
}

/* Dead already, in a dry run. */
static bool is_gone(const struct action_context *context, const struct service *service)
{
	return context->taken_bytes(context->engine, service_key(service), context->subject) ==
	       UINT64_MAX;
}

static enum refusal object_to(const struct shortlist_query *query, const struct service *service,
			      uint64_t *ret_weight)
{
	const struct action_context *context = query->context;
	uint64_t key = service_key(service);
	enum refusal why = candidate_objection(context, service, query->harm);

	if (why != REFUSE_COUNT_)
		return why;
	if (context->is_barred(context->engine, query->action, key))
		return REFUSE_BARRED;
	why = query->weigh(query, service, ret_weight);
	if (why != REFUSE_COUNT_)
		return why;
	return context->is_busy(context->engine, key) ? REFUSE_BUSY : REFUSE_COUNT_;
}

static void consider(const struct shortlist_query *query, const struct service *service,
		     struct plan *plan, struct shortlist *list)
{
	struct shortlist_entry entry = {
		.service = service,
		.policy = candidate_policy(query->context, service),
	};
	enum refusal why = object_to(query, service, &entry.weight);

	if (why == REFUSE_COUNT_)
		insert(query, list, &entry);
	/* What is spared already, by name or as a guest, is no news where all are to be spared. */
	else if (why != REFUSE_PROTECTED || !query->spares)
		candidate_refuse(query->context, plan, service_key(service), why);
}

static void take_subject(const struct shortlist_query *query, struct plan *plan,
			 struct shortlist *list)
{
	const struct action_context *context = query->context;
	const struct service *service = NULL;

	if (context->subject.scope == SCOPE_SERVICE)
		service = snapshot_service(context->snapshot, context->subject.key);
	if (candidate_is_meant(context, service) && !is_gone(context, service))
		consider(query, service, plan, list);
}

static bool is_named_by_kill(const struct policy *policy)
{
	return policy->kill != KILL_NEVER;
}

/* Kill=never is everyday: named only where it could have made a difference. */
static bool is_notable(const struct action_context *context, const struct service *service)
{
	struct reading total = context->snapshot->host.readings[metric_index(METRIC_MEM_TOTAL)];
	uint64_t least = CANDIDATE_FLOOR_BYTES;

	if (context->goal.known && context->goal.deficit_bytes > 0)
		least = MAX_OF(least, (uint64_t)context->goal.deficit_bytes / 8);
	else if (total.state == READING_KNOWN && total.value > 0)
		least = MAX_OF(least, (uint64_t)total.value / 8);
	return candidate_memory(context->snapshot, service, context->subject) >= least;
}

static void take_candidates(const struct shortlist_query *query, struct plan *plan,
			    struct shortlist *list)
{
	const struct action_context *context = query->context;
	const struct snapshot *snapshot = context->snapshot;

	for (size_t i = 0; i < snapshot->service_count; i++) {
		const struct service *service = &snapshot->services[i];
		const struct policy *policy = candidate_policy(context, service);

		/* A canary is no service that anybody chooses among others. */
		if (!policy || policy->canary != 0 || !candidate_is_meant(context, service) ||
		    is_gone(context, service))
			continue;
		if (query->spares ? query->spares(policy) : is_named_by_kill(policy))
			consider(query, service, plan, list);
		else if (!query->spares && is_notable(context, service))
			candidate_refuse(context, plan, service_key(service), REFUSE_POLICY_KEEP);
	}
}

void shortlist_make(const struct shortlist_query *query, struct plan *plan, struct shortlist *ret)
{
	size_t refusals = plan_refused(plan);

	ret->count = 0;
	if (query->whom == WHOM_SUBJECT)
		take_subject(query, plan, ret);
	else
		take_candidates(query, plan, ret);
	if (ret->count == 0 && plan_refused(plan) == refusals)
		candidate_refuse(query->context, plan, 0, REFUSE_NO_CANDIDATE);
}

const struct service *shortlist_first(const struct shortlist_query *query, struct plan *plan)
{
	struct shortlist list;

	shortlist_make(query, plan, &list);
	return list.count > 0 ? list.entries[0].service : NULL;
}

const struct service *shortlist_to_slow(const struct action_context *context,
					const struct action_call *call, size_t whom_arg,
					enum refusal (*weigh)(const struct shortlist_query *query,
							      const struct service *service,
							      uint64_t *ret_weight),
					struct plan *plan)
{
	const struct shortlist_query query = {
		.context = context,
		.call = call,
		.action = call->action,
		.whom = candidate_whom(context, call->values[whom_arg]),
		.harm = HARM_SLOWS,
		.weigh = weigh,
	};

	return shortlist_first(&query, plan);
}
