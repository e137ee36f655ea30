/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Stopping and restarting a unit: one that the operator names in the rule, or that of the rule's
 * subject, or of the first candidate. Both end the service, in the orderly way that the unit says,
 * and so are chosen and counted as a kill is. The memory that a restarted service takes again is
 * not foreseen: what it holds now is what its end gives back.
 *
 * A name in the rule is the operator's word, above Kill= of a policy that may have been shipped;
 * above what is built in as protected it is not, nor above guests.
 */

#include "act/plan_halves.h"
#include "act/shortlist.h"
#include "act/unit_text.h"
#include "act/victim.h"

#include <errno.h>
#include <string.h>

enum { ARG_UNIT_NAME };

int unit_step_check(const struct action_call *call, struct strbuf *ret_fault)
{
	if (!call->unit || !policy_is_protected_unit(call->unit))
		return -1;
	strbuf_addf(ret_fault, "%s is protected, whatever a rule says", call->unit);
	return ARG_UNIT_NAME;
}

/* Is a component of the path the unit's own cgroup? The service is then the unit, or below it. */
static bool is_in_unit(const char *path, const char *unit, bool *ret_is_unit)
{
	char name[UNIT_NAME_BYTES];

	for (;;) {
		size_t length = strcspn(path, "/");

		if (length < sizeof(name)) {
			memcpy(name, path, length);
			name[length] = '\0';
			if (unit_text_of_path(name, name) && strcmp(name, unit) == 0) {
				*ret_is_unit = path[length] == '\0';
				return true;
			}
		}
		if (path[length] == '\0')
			return false;
		path += length + 1;
	}
}

/* What a named unit would take along: nobody who is not to be touched. *ret: the unit's own
 * service, if that is one of the snapshot's. */
static enum refusal object_to_named(const struct action_context *context, const char *unit,
				    const struct service **ret)
{
	const struct snapshot *snapshot = context->snapshot;

	*ret = NULL;
	if (policy_is_protected_unit(unit))
		return REFUSE_PROTECTED;
	for (size_t i = 0; i < snapshot->service_count; i++) {
		const struct service *service = &snapshot->services[i];
		const struct policy *policy = candidate_policy(context, service);
		bool is_unit;

		if (!is_in_unit(service->path, unit, &is_unit))
			continue;
		if (service->protected_unit || service->is_self || service->guest != GUEST_NONE ||
		    (policy && policy->kind == KIND_VM))
			return REFUSE_PROTECTED;
		if (is_unit && service->owner == OWNER_SYSTEMD && candidate_fits(service))
			*ret = service;
	}
	return REFUSE_COUNT_;
}

static void plan_named(const struct action_context *context, const struct action_call *call,
		       struct plan *plan)
{
	const struct service *service = NULL;
	char unit[UNIT_NAME_BYTES];
	enum refusal why;
	struct step *step;
	int r = unit_text_fill(call->unit, context->snapshot, context->subject, NULL, unit);

	if (r == 0) {
		why = object_to_named(context, unit, &service);
		if (why == REFUSE_COUNT_ && !context->snapshot->host.has_systemd)
			why = REFUSE_NO_SYSTEMD;
	} else {
		why = REFUSE_BAD_NAME;
	}
	if (service ? !candidate_is_meant(context, service) : !candidate_line_is_meant(context))
		return;
	if (why != REFUSE_COUNT_) {
		candidate_refuse(context, plan, service ? service_key(service) : 0, why);
		return;
	}
	step = candidate_add_step(context, plan, call->action);
	if (!step)
		return;
	if (service)
		victim_fill_step(context, service, step);
	memcpy(step->unit.unit, unit, sizeof(unit));
}

/* What else stands against ending it by its unit. */
static enum refusal object_to_unit(const struct action_context *context, enum action_id action,
				   const struct service *service)
{
	char unit[UNIT_NAME_BYTES];
	enum refusal why = candidate_objection(context, service, HARM_ENDS);

	if (why != REFUSE_COUNT_)
		return why;
	if (candidate_is_exempt(context->snapshot, service))
		return REFUSE_PROTECTED;
	if (service->owner != OWNER_SYSTEMD || !unit_text_of_path(service->path, unit))
		return REFUSE_NO_UNIT;
	if (!unit_text_is_of(unit, actions[action].args[ARG_UNIT_NAME].words))
		return REFUSE_UNSUPPORTED;
	return REFUSE_COUNT_;
}

static enum refusal object_to_restart(const struct action_context *context,
				      const struct service *service)
{
	return object_to_unit(context, ACTION_RESTART_UNIT, service);
}

static enum refusal object_to_stop(const struct action_context *context,
				   const struct service *service)
{
	return object_to_unit(context, ACTION_STOP_UNIT, service);
}

static enum refusal weigh(const struct shortlist_query *query, const struct service *service,
			  uint64_t *ret_weight)
{
	*ret_weight = victim_memory(query->context->snapshot, service, query->context->subject);
	return object_to_unit(query->context, query->action, service);
}

static const struct service *subject_of(const struct action_context *context,
					const struct action_call *call, struct plan *plan)
{
	const struct shortlist_query query = {
		.context = context,
		.call = call,
		.action = call->action,
		.whom = WHOM_SUBJECT,
		.harm = HARM_ENDS,
		.weigh = weigh,
	};

	return shortlist_first(&query, plan);
}

static const struct service *candidate_of(const struct action_context *context,
					  const struct action_call *call, struct plan *plan)
{
	const struct victim_query query = {
		.context = context,
		.action = call->action,
		.object = call->action == ACTION_STOP_UNIT ? object_to_stop : object_to_restart,
	};
	struct victim victim;

	return victim_choose(&query, plan, &victim) ? victim.service : NULL;
}

void unit_step_plan(const struct action_context *context, const struct action_call *call,
		    struct plan *plan)
{
	const struct service *service;
	struct step *step;

	if (context->is_regrown)
		return;
	if (call->unit) {
		plan_named(context, call, plan);
		return;
	}
	service = context->subject.scope == SCOPE_SERVICE ? subject_of(context, call, plan)
							  : candidate_of(context, call, plan);
	if (!service)
		return;
	step = candidate_add_step(context, plan, call->action);
	if (!step)
		return;
	victim_fill_step(context, service, step);
	(void)unit_text_of_path(service->path, step->unit.unit);
}

struct reading unit_step_level(const struct step *step, struct subject subject,
			       const struct snapshot *snapshot)
{
	return victim_level(step, subject, snapshot);
}

static bool is_restart(const struct step *step)
{
	return step->action == ACTION_RESTART_UNIT;
}

void unit_step_describe(const struct step *step, struct strbuf *out)
{
	if (step->order == STEP_CANCEL)
		strbuf_add(out, "do not ");
	strbuf_add(out, is_restart(step) ? "restart " : "stop ");
	strbuf_add_name(out, step->unit.unit);
	if (step->order == STEP_CANCEL || step->expected_gain == 0)
		return;
	strbuf_add(out, " to free ");
	strbuf_add_bytes(out, step->expected_gain);
}

void unit_step_writes(const struct step *step, struct strbuf *out)
{
	if (step->order == STEP_CANCEL)
		return;
	strbuf_add(out, is_restart(step) ? "RestartUnit(" : "StopUnit(");
	strbuf_add_name(out, step->unit.unit);
	strbuf_add(out, ", replace)");
}
