/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Huge pages that nobody uses, given back to their node. Those in use stay, and those that are
 * promised to a mapping: of these the kernel tells the number for all nodes together, so all of
 * them are taken to be here. A pool that is told to be smaller than what is in use would not
 * shrink but keep its pages as surplus, and lose them later.
 */

#include "act/plan_halves.h"
#include "act/setting_step.h"
#include "util/macro.h"

enum { ARG_BYTES };

static uint64_t idle_pages(const struct node *node)
{
	uint64_t idle = MIN_OF(node->huge_pages_free, node->huge_pages);

	return idle > node->huge_pages_reserved ? idle - node->huge_pages_reserved : 0;
}

static bool is_under_way(const struct action_context *context, const struct setting_target *on)
{
	const struct step *step;

	for (size_t i = 0; (step = candidate_running(context, ACTION_HUGETLB_SHRINK, i)); i++)
		if (setting_target_equal(&step->setting.on, on))
			return true;
	return false;
}

/* Pages that go. What this rule has taken already, by its claim, is not taken twice. */
static uint64_t pages_of(const struct action_context *context, const struct node *node,
			 const struct setting_target *on, uint64_t bytes)
{
	uint64_t pages = bytes / on->detail + (bytes % on->detail > 0);
	uint64_t idle = idle_pages(node);
	struct setting_value claim;

	if (candidate_own_claim(context, on, &claim) && claim.number >= 0 &&
	    (uint64_t)claim.number < node->huge_pages) {
		uint64_t going = node->huge_pages - (uint64_t)claim.number;

		idle = idle > going ? idle - going : 0;
	}
	return MIN_OF(pages, idle);
}

void hugetlb_shrink_plan(const struct action_context *context, const struct action_call *call,
			 struct plan *plan)
{
	const struct node *node = snapshot_node(context->snapshot, (unsigned)context->subject.key);
	struct setting_target on = { .id = SETTING_HUGE_PAGES, .key = context->subject.key };
	struct setting_value base, wanted;
	uint64_t bytes, pages = 0;
	struct step *step;

	if (context->is_regrown || !candidate_line_is_meant(context) || !node)
		return;
	on.detail = node->huge_page_bytes;
	bytes = candidate_wanted(context, call->values[ARG_BYTES]);
	if (bytes == 0 || is_under_way(context, &on)) {
		candidate_refuse(context, plan, 0, REFUSE_BUSY);
		return;
	}
	if (context->is_barred(context->engine, ACTION_HUGETLB_SHRINK, 0)) {
		candidate_refuse(context, plan, 0, REFUSE_BARRED);
		return;
	}
	if (node->huge_page_bytes > 0)
		pages = pages_of(context, node, &on, bytes);
	if (pages == 0 || !setting_step_base(context, NULL, &on, &base)) {
		candidate_refuse(context, plan, 0, REFUSE_GAIN);
		return;
	}
	wanted = (struct setting_value){ .number = base.number - (int64_t)pages };
	step = setting_step_add(context, plan, ACTION_HUGETLB_SHRINK, NULL, &on, &wanted);
	if (!step)
		return;
	step->gain_metric = METRIC_NODE_HEADROOM;
	step->expected_gain = (int64_t)(pages * on.detail);
}

/* Of the whole pool: idle pages that others take meanwhile are no gain. */
struct reading hugetlb_shrink_level(const struct step *step, struct subject subject,
				    const struct snapshot *snapshot)
{
	const struct node *node = snapshot_node(snapshot, (unsigned)step->setting.on.key);

	if (!node || subject.scope != SCOPE_NODE || subject.key != node->id ||
	    node->huge_page_bytes != step->setting.on.detail)
		return READING_NONE;
	return reading_of((int64_t)(node->huge_pages * node->huge_page_bytes));
}
