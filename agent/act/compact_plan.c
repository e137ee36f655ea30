/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Larger blocks of a node's free memory. What it works on is the free memory that lies in blocks
 * too small for the order that is wanted: the share of it that the kernel calls unusable, in bytes.
 * How much of that compaction can mend hangs on what lies between and cannot move, so half of it is
 * what is expected.
 */

#include "act/candidate.h"
#include "act/plan_halves.h"

enum { ARG_ORDER };

/* The index is known for these orders: the next one up says most of what one says. */
static enum metric_id unusable_metric(unsigned order)
{
	if (order <= 2)
		return METRIC_NODE_UNUSABLE_ORDER_2;
	return order == 3 ? METRIC_NODE_UNUSABLE_ORDER_3 : METRIC_NODE_UNUSABLE_ORDER_9;
}

static struct reading unusable_bytes(const struct node *node, unsigned order)
{
	struct reading part = node->readings[metric_index(unusable_metric(order))];
	struct reading free = node->readings[metric_index(METRIC_NODE_FREE)];

	if (part.state != READING_KNOWN || free.state != READING_KNOWN || free.value < 0)
		return READING_NONE;
	return reading_of(free.value / 10000 * part.value +
			  free.value % 10000 * part.value / 10000);
}

static bool is_under_way(const struct action_context *context, unsigned node)
{
	const struct step *step;

	for (size_t i = 0; (step = candidate_running(context, ACTION_COMPACT, i)); i++)
		if (step->relief.node == node)
			return true;
	return false;
}

static enum refusal object_to(const struct action_context *context, struct reading unusable)
{
	if (is_under_way(context, (unsigned)context->subject.key))
		return REFUSE_BUSY;
	if (context->is_barred(context->engine, ACTION_COMPACT, 0))
		return REFUSE_BARRED;
	if (unusable.state != READING_KNOWN)
		return REFUSE_UNSUPPORTED;
	return (uint64_t)unusable.value < CANDIDATE_FLOOR_BYTES ? REFUSE_GAIN : REFUSE_COUNT_;
}

void compact_plan(const struct action_context *context, const struct action_call *call,
		  struct plan *plan)
{
	unsigned order = (unsigned)call->values[ARG_ORDER];
	const struct node *node = snapshot_node(context->snapshot, (unsigned)context->subject.key);
	struct reading unusable;
	struct step *step;
	enum refusal why;

	if (context->is_regrown || !candidate_line_is_meant(context) || !node)
		return;
	unusable = unusable_bytes(node, order);
	why = object_to(context, unusable);
	if (why != REFUSE_COUNT_) {
		candidate_refuse(context, plan, 0, why);
		return;
	}
	step = candidate_add_step(context, plan, ACTION_COMPACT);
	if (!step)
		return;
	step->relief.node = node->id;
	step->relief.order = order;
	/* Verified, but no memory is had by it: nothing to credit. */
	step->expected_gain = unusable.value / 2;
}

struct reading compact_level(const struct step *step, struct subject subject,
			     const struct snapshot *snapshot)
{
	const struct node *node = snapshot_node(snapshot, step->relief.node);

	if (!node || subject.scope != SCOPE_NODE || subject.key != node->id)
		return READING_NONE;
	return unusable_bytes(node, step->relief.order);
}

usec_t compact_level_at(const struct snapshot *snapshot)
{
	return snapshot->blocks_at;
}

void compact_describe(const struct step *step, struct strbuf *out)
{
	if (step->order == STEP_CANCEL)
		strbuf_add(out, "stop compacting ");
	else
		strbuf_add(out, "compact ");
	strbuf_addf(out, "node %u", step->relief.node);
	if (step->order != STEP_CANCEL)
		strbuf_addf(out, " for blocks of order %u", step->relief.order);
}

void compact_writes(const struct step *step, struct strbuf *out)
{
	if (step->order != STEP_CANCEL)
		strbuf_addf(out, "compact of node %u: 1", step->relief.node);
}
