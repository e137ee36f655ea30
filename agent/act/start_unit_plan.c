/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How anything else is run: as a unit that the operator has written, told by its instance name whom
 * it is about. The name comes from outside (a guest's owner may choose it), so it is escaped, and
 * one that does not fit is refused rather than cut to another one.
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

void start_unit_plan(const struct action_context *context, const struct action_call *call,
		     struct plan *plan)
{
	char unit[UNIT_NAME_BYTES];
	struct step *step;

	if (context->is_regrown || !is_meant(context))
		return;
	if (!context->snapshot->host.has_systemd) {
		candidate_refuse(context, plan, 0, REFUSE_NO_SYSTEMD);
		return;
	}
	if (!call->unit ||
	    unit_text_fill(call->unit, context->snapshot, context->subject, unit) < 0) {
		candidate_refuse(context, plan, 0, REFUSE_BAD_NAME);
		return;
	}
	step = candidate_add_step(context, plan, ACTION_START_UNIT);
	if (step)
		memcpy(step->unit.unit, unit, sizeof(unit));
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
