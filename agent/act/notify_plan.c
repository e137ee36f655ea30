/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Saying it. A step without a target and without a gain: there is nothing to choose or verify. */

#include "act/candidate.h"
#include "act/plan_halves.h"

void notify_plan(const struct action_context *context, const struct action_call *call _unused_,
		 struct plan *plan)
{
	struct step *step;

	if (context->is_regrown || !candidate_line_is_meant(context))
		return;
	step = plan_add_step(plan);
	if (!step) {
		candidate_refuse(context, plan, 0, REFUSE_PLAN_FULL);
		return;
	}
	step->order = STEP_START;
	step->action = ACTION_NOTIFY;
	step->target.policy = -1;
}

void notify_describe(const struct step *step _unused_, struct strbuf *out)
{
	strbuf_add(out, "notify");
}

void notify_writes(const struct step *step _unused_, struct strbuf *out)
{
	strbuf_add(out, "one structured record to the journal");
}
