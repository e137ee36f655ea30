/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A fresh start of what has grown over time. The memory that a restarted service takes again is not
 * foreseen: what it holds now is what its end gives back.
 */

#include "act/plan_halves.h"
#include "act/unit_step.h"
#include "act/victim.h"

int restart_unit_check(const struct action_call *call, struct strbuf *ret_fault)
{
	return unit_step_check(call, ret_fault);
}

void restart_unit_plan(const struct action_context *context, const struct action_call *call,
		       struct plan *plan)
{
	unit_step_plan(context, call, plan);
}

struct reading restart_unit_level(const struct step *step, struct subject subject,
				  const struct snapshot *snapshot)
{
	return victim_level(step, subject, snapshot);
}

void restart_unit_describe(const struct step *step, struct strbuf *out)
{
	unit_step_describe(step, "restart", out);
}

void restart_unit_writes(const struct step *step, struct strbuf *out)
{
	if (step->order == STEP_CANCEL)
		return;
	strbuf_add(out, "RestartUnit(");
	strbuf_add_name(out, step->unit.unit);
	strbuf_add(out, ", replace)");
}
