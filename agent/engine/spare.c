/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/spare.h"

#include "engine/roll.h"
#include "engine/view.h"
#include "util/macro.h"

static bool may_migrate(const struct rule *rule)
{
	for (size_t i = 0; i < rule->ladder_count; i++)
		if (rule->ladder[i].action == ACTION_MIGRATE)
			return true;
	return false;
}

/* Is a rule that would move memory off this node roused by it? */
static bool is_in_trouble(const struct engine *e, unsigned node)
{
	FOR_EACH_AWAKE (e, instance) {
		struct subject subject = subject_of(e, instance);

		if (subject.scope == SCOPE_NODE && subject.key == node &&
		    (instance->in_episode || instance->holding) &&
		    may_migrate(rule_of(e, instance)))
			return true;
	}
	return false;
}

static uint64_t spare_of(const struct view *view, const struct rule *rule)
{
	struct goal goal;

	if (view_until(view, rule) == TRUTH_FALSE)
		return 0;
	goal = view_goal(view, rule);
	if (!goal.known)
		return UINT64_MAX;
	return goal.deficit_bytes < 0 ? (uint64_t)-goal.deficit_bytes : 0;
}

uint64_t spare_by_rule(const struct engine *e, const struct rule *rule, unsigned node,
		       bool credited)
{
	struct view view;

	if (!view_of_node(e, node, credited, &view) || is_in_trouble(e, node))
		return 0;
	return spare_of(&view, rule);
}

uint64_t spare_by_rules(const struct engine *e, unsigned node)
{
	uint64_t spare = UINT64_MAX;
	struct view view;

	if (!view_of_node(e, node, false, &view) || is_in_trouble(e, node))
		return 0;
	for (size_t i = 0; i < e->config->rule_count; i++) {
		const struct rule *rule = &e->config->rules[i];

		if (rule->on == SCOPE_NODE && may_migrate(rule))
			spare = MIN_OF(spare, spare_of(&view, rule));
	}
	return spare;
}
