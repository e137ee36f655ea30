/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whom a kill would end: one service, and only one that its policy names. Never a guest, never what
 * is built in as protected, never the agent's own cgroup, never one whose processes an
 * administrator took out of the kernel's own choice (oom_score_adj -1000).
 *
 * Kill=first goes before normal, normal before last; then lower rank; then the one that frees most
 * where it is needed. A victim that would free next to nothing is not worth its death: it would go,
 * the trouble would stay, and the next would follow. But a crowd of small services that together
 * are the trouble must not stand in each other's shadow for ever, so the share of the deficit is
 * asked for only while somebody reaches it or the crowd does not matter.
 */

#include "act/candidate.h"
#include "act/outlook.h"
#include "act/plan_halves.h"
#include "util/macro.h"

#define OOM_SCORE_ADJ_NEVER (-1000)
/* A process gets this long to react to SIGTERM even when memory ends sooner. */
#define GRACE_MIN_USEC (100 * USEC_PER_MSEC)

enum { ARG_WHOM, ARG_GRACE };

/* One that may be killed. */
struct victim {
	const struct service *service; /* NULL: none */
	const struct policy *policy;
	uint64_t frees_bytes;
};

struct choice {
	const struct action_context *context;
	uint64_t deficit_bytes;
	struct victim best;  /* frees enough by itself */
	struct victim small; /* frees little, as all of a crowd do */
	uint64_t crowd_bytes;
};

static uint64_t known(const struct service *service, enum metric_id metric)
{
	struct reading r = service->readings[metric_index(metric)];

	return r.state == READING_KNOWN && r.value > 0 ? (uint64_t)r.value : 0;
}

/* Memory that its end gives back to the subject. File pages are no part of it: they count as
 * available already. */
static uint64_t memory_of(const struct snapshot *snapshot, const struct service *service,
			  struct subject subject)
{
	if (subject.scope == SCOPE_NODE)
		return candidate_share(snapshot, service, (unsigned)subject.key).movable_bytes;
	if (service->readings[metric_index(METRIC_SERVICE_ANON)].state == READING_KNOWN)
		return known(service, METRIC_SERVICE_ANON);
	return known(service, METRIC_SERVICE_CURRENT);
}

static uint64_t frees(const struct action_context *context, const struct service *service)
{
	uint64_t bytes = memory_of(context->snapshot, service, context->subject);

	if (context->subject.scope == SCOPE_HOST)
		bytes += known(service, METRIC_SERVICE_SWAP);
	return bytes;
}

static bool is_exempt(const struct snapshot *snapshot, const struct service *service)
{
	size_t end =
		MIN_OF(service->first_process + service->process_count, snapshot->process_count);

	for (size_t i = service->first_process; i < end; i++)
		if (snapshot->processes[i].oom_score_adj == OOM_SCORE_ADJ_NEVER)
			return true;
	return false;
}

/* Why it must not be killed, or REFUSE_COUNT_. */
static enum refusal object_to(const struct action_context *context, const struct policy *policy,
			      const struct service *service)
{
	if (policy->kill == KILL_NEVER)
		return REFUSE_POLICY_KEEP;
	if (policy->kind == KIND_VM || service->guest != GUEST_NONE || service->protected_unit ||
	    service->is_self || is_exempt(context->snapshot, service) || !candidate_fits(service))
		return REFUSE_PROTECTED;
	if (context->is_barred(context->engine, ACTION_KILL, service_key(service)))
		return REFUSE_BARRED;
	return REFUSE_COUNT_;
}

/* Kill=never is everyday: named only where its end would have made a difference. */
static bool is_worth_saying(const struct choice *choice, const struct victim *victim,
			    enum refusal why)
{
	if (why != REFUSE_POLICY_KEEP)
		return true;
	return victim->frees_bytes >= MAX_OF(CANDIDATE_FLOOR_BYTES, choice->deficit_bytes / 8);
}

static bool goes_before(const struct victim *a, const struct victim *b)
{
	if (!b->service)
		return true;
	if (a->policy->kill != b->policy->kill)
		return a->policy->kill > b->policy->kill;
	if (a->policy->rank != b->policy->rank)
		return a->policy->rank < b->policy->rank;
	return a->frees_bytes > b->frees_bytes;
}

/* A twentieth of what is missing: twenty such kills, and the budget is spent long before. */
static uint64_t enough_bytes(const struct choice *choice)
{
	return MAX_OF(CANDIDATE_FLOOR_BYTES, choice->deficit_bytes / 20);
}

/* Is it meant by this call and may it be killed? `plan` takes the objection; NULL: said already. */
static bool is_eligible(const struct choice *choice, const struct service *service,
			struct plan *plan, struct victim *ret)
{
	const struct action_context *context = choice->context;
	struct victim victim = {
		.service = service,
		.policy = candidate_policy(context, service),
	};
	enum refusal why;

	if (!victim.policy || !candidate_is_meant(context, service->policy))
		return false;
	if (context->taken_bytes(context->engine, service_key(service), context->subject) ==
	    UINT64_MAX)
		return false; /* dead already, in a dry run */
	victim.frees_bytes = frees(context, service);
	why = object_to(context, victim.policy, service);
	if (why != REFUSE_COUNT_) {
		if (plan && is_worth_saying(choice, &victim, why))
			candidate_refuse(context, plan, service_key(service), why);
		return false;
	}
	*ret = victim;
	return true;
}

static void weigh(struct choice *choice, const struct victim *victim)
{
	if (victim->frees_bytes >= enough_bytes(choice)) {
		if (goes_before(victim, &choice->best))
			choice->best = *victim;
	} else if (victim->frees_bytes >= CANDIDATE_FLOOR_BYTES) {
		choice->crowd_bytes += victim->frees_bytes;
		if (goes_before(victim, &choice->small))
			choice->small = *victim;
	}
}

/* Why those that would have gone first were passed over. */
static void explain_small(const struct choice *choice, const struct victim *chosen,
			  struct plan *plan)
{
	const struct snapshot *snapshot = choice->context->snapshot;

	for (size_t i = 0; i < snapshot->service_count; i++) {
		const struct service *service = &snapshot->services[i];
		struct victim victim;

		if (service == chosen->service || !is_eligible(choice, service, NULL, &victim))
			continue;
		if (victim.frees_bytes < enough_bytes(choice) && goes_before(&victim, chosen))
			candidate_refuse(choice->context, plan, service_key(service), REFUSE_GAIN);
	}
}

/* No more of the grace than half the time that is left: the victim's end takes time as well. */
static usec_t grace_of(const struct action_context *context, usec_t grace)
{
	struct reading left = outlook_time_to_empty(context->snapshot, context->subject);

	if (left.state != READING_KNOWN || left.value < 0)
		return grace;

	usec_t half = MAX_OF((usec_t)left.value / 2, GRACE_MIN_USEC);

	return MIN_OF(grace, half);
}

static void fill_step(const struct action_context *context, const struct action_call *call,
		      const struct victim *victim, struct step *step)
{
	step->order = STEP_START;
	step->action = ACTION_KILL;
	candidate_set_target(step, victim->service);
	step->kill.grace_usec = grace_of(context, (usec_t)call->values[ARG_GRACE]);
	step->gain_metric =
		context->subject.scope == SCOPE_NODE ? METRIC_NODE_HEADROOM : METRIC_MEM_AVAILABLE;
	step->expected_gain =
		(int64_t)memory_of(context->snapshot, victim->service, context->subject);
}

void kill_plan(const struct action_context *context, const struct action_call *call,
	       struct plan *plan)
{
	const struct snapshot *snapshot = context->snapshot;
	struct choice choice = { .context = context };
	size_t refusals = plan->refusal_count;
	struct victim chosen, victim;
	struct step *step;

	if (context->is_regrown)
		return;
	if (context->goal.known && context->goal.deficit_bytes > 0)
		choice.deficit_bytes = (uint64_t)context->goal.deficit_bytes;
	for (size_t i = 0; i < snapshot->service_count; i++)
		if (is_eligible(&choice, &snapshot->services[i], plan, &victim))
			weigh(&choice, &victim);
	chosen = choice.best;
	if (!chosen.service && choice.crowd_bytes >= choice.deficit_bytes / 2)
		chosen = choice.small;
	explain_small(&choice, &chosen, plan);
	if (!chosen.service) {
		if (plan->refusal_count == refusals)
			candidate_refuse(context, plan, 0, REFUSE_NO_CANDIDATE);
		return;
	}
	step = plan_add_step(plan);
	if (step)
		fill_step(context, call, &chosen, step);
	else
		candidate_refuse(context, plan, 0, REFUSE_PLAN_FULL);
}

struct reading kill_level(const struct step *step, struct subject subject,
			  const struct snapshot *snapshot)
{
	const struct service *service;

	if (subject.scope != SCOPE_HOST && subject.scope != SCOPE_NODE)
		return READING_NONE;
	service = snapshot_service(snapshot, step->target.key);
	/* A service that is gone holds nothing, which is what the step was for. */
	return reading_of(service ? (int64_t)memory_of(snapshot, service, subject) : 0);
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
