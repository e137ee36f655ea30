/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The reclaimable slab of the whole host at once. It is a cache that works: what is dropped is read
 * again by those who use it, so no rule that is shipped does this. Objects in use keep their slabs,
 * hence half is what is expected. Most of it counts as available already, so it brings something
 * to a rule about free memory only.
 */

#include "act/candidate.h"
#include "act/plan_halves.h"

static struct reading reclaimable(const struct snapshot *snapshot)
{
	return snapshot->host.readings[metric_index(METRIC_MEM_SLAB_RECLAIMABLE)];
}

static enum refusal object_to(const struct action_context *context)
{
	struct reading slab = reclaimable(context->snapshot);

	if (candidate_running(context, ACTION_DROP_SLAB, 0))
		return REFUSE_BUSY;
	if (context->is_barred(context->engine, ACTION_DROP_SLAB, 0))
		return REFUSE_BARRED;
	if (slab.state != READING_KNOWN || slab.value / 2 < (int64_t)CANDIDATE_FLOOR_BYTES)
		return REFUSE_GAIN;
	return REFUSE_COUNT_;
}

void drop_slab_plan(const struct action_context *context, const struct action_call *call _unused_,
		    struct plan *plan)
{
	enum refusal why;
	struct step *step;

	if (context->is_regrown || !candidate_line_is_meant(context))
		return;
	why = object_to(context);
	if (why != REFUSE_COUNT_) {
		candidate_refuse(context, plan, 0, why);
		return;
	}
	step = candidate_add_step(context, plan, ACTION_DROP_SLAB);
	if (!step)
		return;
	step->expected_gain = reclaimable(context->snapshot).value / 2;
	if (context->goal.known && context->goal.metric == METRIC_MEM_FREE)
		step->gain_metric = METRIC_MEM_FREE;
}

struct reading drop_slab_level(const struct step *step _unused_, struct subject subject,
			       const struct snapshot *snapshot)
{
	bool of_host = subject.scope == SCOPE_HOST || subject.scope == SCOPE_CANARY;

	return of_host ? reclaimable(snapshot) : READING_NONE;
}

usec_t drop_slab_level_at(const struct snapshot *snapshot)
{
	return snapshot->amounts_at;
}

void drop_slab_describe(const struct step *step, struct strbuf *out)
{
	if (step->order == STEP_CANCEL) {
		strbuf_add(out, "stop dropping slab");
		return;
	}
	strbuf_add(out, "drop reclaimable slab, to free ");
	strbuf_add_bytes(out, step->expected_gain);
}

void drop_slab_writes(const struct step *step, struct strbuf *out)
{
	if (step->order != STEP_CANCEL)
		strbuf_add(out, "vm.drop_caches = 2");
}
