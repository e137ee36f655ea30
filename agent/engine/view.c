/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/view.h"

#include "act/outlook.h"
#include "engine/credit.h"
#include "util/amount.h"
#include "util/macro.h"

/* The subject's own array of readings, NULL if it has no place in this snapshot. */
static const struct reading *readings_of(const struct view *view)
{
	const struct engine *e = view->engine;
	size_t place;

	if (view->subject.scope == SCOPE_HOST)
		return e->snapshot->host.readings;
	place = e->rosters[view->subject.scope].places[view->slot];
	if (place == ROSTER_NONE)
		return NULL;
	if (view->subject.scope == SCOPE_NODE)
		return e->snapshot->nodes[place].readings;
	if (view->subject.scope == SCOPE_CANARY)
		return e->snapshot->canaries[place].readings;
	return e->snapshot->services[place].readings;
}

/* time x (headroom + credit) / headroom, in whatever unit keeps it in 63 bits. */
static struct reading stretch(struct reading time, int64_t headroom, int64_t credit)
{
	int64_t grown = plus_signed(headroom, credit), product;

	if (headroom <= 0)
		return READING_NONE; /* how fast it fell is not known any more */
	while (__builtin_mul_overflow(time.value, grown, &product)) {
		grown >>= 1;
		headroom >>= 1;
		if (headroom == 0)
			return READING_FOREVER;
	}
	return reading_of(product / headroom);
}

/* A reading of `scope`, the subject's own or the host's, out of `readings`. */
static struct reading with_credit(const struct view *view, enum scope scope,
				  const struct reading *readings, enum metric_id id)
{
	int64_t credit = credit_sum(view->engine, scope, scope == SCOPE_HOST ? 0 : view->slot);
	enum metric_id headroom = outlook_headroom_metric(scope);
	struct reading r = readings[metric_index(id)];

	if (credit == 0 || r.state != READING_KNOWN)
		return r;
	if (id == headroom || id == METRIC_MEM_FREE || id == METRIC_NODE_FREE)
		return reading_of(plus_signed(r.value, credit));
	if (id != outlook_time_to_empty_metric(scope))
		return r;
	if (readings[metric_index(headroom)].state != READING_KNOWN)
		return READING_NONE;
	return stretch(r, readings[metric_index(headroom)].value, credit);
}

static struct reading read_metric(void *context, enum metric_id id)
{
	const struct view *view = context;
	const struct reading *readings;
	enum scope scope = metric_get(id)->scope;

	if (scope == view->subject.scope)
		readings = readings_of(view);
	else if (scope == SCOPE_HOST && !view->alone)
		readings = view->engine->snapshot->host.readings;
	else
		readings = NULL;
	if (!readings)
		return READING_NONE;
	if (!view->credited)
		return readings[metric_index(id)];
	return with_credit(view, scope, readings, id);
}

struct view view_of(const struct engine *e, const struct instance *instance, bool credited)
{
	return (struct view){
		.engine = e,
		.subject = subject_of(e, instance),
		.slot = instance->slot,
		.credited = credited,
	};
}

bool view_of_node(const struct engine *e, unsigned node, bool credited, struct view *ret)
{
	const struct roster *roster = &e->rosters[SCOPE_NODE];

	for (size_t slot = 0; slot < roster->capacity; slot++)
		if (roster->taken[slot] && roster->keys[slot] == node) {
			*ret = (struct view){
				.engine = e,
				.subject = { SCOPE_NODE, node },
				.slot = slot,
				.credited = credited,
			};
			return true;
		}
	return false;
}

enum truth view_when(const struct view *view, const struct rule *rule)
{
	struct view copy = *view;
	const struct expr_source source = { .read = read_metric, .context = &copy };
	enum truth all = TRUTH_TRUE;

	for (size_t i = 0; i < rule->when_count && all != TRUTH_FALSE; i++) {
		enum truth line = expr_eval(rule->when[i], &source);

		all = MIN_OF(all, line);
	}
	return all;
}

enum truth view_until(const struct view *view, const struct rule *rule)
{
	struct view copy = *view;
	const struct expr_source source = { .read = read_metric, .context = &copy };

	if (rule->until)
		return expr_eval(rule->until, &source);
	switch (view_when(view, rule)) {
	case TRUTH_FALSE:
		return TRUTH_TRUE;
	case TRUTH_TRUE:
		return TRUTH_FALSE;
	case TRUTH_UNKNOWN:
		break;
	}
	return TRUTH_UNKNOWN;
}

struct goal view_goal(const struct view *view, const struct rule *rule)
{
	struct view copy = *view;
	const struct expr_source source = { .read = read_metric, .context = &copy };
	struct goal goal = { .metric = METRIC_NONE };

	if (!rule->until ||
	    !expr_goal(rule->until, &source, &goal.metric, &goal.deficit_bytes, &goal.known))
		return (struct goal){ .metric = METRIC_NONE };
	return goal;
}

size_t view_evidence(const struct view *view, const struct rule *rule, usec_t held,
		     struct evidence ret[STEP_EVIDENCE_MAX])
{
	struct view copy = *view;
	const struct expr_source source = { .read = read_metric, .context = &copy };
	size_t count = 0;

	/* A step of a rule that was roused and is not clear yet: that is then the reason. */
	if (rule->until && view_when(view, rule) != TRUTH_TRUE)
		return expr_evidence(rule->until, &source, ret, STEP_EVIDENCE_MAX);
	for (size_t i = 0; i < rule->when_count && count < STEP_EVIDENCE_MAX; i++)
		count += expr_evidence(rule->when[i], &source, ret + count,
				       STEP_EVIDENCE_MAX - count);
	for (size_t i = 0; i < count; i++)
		ret[i].since_usec = held;
	return count;
}
