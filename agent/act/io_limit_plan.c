/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A slower writer: dirty memory that one service piles up faster than its disk takes it is held
 * back at its source, and others keep their share of the disk.
 *
 * Buffered writes are charged to whom they are of by the unified hierarchy only; on v1 they are
 * nobody's, and a limit would hold for direct writes alone.
 */

#include "act/plan_halves.h"
#include "act/setting_step.h"
#include "act/shortlist.h"

enum { ARG_WHOM, ARG_WRITE };

static struct setting_target target_of(const struct service *service)
{
	return (struct setting_target){
		.id = SETTING_IO_WRITE_MAX,
		.key = service_key(service),
		.detail = service->io_device,
	};
}

static enum refusal weigh(const struct shortlist_query *query, const struct service *service,
			  uint64_t *ret_weight)
{
	const struct action_context *context = query->context;
	const struct setting_target on = target_of(service);
	const struct setting_value wanted = { .number = query->call->values[ARG_WRITE] };
	struct setting_value base;

	if (context->snapshot->host.memory_is_v1)
		return REFUSE_UNSUPPORTED;
	*ret_weight = candidate_bytes(service, METRIC_SERVICE_DIRTY);
	if (query->whom == WHOM_CANDIDATES && *ret_weight < CANDIDATE_FLOOR_BYTES)
		return REFUSE_GAIN;
	if (service->io_device == 0)
		return REFUSE_NO_DEVICE;
	if (setting_step_base(context, service, &on, &base) &&
	    setting_step_is_met(on.id, &wanted, &base))
		return REFUSE_ALREADY;
	return REFUSE_COUNT_;
}

void io_limit_plan(const struct action_context *context, const struct action_call *call,
		   struct plan *plan)
{
	const struct setting_value wanted = { .number = call->values[ARG_WRITE] };
	const struct service *service;
	struct setting_target on;

	if (context->is_regrown)
		return;
	service = shortlist_to_slow(context, call, ARG_WHOM, weigh, plan);
	if (!service)
		return;
	on = target_of(service);
	(void)setting_step_add(context, plan, ACTION_IO_LIMIT, service, &on, &wanted);
}
