/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Standing still for a while: it frees nothing, but what grows or writes stops, and comes back as
 * if nothing had been. For no longer than max=, as clients wait, and never what others stand on:
 * guests and Kind=system.
 */

#include "act/plan_halves.h"
#include "act/setting_step.h"
#include "act/shortlist.h"

enum { ARG_WHOM, ARG_MAX };

static bool is_frozen(const struct action_context *context, uint64_t service)
{
	const struct step *step;

	for (size_t i = 0; (step = candidate_running(context, ACTION_FREEZE, i)); i++)
		if (step->target.key == service)
			return true;
	return false;
}

static struct setting_target target_of(const struct service *service)
{
	return (struct setting_target){ .id = SETTING_FREEZE, .key = service_key(service) };
}

static enum refusal weigh(const struct shortlist_query *query, const struct service *service,
			  uint64_t *ret_weight)
{
	const struct action_context *context = query->context;
	const struct setting_target on = target_of(service);
	struct setting_value claim;

	if (is_frozen(context, on.key) || candidate_own_claim(context, &on, &claim))
		return REFUSE_ALREADY;
	/* systemd freezes units in the unified hierarchy only. */
	if (service->owner == OWNER_SYSTEMD && context->snapshot->host.memory_is_v1)
		return REFUSE_UNSUPPORTED;
	*ret_weight = candidate_bytes(service, METRIC_SERVICE_CURRENT);
	if (query->whom == WHOM_CANDIDATES && *ret_weight < CANDIDATE_FLOOR_BYTES)
		return REFUSE_GAIN;
	return REFUSE_COUNT_;
}

void freeze_plan(const struct action_context *context, const struct action_call *call,
		 struct plan *plan)
{
	const struct setting_value frozen = { .number = 1 };
	const struct service *service;
	struct setting_target on;
	struct step *step;

	if (context->is_regrown)
		return;
	service = shortlist_to_slow(context, call, ARG_WHOM, weigh, plan);
	if (!service)
		return;
	on = target_of(service);
	step = setting_step_add(context, plan, ACTION_FREEZE, service, &on, &frozen);
	if (step)
		step->setting.most_usec = (usec_t)call->values[ARG_MAX];
}
