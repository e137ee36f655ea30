/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The end of what a freeze of the same rule about the same subject holds: the step that holds it is
 * called off, which thaws. Another rule's freeze is its own.
 */

#include "act/candidate.h"
#include "act/plan_halves.h"
#include "util/strbuf.h"

static bool is_own(const struct action_context *context, const struct step *step)
{
	return step->rule == context->rule && step->subject.scope == context->subject.scope &&
	       step->subject.key == context->subject.key &&
	       candidate_policy_is_meant(context, step->target.policy);
}

void thaw_plan(const struct action_context *context, const struct action_call *call _unused_,
	       struct plan *plan)
{
	const struct step *frozen;
	bool any = false;

	if (context->is_regrown)
		return;
	for (size_t i = 0; (frozen = candidate_running(context, ACTION_FREEZE, i)); i++) {
		struct step *step;

		if (!is_own(context, frozen))
			continue;
		any = true;
		step = candidate_add_step(context, plan, ACTION_FREEZE);
		if (!step)
			return;
		*step = *frozen;
		step->order = STEP_CANCEL;
	}
	if (!any && candidate_line_is_meant(context))
		candidate_refuse(context, plan, 0, REFUSE_ALREADY);
}

/* Its steps are the end of others: act/setting_plan.c has their words. */
void thaw_describe(const struct step *step, struct strbuf *out)
{
	strbuf_add(out, "thaw ");
	strbuf_add_name(out, step->target.name);
}

void thaw_writes(const struct step *step, struct strbuf *out)
{
	setting_writes(step, out);
}
