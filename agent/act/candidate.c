/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/candidate.h"

#include "act/outlook.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <string.h>

#define MIB		    ((uint64_t)1 << 20)
#define OOM_SCORE_ADJ_NEVER (-1000)
/* The margin covers what the subject loses until the next measurements are in and acted on. */
#define MARGIN_FALL_SEC 2

const struct policy *candidate_policy(const struct action_context *context,
				      const struct service *service)
{
	if (service->policy < 0 || (size_t)service->policy >= context->policies->count)
		return NULL;
	return &context->policies->policies[service->policy];
}

bool candidate_line_is_meant(const struct action_context *context)
{
	return (context->enforced ? MODE_ENFORCE : MODE_DRY_RUN) == context->mode;
}

bool candidate_policy_is_meant(const struct action_context *context, int policy)
{
	enum mode mode = MODE_DRY_RUN;

	if (policy < 0 || (size_t)policy >= context->policies->count)
		return false;
	if (context->enforced)
		mode = context->policies->policies[policy].mode;
	return mode == context->mode;
}

bool candidate_is_meant(const struct action_context *context, const struct service *service)
{
	if (!service || !candidate_policy(context, service))
		return false;
	return service->paused ? context->mode == MODE_DRY_RUN
			       : candidate_policy_is_meant(context, service->policy);
}

struct node_share candidate_share(const struct snapshot *snapshot, const struct service *service,
				  unsigned node)
{
	if (service->shares)
		for (size_t i = 0; i < snapshot->node_count; i++)
			if (snapshot->nodes[i].id == node)
				return service->shares[i];
	return (struct node_share){ 0 };
}

uint64_t candidate_bytes(const struct service *service, enum metric_id metric)
{
	return reading_amount(service->readings[metric_index(metric)]);
}

uint64_t candidate_memory(const struct snapshot *snapshot, const struct service *service,
			  struct subject subject)
{
	if (subject.scope == SCOPE_NODE)
		return candidate_share(snapshot, service, (unsigned)subject.key).movable_bytes;
	if (service->readings[metric_index(METRIC_SERVICE_ANON)].state == READING_KNOWN)
		return candidate_bytes(service, METRIC_SERVICE_ANON);
	return candidate_bytes(service, METRIC_SERVICE_CURRENT);
}

static uint64_t margin_bytes(const struct action_context *context, uint64_t deficit)
{
	uint64_t fall = outlook_fall(context->snapshot, context->subject);
	uint64_t margin = MAX_OF(CANDIDATE_FLOOR_BYTES, deficit / 8);

	/* No machine falls faster, and what is made of it stays in range. */
	fall = MIN_OF(fall, (uint64_t)1 << 50);
	return MAX_OF(margin, fall * MARGIN_FALL_SEC);
}

uint64_t candidate_wanted(const struct action_context *context, int64_t amount)
{
	uint64_t deficit = 0;

	if (amount != ARG_UNTIL_CLEAR)
		return (uint64_t)amount;
	if (context->goal.known && context->goal.deficit_bytes > 0)
		deficit = (uint64_t)context->goal.deficit_bytes;
	deficit += margin_bytes(context, deficit);
	deficit = (deficit + MIB - 1) / MIB * MIB;
	return deficit > context->relief_bytes ? deficit - context->relief_bytes : 0;
}

enum candidate_whom candidate_whom(const struct action_context *context, int64_t value)
{
	if (value == ARG_NOT_GIVEN)
		return context->subject.scope == SCOPE_SERVICE ? WHOM_SUBJECT : WHOM_CANDIDATES;
	return (enum candidate_whom)value;
}

bool candidate_is_exempt(const struct snapshot *snapshot, const struct service *service)
{
	size_t end =
		MIN_OF(service->first_process + service->process_count, snapshot->process_count);

	for (size_t i = service->first_process; i < end; i++)
		if (snapshot->processes[i].oom_score_adj == OOM_SCORE_ADJ_NEVER)
			return true;
	return service->settings && service->settings->score_known &&
	       service->settings->score_least == OOM_SCORE_ADJ_NEVER;
}

bool candidate_is_group(const struct service *service)
{
	return service->settings && service->settings->oom_group.state == READING_KNOWN &&
	       service->settings->oom_group.value != 0;
}

bool candidate_holds(const struct service *outer, const struct service *inner)
{
	size_t length = strlen(outer->path);

	return strncmp(inner->path, outer->path, length) == 0 && inner->path[length] == '/';
}

static bool is_untouchable(const struct policy *policy, const struct service *service)
{
	return policy->kind == KIND_VM || service->guest != GUEST_NONE || service->protected_unit ||
	       service->is_self || !candidate_fits(service);
}

/* What is set on a cgroup, or ends it, is felt by all that lies below. */
bool candidate_shelters(const struct action_context *context, const struct service *service)
{
	const struct snapshot *snapshot = context->snapshot;

	for (size_t i = 0; i < snapshot->service_count; i++) {
		const struct service *inner = &snapshot->services[i];
		const struct policy *policy;

		if (!candidate_holds(service, inner))
			continue;
		policy = candidate_policy(context, inner);
		if (!policy || inner->paused || policy->kill == KILL_NEVER ||
		    is_untouchable(policy, inner))
			return true;
	}
	return false;
}

static bool is_named(const struct action_context *context, const struct service *service)
{
	return context->subject_is_named && context->subject.scope == SCOPE_SERVICE &&
	       context->subject.key == service_key(service);
}

enum refusal candidate_objection(const struct action_context *context,
				 const struct service *service, enum candidate_harm harm)
{
	const struct policy *policy = candidate_policy(context, service);

	if (!policy)
		return REFUSE_POLICY_KEEP;
	if (harm != HARM_NONE && policy->kill == KILL_NEVER && !is_named(context, service))
		return REFUSE_POLICY_KEEP;
	if (is_untouchable(policy, service) || (harm == HARM_SLOWS && policy->kind == KIND_SYSTEM))
		return REFUSE_PROTECTED;
	if (service->owner == OWNER_OTHER)
		return REFUSE_NOT_OURS;
	if (service->owner == OWNER_UNKNOWN)
		return REFUSE_NOT_READ;
	if (harm != HARM_NONE && candidate_shelters(context, service))
		return REFUSE_PROTECTED;
	return REFUSE_COUNT_;
}

bool candidate_own_claim(const struct action_context *context, const struct setting_target *on,
			 struct setting_value *ret)
{
	return context->own_claim && context->own_claim(context->engine, on, ret);
}

const struct step *candidate_running(const struct action_context *context, enum action_id action,
				     size_t i)
{
	return context->running_step ? context->running_step(context->engine, action, i) : NULL;
}

void candidate_refuse(const struct action_context *context, struct plan *plan, uint64_t service,
		      enum refusal why)
{
	plan_add_refusal(plan, (struct refusal_note){
				       .rule = context->rule,
				       .ladder = context->ladder,
				       .subject = context->subject,
				       .service = service,
				       .why = why,
			       });
}

struct step *candidate_add_step(const struct action_context *context, struct plan *plan,
				enum action_id action)
{
	struct step *step = plan_add_step(plan);

	if (!step) {
		candidate_refuse(context, plan, 0, REFUSE_PLAN_FULL);
		return NULL;
	}
	step->order = STEP_START;
	step->action = action;
	step->target.policy = -1;
	return step;
}

bool candidate_fits(const struct service *service)
{
	return strlen(service->path) < PATH_BYTES;
}

void candidate_set_target(struct step *step, const struct service *service)
{
	struct strbuf path = STRBUF(step->target.path);
	struct strbuf name = STRBUF(step->target.name);

	step->target.key = service_key(service);
	step->target.policy = service->policy;
	strbuf_add(&path, service->path);
	strbuf_add(&name, service->name ? service->name : service->path);
}
