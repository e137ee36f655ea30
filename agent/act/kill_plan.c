/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The end of one service, without asking it for long, or of a canary, without asking it at all.
 * Whose: act/victim.h, act/canary_choice.h.
 *
 * Where no canary holds memory that would help, services with Kill=first stand in for them: the
 * operator has said that they go before all others. That is a kill as any other, with its grace,
 * and counts as one. Where there is neither, now or ever, a line that asks for a canary is as if it
 * were not there.
 */

#include "act/canary_choice.h"
#include "act/kill_grace.h"
#include "act/plan_halves.h"
#include "act/victim.h"

enum { ARG_WHOM, ARG_GRACE };

static void plan_victim(const struct action_context *context, const struct action_call *call,
			bool first_only, struct plan *plan)
{
	const struct victim_query query = {
		.context = context,
		.action = ACTION_KILL,
		.first_only = first_only,
	};
	struct victim victim;
	struct step *step;

	if (!victim_choose(&query, plan, &victim))
		return;
	step = candidate_add_step(context, plan, ACTION_KILL);
	if (!step)
		return;
	victim_fill_step(context, victim.service, step);
	step->kill.takes_all = victim.takes_all;
	if (victim.takes_all && step->gain_metric != METRIC_SWAP_FREE &&
	    step->gain_metric != METRIC_NONE)
		step->expected_gain = kill_level(step, context->subject, context->snapshot).value;
	step->kill.grace_usec = kill_grace(context->snapshot, context->subject, KILL_GRACE_MIN_USEC,
					   (usec_t)call->values[ARG_GRACE]);
}

/* Does a policy name any? */
static bool has_firsts(const struct action_context *context)
{
	for (size_t i = 0; i < context->policies->count; i++) {
		const struct policy *policy = &context->policies->policies[i];

		if (policy->kill == KILL_FIRST && policy->kind != KIND_VM)
			return true;
	}
	return false;
}

static void plan_canary(const struct action_context *context, const struct action_call *call,
			struct plan *plan)
{
	size_t refusals = plan_refused(plan);
	struct canary_choice choice;
	struct step *step;

	if (canary_choose(context, plan, &choice)) {
		step = candidate_add_step(context, plan, ACTION_KILL);
		if (step)
			canary_fill_step(context, &choice, step);
		return;
	}
	/* One is about to give back what is needed. */
	if (plan_refused(plan) > refusals)
		return;
	if (!has_firsts(context)) {
		if (canary_is_configured(context))
			candidate_refuse(context, plan, 0, REFUSE_NO_CANARY);
		return;
	}
	if (!context->may_destroy || context->may_destroy(context->engine))
		plan_victim(context, call, true, plan);
}

void kill_plan(const struct action_context *context, const struct action_call *call,
	       struct plan *plan)
{
	if (context->is_regrown)
		return;
	if (action_call_is_canary(call))
		plan_canary(context, call, plan);
	else
		plan_victim(context, call, false, plan);
}

struct reading kill_level(const struct step *step, struct subject subject,
			  const struct snapshot *snapshot)
{
	if (step->kill.is_canary)
		return canary_level(step, subject, snapshot);
	return step->kill.takes_all ? victim_level_of_all(step, subject, snapshot)
				    : victim_level(step, subject, snapshot);
}

void kill_describe(const struct step *step, struct strbuf *out)
{
	strbuf_add(out, step->order == STEP_CANCEL ? "spare " : "kill ");
	if (step->kill.is_canary)
		strbuf_add(out, "canary ");
	strbuf_add_name(out, step->target.name);
	if (step->order == STEP_CANCEL)
		return;
	strbuf_add(out, " to free ");
	strbuf_add_bytes(out, step->expected_gain);
}

void kill_writes(const struct step *step, struct strbuf *out)
{
	if (step->order == STEP_CANCEL)
		return;
	if (step->kill.is_canary) {
		strbuf_add(out, "SIGKILL to canary ");
		strbuf_add_name(out, step->target.path);
		return;
	}
	strbuf_add(out, "SIGTERM to each process of ");
	strbuf_add_name(out, step->target.path);
	strbuf_add(out, ", SIGKILL to those left after ");
	strbuf_add_duration(out, step->kill.grace_usec);
}
