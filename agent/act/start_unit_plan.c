/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How anything else is run: as a unit that the operator has written, told by its instance name whom
 * it is about. The name comes from outside (a guest's owner may choose it), so it is escaped, and
 * one that does not fit is refused rather than cut to another one.
 *
 * A rule on a node that names a guest means one whose leaving would help that node: of the lowest
 * rank, then the one that has most of it. One that is on its way already, or cannot go because a
 * device pins it, is none; nor is one whose unit has failed lately.
 */

#include "act/candidate.h"
#include "act/plan_halves.h"
#include "act/unit_text.h"

#include <string.h>

static bool is_meant(const struct action_context *context)
{
	const struct service *service;

	if (context->subject.scope != SCOPE_SERVICE)
		return candidate_line_is_meant(context);
	service = snapshot_service(context->snapshot, context->subject.key);
	return candidate_is_meant(context, service);
}

static uint64_t share_of(const struct action_context *context, const struct service *service)
{
	return candidate_share(context->snapshot, service, (unsigned)context->subject.key).bytes;
}

static bool goes_before(const struct action_context *context, const struct service *a,
			const struct service *b)
{
	int rank_a = candidate_policy(context, a)->rank,
	    rank_b = candidate_policy(context, b)->rank;

	return rank_a != rank_b ? rank_a < rank_b : share_of(context, a) > share_of(context, b);
}

/* Of those that this call is about; NULL: nobody, and why not of whom was said. */
static const struct service *find_guest(const struct action_context *context, struct plan *plan)
{
	const struct service *best = NULL;

	for (size_t i = 0; i < context->snapshot->service_count; i++) {
		const struct service *service = &context->snapshot->services[i];

		if (service->guest == GUEST_NONE || !candidate_is_meant(context, service) ||
		    share_of(context, service) < CANDIDATE_FLOOR_BYTES)
			continue;
		if (!candidate_fits(service))
			candidate_refuse(context, plan, service_key(service), REFUSE_PROTECTED);
		else if (service->hold != HOLD_NONE)
			candidate_refuse(context, plan, service_key(service), REFUSE_HELD);
		else if (context->is_busy(context->engine, service_key(service)))
			candidate_refuse(context, plan, service_key(service), REFUSE_BUSY);
		else if (context->is_barred(context->engine, ACTION_START_UNIT,
					    service_key(service)))
			candidate_refuse(context, plan, service_key(service), REFUSE_BARRED);
		else if (!best || goes_before(context, service, best))
			best = service;
	}
	return best;
}

/* guest: of a rule on a node whose unit's name has one; else NULL. */
static void plan_unit(const struct action_context *context, const struct action_call *call,
		      const struct service *guest, struct plan *plan)
{
	uint64_t key = guest ? service_key(guest) : 0;
	char unit[UNIT_NAME_BYTES];
	struct step *step;

	if (!call->unit ||
	    unit_text_fill(call->unit, context->snapshot, context->subject, guest, unit) < 0) {
		candidate_refuse(context, plan, key, REFUSE_BAD_NAME);
		return;
	}
	step = candidate_add_step(context, plan, ACTION_START_UNIT);
	if (!step)
		return;
	if (guest)
		candidate_set_target(step, guest);
	memcpy(step->unit.unit, unit, sizeof(unit));
}

void start_unit_plan(const struct action_context *context, const struct action_call *call,
		     struct plan *plan)
{
	bool is_about_guest = context->subject.scope == SCOPE_NODE && call->unit &&
			      unit_text_has_guest(call->unit);
	size_t refusals = plan->refusal_count;
	const struct service *guest = NULL;

	if (context->is_regrown || (!is_about_guest && !is_meant(context)))
		return;
	if (!context->snapshot->host.has_systemd) {
		if (is_meant(context))
			candidate_refuse(context, plan, 0, REFUSE_NO_SYSTEMD);
		return;
	}
	if (is_about_guest) {
		guest = find_guest(context, plan);
		if (!guest && refusals == plan->refusal_count && is_meant(context))
			candidate_refuse(context, plan, 0, REFUSE_GAIN);
		if (!guest)
			return;
	}
	plan_unit(context, call, guest, plan);
}

void start_unit_describe(const struct step *step, struct strbuf *out)
{
	strbuf_add(out, step->order == STEP_CANCEL ? "do not start " : "start ");
	strbuf_add_name(out, step->unit.unit);
}

void start_unit_writes(const struct step *step, struct strbuf *out)
{
	if (step->order == STEP_CANCEL)
		return;
	strbuf_add(out, "StartUnit(");
	strbuf_add_name(out, step->unit.unit);
	strbuf_add(out, ", replace)");
}
