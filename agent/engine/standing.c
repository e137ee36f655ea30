/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/standing.h"

#include "act/action.h"
#include "engine/flight.h"
#include "rule/expr_each.h"
#include "util/macro.h"

/* The kernel's log is stamped by a clock of its own, and samples are a tick apart. */
#define CLOCK_SLACK_USEC (100 * USEC_PER_MSEC)

/* Who is killed is no help, and neither is who is told. */
static bool helps(const struct killing *k, enum action_id action)
{
	switch (action) {
	case ACTION_ARM:
	case ACTION_HOLD:
	case ACTION_NOTIFY:
	case ACTION_OOM_SCORE:
	case ACTION_THAW:
	case ACTION_COUNT_:
		return false;
	case ACTION_COMPACT:
		return !k->event->order_known || k->event->order > 0;
	default:
		return true;
	}
}

bool standing_is_helpful(const struct killing *k, const struct rule *rule)
{
	for (size_t i = 0; i < rule->ladder_count; i++)
		if (helps(k, rule->ladder[i].action))
			return true;
	return false;
}

struct past {
	const struct engine *e;
	const struct killing *killing;
	const struct recall_frame *frame;
	struct subject subject;
	size_t slot;
};

static struct reading read_past(void *context, enum metric_id id)
{
	const struct past *past = context;
	enum scope scope = metric_get(id)->scope;

	if (scope == SCOPE_HOST)
		return past->frame->host[metric_index(id)];
	if (scope != past->subject.scope)
		return READING_NONE;
	if (scope == SCOPE_NODE)
		return past->slot < past->e->recall.node_capacity
			       ? past->frame
					 ->nodes[past->slot * METRIC_NODE_COUNT + metric_index(id)]
			       : READING_NONE;
	/* Of services only what was read last is there. */
	return snapshot_reading(past->killing->snapshot, past->subject, id);
}

/* All When= lines have to hold, so the farthest decides. */
static void miss_of(const struct rule *rule, struct past *past, struct expr_miss *ret)
{
	const struct expr_source source = { .read = read_past, .context = past };

	*ret = (struct expr_miss){ 0 };
	for (size_t i = 0; i < rule->when_count; i++) {
		struct expr_miss miss;

		expr_miss_of(rule->when[i], &source, &miss);
		if (miss.permyriad > ret->permyriad)
			*ret = miss;
	}
}

/* False: nothing was kept. */
static bool find_nearest(const struct engine *e, const struct killing *k, const struct rule *rule,
			 struct past *past, struct expr_miss *ret, usec_t *ret_ago)
{
	const struct recall *recall = &e->recall;
	bool found = false;

	for (size_t i = 0; i < recall->count; i++) {
		struct expr_miss miss;

		past->frame = recall_frame(recall, i);
		if (past->frame->at > k->now || k->now - past->frame->at > RECALL_USEC)
			continue;
		miss_of(rule, past, &miss);
		if (found && miss.permyriad >= ret->permyriad)
			continue;
		*ret = miss;
		*ret_ago = k->at - MIN_OF(past->frame->at, k->at);
		found = true;
	}
	return found;
}

static void take_miss(struct verdict_rule *r, const struct expr_miss *miss)
{
	const struct evidence *at = &miss->decisive.now;
	int64_t away;

	r->nearest = *at;
	r->dimension = miss->decisive.dimension;
	r->missed_permyriad = miss->permyriad;
	if (miss->permyriad == EXPR_MISS_UNKNOWN) {
		r->standing = STANDING_UNKNOWN;
		return;
	}
	r->standing = STANDING_MISSED;
	r->missed_by = INT64_MAX;
	if (miss->permyriad == EXPR_MISS_INFINITE ||
	    __builtin_sub_overflow(at->value.value, at->threshold.value, &away) ||
	    away == INT64_MIN)
		return;
	/* What stands at a threshold has missed it all the same. */
	r->missed_by = MAX_OF(away < 0 ? -away : away, (int64_t)1);
}

/* Of a service what was read last is all there is. */
static usec_t age_of_service(const struct killing *k, uint64_t key)
{
	const struct service *service = snapshot_service(k->snapshot, key);

	return service ? k->at - MIN_OF(service->sampled_at, k->at) : 0;
}

static void judge_idle(const struct engine *e, const struct killing *k,
		       const struct instance *instance, struct verdict_rule *r)
{
	const struct rule *rule = rule_of(e, instance);
	struct past past = { .e = e, .killing = k, .subject = r->subject, .slot = instance->slot };
	struct expr_miss miss;

	if (!find_nearest(e, k, rule, &past, &miss, &r->usec)) {
		r->standing = STANDING_UNKNOWN;
		r->nearest.metric = METRIC_NONE;
	} else if (miss.permyriad == 0) {
		r->standing = STANDING_BRIEF;
	} else {
		take_miss(r, &miss);
		if (metric_get(r->nearest.metric)->scope == SCOPE_SERVICE)
			r->usec = age_of_service(k, r->subject.key);
	}
}

static const struct step *find_said(const struct engine *e, const struct killing *k,
				    const struct instance *instance)
{
	for (size_t i = 0; i < CREDITS_MAX && e->credit_count > 0; i++) {
		const struct credit *credit = &e->credits[i];

		if (credit->used && credit->step.rule == instance->rule &&
		    credit->slot == instance->slot && helps(k, credit->step.action))
			return &credit->step;
	}
	return NULL;
}

/* What stood against the farthest step that was tried; of the whole line rather than of one. */
static const struct said *find_refusal(const struct engine *e, const struct killing *k,
				       const struct instance *instance)
{
	const struct rule *rule = rule_of(e, instance);
	const struct said *found = NULL;

	for (size_t i = 0; i < SAID_MAX; i++) {
		const struct said *said = &e->said[i];

		if (!said->used || said->rule != instance->rule || said->slot != instance->slot ||
		    said->ladder >= rule->ladder_count ||
		    !helps(k, rule->ladder[said->ladder].action))
			continue;
		if (!found || said->ladder > found->ladder ||
		    (said->ladder == found->ladder && found->service != 0 && said->service == 0))
			found = said;
	}
	return found;
}

static bool has_helped(const struct engine *e, const struct killing *k,
		       const struct instance *instance)
{
	const struct rule *rule = rule_of(e, instance);
	uint64_t made = episode_of(e, instance)->made;

	for (size_t i = 0; i < MIN_OF(rule->ladder_count, (size_t)64); i++)
		if (made & UINT64_C(1) << i && helps(k, rule->ladder[i].action))
			return true;
	return false;
}

static bool is_running(const struct engine *e, const struct killing *k,
		       const struct instance *instance, size_t *ret_line)
{
	for (size_t i = 0; i < e->flight_end; i++) {
		const struct flight *flight = &e->flights[i];

		if (flight_is_of(flight, instance) && flight->running &&
		    helps(k, flight->step.action)) {
			*ret_line = flight->step.ladder;
			return true;
		}
	}
	return false;
}

static void judge_fired(const struct engine *e, const struct killing *k,
			const struct instance *instance, struct verdict_rule *r)
{
	const struct episode *episode = episode_of(e, instance);
	const struct step *would = find_said(e, k, instance);
	const struct said *refusal = find_refusal(e, k, instance);

	r->usec = k->at - MIN_OF(episode->begun, k->at);
	r->ladder = episode->next;
	if (is_running(e, k, instance, &r->ladder)) {
		r->standing = STANDING_RUNNING;
	} else if (would && !has_helped(e, k, instance)) {
		r->standing = STANDING_DRY_RUN;
		r->ladder = would->ladder;
		r->mode_from = would->mode_from;
	} else if (refusal && !has_helped(e, k, instance)) {
		r->standing = STANDING_REFUSED;
		r->ladder = refusal->ladder;
		r->refusal = (enum refusal)refusal->why;
		r->service = refusal->service;
	} else {
		r->standing =
			instance->state == RULE_EXHAUSTED ? STANDING_EXHAUSTED : STANDING_WAITING;
	}
}

void standing_keep(const struct engine *e, const struct instance *instance,
		   struct last_standing *ret)
{
	/* Of which order a kill would be about is not known. */
	static const struct kernel_event any = { .kind = KERNEL_EVENT_OOM_KILL };
	const struct killing k = {
		.snapshot = e->snapshot, .event = &any, .now = e->now, .at = e->now
	};
	struct verdict_rule r = { 0 };

	judge_fired(e, &k, instance, &r);
	*ret = (struct last_standing){
		.cleared = e->now,
		.begun = episode_of(e, instance)->begun,
		.standing = r.standing,
		.refusal = r.refusal,
		.ladder = r.ladder,
		.service = r.service,
		.mode_from = r.mode_from,
	};
}

/* Not cleared before the kill, but by it. */
static bool was_cleared_by(const struct engine *e, const struct instance *instance,
			   const struct killing *k)
{
	const struct last_standing *last;

	if (!instance->has_fired)
		return false;
	last = &episode_of(e, instance)->last;
	return last->cleared != 0 && last->begun <= k->at &&
	       last->cleared + CLOCK_SLACK_USEC >= k->at;
}

static void recall_fired(const struct last_standing *last, const struct killing *k,
			 struct verdict_rule *r)
{
	r->standing = last->standing;
	r->usec = k->at - last->begun;
	r->ladder = last->ladder;
	r->refusal = last->refusal;
	r->service = last->service;
	r->mode_from = last->mode_from;
}

struct verdict_rule standing_of(const struct engine *e, const struct instance *instance,
				const struct killing *k)
{
	struct verdict_rule r = { .rule = instance->rule, .subject = subject_of(e, instance) };

	if (instance->in_episode) {
		judge_fired(e, k, instance, &r);
		return r;
	}
	if (was_cleared_by(e, instance, k)) {
		recall_fired(&episode_of(e, instance)->last, k, &r);
		return r;
	}
	switch ((enum rule_state)instance->state) {
	case RULE_EXHAUSTED:
		r.standing = STANDING_COOLING;
		r.usec = instance->cooldown_until - MIN_OF(instance->cooldown_until, k->at);
		break;
	case RULE_PENDING:
		r.standing = STANDING_PENDING;
		r.usec = k->at - MIN_OF(instance->held_from, k->at);
		break;
	default:
		judge_idle(e, k, instance, &r);
		break;
	}
	return r;
}
