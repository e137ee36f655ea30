/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of one service, without asking it for long. Whose: act/victim.h. */

#include "act/outlook.h"
#include "act/plan_halves.h"
#include "act/victim.h"
#include "util/macro.h"

/* A process gets this long to react to SIGTERM even when memory ends sooner. */
#define GRACE_MIN_USEC (100 * USEC_PER_MSEC)

enum { ARG_WHOM, ARG_GRACE };

/* No more of the grace than half the time that is left: the victim's end takes time as well. */
static usec_t grace_of(const struct action_context *context, usec_t grace)
{
	struct reading left = outlook_time_to_empty(context->snapshot, context->subject);

	if (left.state != READING_KNOWN || left.value < 0)
		return grace;

	usec_t half = MAX_OF((usec_t)left.value / 2, GRACE_MIN_USEC);

	return MIN_OF(grace, half);
}

void kill_plan(const struct action_context *context, const struct action_call *call,
	       struct plan *plan)
{
	const struct victim_query query = { .context = context, .action = ACTION_KILL };
	struct victim victim;
	struct step *step;

	if (context->is_regrown || !victim_choose(&query, plan, &victim))
		return;
	step = candidate_add_step(context, plan, ACTION_KILL);
	if (!step)
		return;
	victim_fill_step(context, victim.service, step);
	step->kill.grace_usec = grace_of(context, (usec_t)call->values[ARG_GRACE]);
}

struct reading kill_level(const struct step *step, struct subject subject,
			  const struct snapshot *snapshot)
{
	return victim_level(step, subject, snapshot);
}

void kill_describe(const struct step *step, struct strbuf *out)
{
	strbuf_add(out, step->order == STEP_CANCEL ? "spare " : "kill ");
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
	strbuf_add(out, "SIGTERM to each process of ");
	strbuf_add_name(out, step->target.path);
	strbuf_add(out, ", SIGKILL to those left after ");
	strbuf_add_duration(out, step->kill.grace_usec);
}
