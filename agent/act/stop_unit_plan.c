/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An orderly end: what the unit says of stopping it is done, and systemd starts it no more by
 * itself.
 */

#include "act/plan_halves.h"
#include "act/unit_step.h"
#include "act/victim.h"

int stop_unit_check(const struct action_call *call, struct strbuf *ret_fault)
{
	return unit_step_check(call, ret_fault);
}

void stop_unit_plan(const struct action_context *context, const struct action_call *call,
		    struct plan *plan)
{
	unit_step_plan(context, call, plan);
}

struct reading stop_unit_level(const struct step *step, struct subject subject,
			       const struct snapshot *snapshot)
{
	return victim_level(step, subject, snapshot);
}

void stop_unit_describe(const struct step *step, struct strbuf *out)
{
	unit_step_describe(step, "stop", out);
}

void stop_unit_writes(const struct step *step, struct strbuf *out)
{
	if (step->order == STEP_CANCEL)
		return;
	strbuf_add(out, "StopUnit(");
	strbuf_add_name(out, step->unit.unit);
	strbuf_add(out, ", replace)");
}
