/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/canary_choice.h"

#include "act/victim.h"
#include "core/canary.h"
#include "util/amount.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <string.h>

bool canary_is_configured(const struct action_context *context)
{
	for (size_t i = 0; i < context->policies->count; i++)
		if (context->policies->policies[i].canary != 0)
			return true;
	return false;
}

/* -1: the table has none of that section. */
static int policy_of(const struct action_context *context, const struct canary_status *canary)
{
	for (size_t i = 0; i < context->policies->count; i++)
		if (context->policies->policies[i].canary == canary->section + 1)
			return (int)i;
	return -1;
}

static const struct service *service_of(const struct snapshot *snapshot,
					const struct canary_status *canary)
{
	return canary->service != 0 ? snapshot_service(snapshot, canary->service) : NULL;
}

static uint64_t reading_bytes(const struct canary_status *canary, enum metric_id metric)
{
	return reading_amount(canary->readings[metric_index(metric)]);
}

/* Of one that is not armed what it would hold; nothing of one whose cgroup is gone. */
static uint64_t held_bytes(const struct snapshot *snapshot, const struct canary_status *canary)
{
	if (canary->service == 0)
		return reading_bytes(canary, METRIC_CANARY_SIZE);
	return service_of(snapshot, canary) ? reading_bytes(canary, METRIC_CANARY_HELD) : 0;
}

static void add_place(const struct snapshot *snapshot, const struct canary_status *canary,
		      struct strbuf *out)
{
	canary_add_place(canary->slice, snapshot->host.has_systemd, out);
}

/* Does the service lie in its slice, and meet the limit there or further up? */
static bool shares_limit(const struct snapshot *snapshot, const struct canary_status *canary,
			 const struct service *service)
{
	char text[PATH_BYTES];
	struct strbuf slice = STRBUF(text);

	add_place(snapshot, canary, &slice);
	if (service->readings[metric_index(METRIC_SERVICE_LIMIT)].state != READING_KNOWN ||
	    service->limit_length > slice.length)
		return false;
	return strncmp(service->path, text, slice.length) == 0 &&
	       service->path[slice.length] == '/';
}

static uint64_t on_node(const struct snapshot *snapshot, const struct canary_status *canary,
			struct subject subject)
{
	const struct service *service = service_of(snapshot, canary);

	if (canary->has_node)
		return canary->node == subject.key ? held_bytes(snapshot, canary) : 0;
	return service ? victim_memory(snapshot, service, subject) : 0;
}

static uint64_t frees(const struct snapshot *snapshot, const struct canary_status *canary,
		      struct subject subject)
{
	const struct service *service;

	switch (subject.scope) {
	case SCOPE_HOST:
	case SCOPE_CANARY:
		return held_bytes(snapshot, canary);
	case SCOPE_NODE:
		return on_node(snapshot, canary, subject);
	case SCOPE_SERVICE:
		service = snapshot_service(snapshot, subject.key);
		return service && shares_limit(snapshot, canary, service)
			       ? held_bytes(snapshot, canary)
			       : 0;
	case SCOPE_COUNT_:
		break;
	}
	return 0;
}

/* Not armed, and for no other reason than that nothing is done. */
static bool is_rehearsed(const struct action_context *context, const struct canary_status *canary)
{
	return context->mode == MODE_DRY_RUN && canary->service == 0 &&
	       candidate_policy_is_meant(context, policy_of(context, canary)) &&
	       reading_bytes(canary, METRIC_CANARY_DEAD) == 0;
}

static uint64_t key_of(const struct canary_choice *choice)
{
	return choice->service ? service_key(choice->service) : choice->canary->key;
}

/* False: it is not meant, or not to be had. */
static bool consider(const struct action_context *context, const struct canary_status *canary,
		     struct plan *plan, struct canary_choice *ret)
{
	struct canary_choice choice = {
		.canary = canary,
		.service = service_of(context->snapshot, canary),
		.frees_bytes = frees(context->snapshot, canary, context->subject),
	};

	if (choice.frees_bytes == 0)
		return false;
	if (choice.service ? !candidate_is_meant(context, choice.service)
			   : !is_rehearsed(context, canary))
		return false;
	if (context->taken_bytes(context->engine, key_of(&choice), context->subject) == UINT64_MAX)
		return false; /* dead already, in a dry run */
	if (context->is_busy(context->engine, key_of(&choice))) {
		candidate_refuse(context, plan, key_of(&choice), REFUSE_BUSY);
		return false;
	}
	*ret = choice;
	return true;
}

bool canary_choose(const struct action_context *context, struct plan *plan,
		   struct canary_choice *ret)
{
	const struct snapshot *snapshot = context->snapshot;
	struct canary_choice best = { 0 }, choice;

	for (size_t i = 0; i < snapshot->canary_count; i++)
		if (consider(context, &snapshot->canaries[i], plan, &choice) &&
		    choice.frees_bytes > best.frees_bytes)
			best = choice;
	*ret = best;
	return best.canary;
}

/* As it would be called, of one that is not there. */
static void name_target(const struct action_context *context, const struct canary_status *canary,
			struct step *step)
{
	struct strbuf path = STRBUF(step->target.path);

	step->target.key = canary->key;
	step->target.policy = policy_of(context, canary);
	add_place(context->snapshot, canary, &path);
	strbuf_addf(&path, "/%s", canary->unit);
}

void canary_fill_step(const struct action_context *context, const struct canary_choice *choice,
		      struct step *step)
{
	struct strbuf name = STRBUF(step->target.name);

	if (choice->service)
		candidate_set_target(step, choice->service);
	else
		name_target(context, choice->canary, step);
	step->target.name[0] = '\0';
	strbuf_add(&name, choice->canary->name);
	step->kill.is_canary = true;
	step->gain_metric = victim_gain_metric(context->subject.scope);
	step->expected_gain = (int64_t)choice->frees_bytes;
}

struct reading canary_level(const struct step *step, struct subject subject,
			    const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->canary_count; i++) {
		const struct canary_status *canary = &snapshot->canaries[i];

		if (canary->service == step->target.key || canary->key == step->target.key)
			return reading_of((int64_t)frees(snapshot, canary, subject));
	}
	return reading_of(0);
}
