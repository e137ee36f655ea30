/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/expr_node.h"
#include "util/macro.h"

/*
 * Thresholds that can never be met, found by interval arithmetic. A rule with one looks like a
 * safety net and is none, so it is refused, and so is a comparison that always holds.
 *
 * Two scales are tried. In absolute values all that is known is that nothing measured is negative
 * and a percentage does not exceed 100 %. As a fraction of the whole that the metrics share, a
 * metric lies between nothing and all of it, whatever the size of the machine.
 *
 * Bounds are rounded outwards: a comparison is refused only when it is certain.
 */

#define UNBOUNDED INT64_MAX
#define ALL_OF_IT 10000 /* hundredths of a percent */

struct interval {
	int64_t low, high;
};

static const struct interval anything = { INT64_MIN, UNBOUNDED };
static const struct interval not_negative = { 0, UNBOUNDED };

static int64_t clamp(__int128 value)
{
	return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

static int64_t add(int64_t a, int64_t b)
{
	return a == UNBOUNDED || b == UNBOUNDED ? UNBOUNDED : clamp((__int128)a + b);
}

/* For factors that are not negative. */
static int64_t multiply(int64_t a, int64_t b, int64_t scale, bool round_up)
{
	__int128 product = (__int128)a * b;

	if (a == 0 || b == 0)
		return 0;
	if (a == UNBOUNDED || b == UNBOUNDED)
		return UNBOUNDED;
	return clamp((product + (round_up ? scale - 1 : 0)) / scale);
}

static struct interval join(const struct expr_node *node, struct interval a, struct interval b)
{
	bool negative = a.low < 0 || b.low < 0;

	switch (node->kind) {
	case NODE_ADD:
		return (struct interval){ add(a.low, b.low), add(a.high, b.high) };
	case NODE_SUBTRACT:
		return (struct interval){
			b.high == UNBOUNDED ? INT64_MIN : clamp((__int128)a.low - b.high),
			a.high == UNBOUNDED ? UNBOUNDED : clamp((__int128)a.high - b.low),
		};
	case NODE_MULTIPLY:
		if (negative)
			return anything;
		return (struct interval){ multiply(a.low, b.low, node->scale, false),
					  multiply(a.high, b.high, node->scale, true) };
	case NODE_DIVIDE:
		return negative ? anything : not_negative;
	case NODE_MIN:
		return (struct interval){ MIN_OF(a.low, b.low), MIN_OF(a.high, b.high) };
	case NODE_MAX:
		return (struct interval){ MAX_OF(a.low, b.low), MAX_OF(a.high, b.high) };
	default:
		return anything;
	}
}

static struct interval absolute(const struct expr_builder *b, int index)
{
	const struct expr_node *node = &b->nodes[index];

	switch (node->kind) {
	case NODE_CONSTANT:
		if (node->constant.state != READING_KNOWN)
			return (struct interval){ UNBOUNDED, UNBOUNDED };
		return (struct interval){ node->constant.value, node->constant.value };
	case NODE_METRIC:
		if (node->type == TYPE_PERCENT)
			return (struct interval){ 0, ALL_OF_IT };
		return not_negative;
	case NODE_SHARE:
		return node->constant.value == 0 ? (struct interval){ 0, 0 } : not_negative;
	default:
		return join(node, absolute(b, node->left), absolute(b, node->right));
	}
}

/* In hundredths of a percent of `whole`. */
static struct interval fraction(const struct expr_builder *b, int index, enum metric_id whole)
{
	const struct expr_node *node = &b->nodes[index];

	switch (node->kind) {
	case NODE_SHARE:
		return (struct interval){ node->constant.value, node->constant.value };
	case NODE_METRIC:
		if (node->metric == whole)
			return (struct interval){ ALL_OF_IT, ALL_OF_IT };
		if (metric_get(node->metric)->whole == whole)
			return (struct interval){ 0, ALL_OF_IT };
		return not_negative;
	case NODE_CONSTANT:
		return node->constant.value == 0 ? (struct interval){ 0, 0 } : not_negative;
	case NODE_MULTIPLY:
		/* One side is the amount, the other a plain factor. */
		if (b->nodes[node->left].type == TYPE_BYTES)
			return join(node, fraction(b, node->left, whole), absolute(b, node->right));
		if (b->nodes[node->right].type == TYPE_BYTES)
			return join(node, absolute(b, node->left), fraction(b, node->right, whole));
		return not_negative;
	case NODE_DIVIDE:
		return absolute(b, index);
	default:
		return join(node, fraction(b, node->left, whole), fraction(b, node->right, whole));
	}
}

static bool is_possible(enum node_kind kind, struct interval a, struct interval b)
{
	switch (kind) {
	case NODE_LESS:
		return a.low < b.high;
	case NODE_LESS_EQUAL:
		return a.low <= b.high;
	case NODE_GREATER:
		return a.high > b.low;
	case NODE_GREATER_EQUAL:
		return a.high >= b.low;
	case NODE_EQUAL:
		return a.low <= b.high && b.low <= a.high;
	default:
		return a.low != a.high || b.low != b.high || a.low != b.low;
	}
}

static bool report(struct expr_builder *b, int comparison, struct interval left,
		   struct interval right, const char *reason)
{
	const struct expr_node *node = &b->nodes[comparison];
	bool can_hold = is_possible(node->kind, left, right);
	bool can_fail = is_possible(expr_negated(node->kind), left, right);

	if (can_hold && can_fail)
		return false;
	expr_fault(b, node->start, "%.*s %s: %s", EXPR_WORDS(b, comparison),
		   can_hold ? "is always true" : "can never be true", reason);
	return true;
}

static bool mentions(const struct expr_builder *b, int index, enum value_type type)
{
	const struct expr_node *node = &b->nodes[index];

	if (node->kind == NODE_METRIC)
		return node->type == type;
	if (node_is_leaf(node->kind))
		return false;
	return mentions(b, node->left, type) || mentions(b, node->right, type);
}

void expr_check_range(struct expr_builder *b, int comparison)
{
	const struct expr_node *node = &b->nodes[comparison];
	struct interval left = absolute(b, node->left), right = absolute(b, node->right);
	enum metric_id whole, first, other;
	char reason[256];

	if (report(b, comparison, left, right,
		   left.low == UNBOUNDED || right.low == UNBOUNDED
			   ? "nothing is longer than infinity"
		   : mentions(b, node->left, TYPE_PERCENT) || mentions(b, node->right, TYPE_PERCENT)
			   ? "a share of time lies between 0% and 100%"
			   : "what is measured is never negative"))
		return;
	if (b->nodes[node->left].type != TYPE_BYTES && b->nodes[node->right].type != TYPE_BYTES)
		return;
	whole = expr_common_whole(b, node->left, node->right, &first, &other);
	if (whole == METRIC_NONE)
		return;
	snprintf(reason, sizeof(reason), "%s lies between 0%% and 100%% of %s",
		 metric_get(first)->name, metric_get(whole)->name);
	report(b, comparison, fraction(b, node->left, whole), fraction(b, node->right, whole),
	       reason);
}
