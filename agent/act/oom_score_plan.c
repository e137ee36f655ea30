/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whom the kernel would take. It kills by size and oom_score_adj, so a candidate is made to look
 * larger than what is to be spared, or what is to be spared smaller. Of guests it is neither: a
 * host without the storage and network daemons under its guests has lost those too. What somebody
 * took out of the kernel's choice altogether stays out.
 *
 * A crowd of small processes all score the same, whatever they hold together; here each of them
 * gets its service's adjustment.
 */

#include "act/plan_halves.h"
#include "act/setting_step.h"
#include "act/shortlist.h"
#include "util/macro.h"

/* Half of what a plan has room for: others have steps as well. */
#define SCORES_AT_ONCE (PLAN_STEPS_MAX / 2)

enum { ARG_WHOM, ARG_ADJUST };
enum { SCORE_SUBJECT, SCORE_CANDIDATES, SCORE_PROTECTED };

int oom_score_check(const struct action_call *call, struct strbuf *ret_fault)
{
	int64_t whom = call->values[ARG_WHOM], adjust = call->values[ARG_ADJUST];

	if (whom == SCORE_CANDIDATES && adjust <= 0)
		strbuf_add(ret_fault, "candidates go sooner, so adjust= is above 0 for them");
	else if (whom == SCORE_PROTECTED && adjust >= 0)
		strbuf_add(ret_fault, "the protected go later, so adjust= is below 0 for them");
	else
		return -1;
	return ARG_ADJUST;
}

/* Are all its processes there already, or beyond? */
static bool is_there(const struct action_context *context, const struct setting_target *on,
		     const struct service *service, int64_t adjust)
{
	const struct service_settings *settings = service->settings;
	struct setting_value claim;

	if (candidate_own_claim(context, on, &claim) && claim.number == adjust)
		return true;
	if (!settings || !settings->score_known)
		return false;
	return adjust > 0 ? settings->score_least >= adjust : settings->score_most <= adjust;
}

static struct setting_target target_of(const struct service *service)
{
	return (struct setting_target){ .id = SETTING_OOM_SCORE_ADJ, .key = service_key(service) };
}

static enum refusal weigh(const struct shortlist_query *query, const struct service *service,
			  uint64_t *ret_weight)
{
	const struct action_context *context = query->context;
	const struct setting_target on = target_of(service);

	if (candidate_is_exempt(context->snapshot, service))
		return REFUSE_PROTECTED;
	if (is_there(context, &on, service, query->call->values[ARG_ADJUST]))
		return REFUSE_ALREADY;
	*ret_weight = candidate_memory(context->snapshot, service, context->subject);
	return REFUSE_COUNT_;
}

static bool is_protected(const struct policy *policy)
{
	return policy->kill == KILL_NEVER;
}

void oom_score_plan(const struct action_context *context, const struct action_call *call,
		    struct plan *plan)
{
	const struct setting_value wanted = { .number = call->values[ARG_ADJUST] };
	bool spares = call->values[ARG_WHOM] == SCORE_PROTECTED;
	struct shortlist_query query = {
		.context = context,
		.call = call,
		.action = ACTION_OOM_SCORE,
		.whom = spares ? WHOM_CANDIDATES : candidate_whom(context, call->values[ARG_WHOM]),
		.harm = wanted.number > 0 ? HARM_ENDS : HARM_NONE,
		.weigh = weigh,
		.spares = spares ? is_protected : NULL,
	};
	struct shortlist list;

	if (context->is_regrown)
		return;
	shortlist_make(&query, plan, &list);
	for (size_t i = 0; i < MIN_OF(list.count, (size_t)SCORES_AT_ONCE); i++) {
		const struct service *service = list.entries[i].service;
		const struct setting_target on = target_of(service);

		if (!setting_step_add(context, plan, ACTION_OOM_SCORE, service, &on, &wanted))
			return;
	}
}
