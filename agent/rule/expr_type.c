/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/expr_node.h"
#include "util/macro.h"

#include <errno.h>

/*
 * What may be joined with what, and what comes of it.
 *
 * A percentage means three things, and its neighbours tell which: beside a metric in percent it is
 * just that; in a product it is a factor ("service.max * 90%"); beside bytes it is that share of
 * the metric's whole. It therefore starts as TYPE_SHARE and is settled when the comparison around
 * it is complete, since only then the metric is known: "min(4%, 4G)" alone does not say of what.
 */

#define PERCENT_ONE 10000 /* hundredths of a percent in the whole */
#define USEC_ONE    1000000

static const char *const type_names[] = {
	[TYPE_ZERO] = "0",
	[TYPE_SHARE] = "percent",
	[TYPE_TRUTH] = "a condition",
	[TYPE_FAULTY] = "faulty",
};

const char *expr_type_name(enum value_type type)
{
	return type < TYPE_ZERO ? dimension_name((enum dimension)type) : type_names[type];
}

static bool is_percentage(enum value_type type)
{
	return type == TYPE_PERCENT || type == TYPE_SHARE;
}

/* Unsettled percentages in the tree below `index` become plain ones. */
static void settle_as_percent(struct expr_builder *b, int index)
{
	struct expr_node *node = &b->nodes[index];

	if (node->type != TYPE_SHARE)
		return;
	node->type = TYPE_PERCENT;
	if (node_is_leaf(node->kind))
		return;
	settle_as_percent(b, node->left);
	settle_as_percent(b, node->right);
}

/* Unsettled percentages become amounts: shares of `whole`. */
static void settle_as_bytes(struct expr_builder *b, int index, enum metric_id whole)
{
	struct expr_node *node = &b->nodes[index];

	if (node->type != TYPE_SHARE && node->type != TYPE_BYTES)
		return;
	if (!node_is_leaf(node->kind)) {
		settle_as_bytes(b, node->left, whole);
		settle_as_bytes(b, node->right, whole);
	} else if (node->type == TYPE_SHARE) {
		node->kind = NODE_SHARE;
		node->metric = whole;
	}
	node->type = TYPE_BYTES;
}

/* The first unsettled percentage that amounts of bytes wait for, or -1. */
static int find_share(const struct expr_builder *b, int index)
{
	const struct expr_node *node = &b->nodes[index];
	int left, right;

	if (node->type != TYPE_SHARE && node->type != TYPE_BYTES)
		return -1;
	if (node_is_leaf(node->kind))
		return node->type == TYPE_SHARE ? index : -1;
	left = find_share(b, node->left);
	right = left >= 0 ? -1 : find_share(b, node->right);
	return MAX_OF(left, right);
}

struct wholes {
	enum metric_id first, other; /* metrics; the second one has another whole */
	enum metric_id whole;
};

/* A whole belongs to its own parts: "node.headroom < node.total - 10%". */
static enum metric_id own_whole(enum metric_id metric)
{
	enum metric_id whole = metric_get(metric)->whole;

	return whole == METRIC_NONE ? metric : whole;
}

static void collect_wholes(const struct expr_builder *b, int index, struct wholes *wholes)
{
	const struct expr_node *node = &b->nodes[index];

	if (node->kind == NODE_METRIC && node->type == TYPE_BYTES) {
		if (wholes->first == METRIC_NONE)
			wholes->first = node->metric;
		else if (own_whole(wholes->first) != own_whole(node->metric))
			wholes->other = node->metric;
		if (metric_get(node->metric)->whole != METRIC_NONE)
			wholes->whole = metric_get(node->metric)->whole;
	}
	if (node_is_leaf(node->kind))
		return;
	collect_wholes(b, node->left, wholes);
	collect_wholes(b, node->right, wholes);
}

enum metric_id expr_common_whole(const struct expr_builder *b, int left, int right,
				 enum metric_id *ret_first, enum metric_id *ret_other)
{
	struct wholes wholes = { METRIC_NONE, METRIC_NONE, METRIC_NONE };

	collect_wholes(b, left, &wholes);
	collect_wholes(b, right, &wholes);
	*ret_first = wholes.first;
	*ret_other = wholes.other;
	return wholes.other == METRIC_NONE ? wholes.whole : METRIC_NONE;
}

/* A comparison or ratio of bytes is complete: its percentages must find their whole now. */
static void settle_shares(struct expr_builder *b, int left, int right)
{
	enum metric_id whole, first, other;
	int share = find_share(b, left);

	if (share < 0)
		share = find_share(b, right);
	if (share < 0)
		return;
	whole = expr_common_whole(b, left, right, &first, &other);
	if (first == METRIC_NONE)
		expr_fault(b, b->nodes[share].start,
			   "%.*s of what? there is no metric of bytes beside it",
			   EXPR_WORDS(b, share));
	else if (other != METRIC_NONE)
		expr_fault(b, b->nodes[share].start,
			   "%.*s of what? %s and %s are not parts of the same whole",
			   EXPR_WORDS(b, share), metric_get(first)->name, metric_get(other)->name);
	else if (whole == METRIC_NONE)
		expr_fault(b, b->nodes[share].start, "%.*s of what? %s has no whole",
			   EXPR_WORDS(b, share), metric_get(first)->name);
	/* Settled in any case: said once. */
	settle_as_bytes(b, left, whole);
	settle_as_bytes(b, right, whole);
}

/* The type that two sides of a comparison, a sum, min or max have in common; TYPE_FAULTY: none. */
static enum value_type unify(enum value_type left, enum value_type right)
{
	if (left == right)
		return left;
	if (left == TYPE_ZERO)
		return right;
	if (right == TYPE_ZERO)
		return left;
	if (is_percentage(left) && is_percentage(right))
		return TYPE_PERCENT;
	if ((left == TYPE_SHARE && right == TYPE_BYTES) ||
	    (left == TYPE_BYTES && right == TYPE_SHARE))
		return TYPE_BYTES;
	return TYPE_FAULTY;
}

static enum value_type same_types(struct expr_builder *b, enum node_kind kind, int left, int right)
{
	enum value_type a = b->nodes[left].type, c = b->nodes[right].type;
	enum value_type type = unify(a, c);

	if (type == TYPE_PERCENT) {
		settle_as_percent(b, left);
		settle_as_percent(b, right);
	}
	if (type != TYPE_FAULTY)
		return type;
	if (a == TYPE_SHARE || c == TYPE_SHARE) {
		int share = a == TYPE_SHARE ? left : right, other = left + right - share;

		expr_fault(b, b->nodes[share].start, "%.*s of what? %.*s is %s and has no whole",
			   EXPR_WORDS(b, share), EXPR_WORDS(b, other),
			   expr_type_name(b->nodes[other].type));
		return TYPE_FAULTY;
	}
	expr_fault(b, b->nodes[right].start, "%.*s is %s, but %.*s is %s: they cannot be %s",
		   EXPR_WORDS(b, left), expr_type_name(a), EXPR_WORDS(b, right), expr_type_name(c),
		   node_is_comparison(kind) ? "compared"
		   : kind == NODE_ADD	    ? "added"
		   : kind == NODE_SUBTRACT  ? "subtracted"
					    : "set side by side");
	return TYPE_FAULTY;
}

/* Products and quotients of two different kinds that mean something. */
static const struct {
	enum node_kind kind;
	enum value_type left, right, result;
	int64_t scale;
} mixed[] = {
	{ NODE_MULTIPLY, TYPE_BYTE_RATE, TYPE_DURATION, TYPE_BYTES, USEC_ONE },
	{ NODE_MULTIPLY, TYPE_DURATION, TYPE_BYTE_RATE, TYPE_BYTES, USEC_ONE },
	{ NODE_MULTIPLY, TYPE_COUNT_RATE, TYPE_DURATION, TYPE_COUNT, USEC_ONE },
	{ NODE_MULTIPLY, TYPE_DURATION, TYPE_COUNT_RATE, TYPE_COUNT, USEC_ONE },
	{ NODE_DIVIDE, TYPE_BYTES, TYPE_DURATION, TYPE_BYTE_RATE, USEC_ONE },
	{ NODE_DIVIDE, TYPE_BYTES, TYPE_BYTE_RATE, TYPE_DURATION, USEC_ONE },
	{ NODE_DIVIDE, TYPE_COUNT, TYPE_DURATION, TYPE_COUNT_RATE, USEC_ONE },
	{ NODE_DIVIDE, TYPE_COUNT, TYPE_COUNT_RATE, TYPE_DURATION, USEC_ONE },
};

static bool is_plain(enum value_type type)
{
	return type == TYPE_COUNT || type == TYPE_ZERO;
}

/* "20% * node.free": the percentage is a factor. Between two, the right one is. */
static enum value_type product_type(struct expr_builder *b, int left, int right, int64_t *ret_scale)
{
	enum value_type a = b->nodes[left].type, c = b->nodes[right].type;

	if (is_plain(a))
		return c == TYPE_ZERO ? TYPE_COUNT : c;
	if (is_plain(c))
		return a;
	if (!is_percentage(a) && !is_percentage(c))
		return TYPE_FAULTY;
	*ret_scale = PERCENT_ONE;
	settle_as_percent(b, is_percentage(c) ? right : left);
	return is_percentage(c) ? a : c;
}

static enum value_type quotient_type(struct expr_builder *b, int left, int right,
				     int64_t *ret_scale)
{
	enum value_type a = b->nodes[left].type, c = b->nodes[right].type;

	if (is_plain(c))
		return a == TYPE_ZERO ? TYPE_COUNT : a;
	if (a != c && !(is_percentage(a) && is_percentage(c)))
		return TYPE_FAULTY;
	settle_as_percent(b, left);
	settle_as_percent(b, right);
	if (a == TYPE_BYTES)
		settle_shares(b, left, right);
	*ret_scale = PERCENT_ONE;
	return TYPE_PERCENT;
}

static void scale_types(struct expr_builder *b, struct expr_node *node)
{
	enum value_type a = b->nodes[node->left].type, c = b->nodes[node->right].type;

	node->scale = 1;
	if (node->kind == NODE_DIVIDE && c == TYPE_ZERO) {
		expr_fault(b, b->nodes[node->right].start, "division by 0");
		node->type = TYPE_FAULTY;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(mixed); i++) {
		if (mixed[i].kind == node->kind && mixed[i].left == a && mixed[i].right == c) {
			node->type = mixed[i].result;
			node->scale = mixed[i].scale;
			return;
		}
	}
	node->type = node->kind == NODE_MULTIPLY
			     ? product_type(b, node->left, node->right, &node->scale)
			     : quotient_type(b, node->left, node->right, &node->scale);
	if (node->type == TYPE_FAULTY)
		expr_fault(b, b->nodes[node->right].start, "%s %s %s has no meaning",
			   expr_type_name(a),
			   node->kind == NODE_MULTIPLY ? "multiplied by" : "divided by",
			   expr_type_name(c));
}

static bool has_metric(const struct expr_builder *b, int index)
{
	const struct expr_node *node = &b->nodes[index];

	if (node_is_leaf(node->kind))
		return node->kind != NODE_CONSTANT;
	return has_metric(b, node->left) || has_metric(b, node->right);
}

/* Returns whether the comparison is well-formed, so that its range can be looked at. */
static bool compare_types(struct expr_builder *b, const struct expr_node *node)
{
	enum value_type type = same_types(b, node->kind, node->left, node->right);
	size_t faults = b->diags->count + b->diags->dropped;

	if (type == TYPE_FAULTY)
		return false;
	if (!has_metric(b, node->left) && !has_metric(b, node->right)) {
		expr_fault(b, node->start, "%.*s %s %.*s compares constants: no metric is named",
			   EXPR_WORDS(b, node->left), expr_operator(node->kind),
			   EXPR_WORDS(b, node->right));
		return false;
	}
	if (type == TYPE_BYTES || type == TYPE_SHARE)
		settle_shares(b, node->left, node->right);
	return b->diags->count + b->diags->dropped == faults;
}

/* Operands of the right sort: conditions for and, or, not; values for the others. */
static bool check_sort(struct expr_builder *b, enum node_kind kind, int operand)
{
	const struct expr_node *node = &b->nodes[operand];
	bool wants_condition = kind >= NODE_AND;

	if (node->type == TYPE_FAULTY)
		return false;
	if ((node->type == TYPE_TRUTH) == wants_condition)
		return true;
	if (wants_condition)
		expr_fault(b, node->start, "%.*s is no condition: it is not compared with anything",
			   EXPR_WORDS(b, operand));
	else
		expr_fault(b, node->start, "%.*s is a condition, not a value",
			   EXPR_WORDS(b, operand));
	return false;
}

int expr_combine(struct expr_builder *b, enum node_kind kind, int left, int right)
{
	struct expr_node node = {
		.kind = kind,
		.type = kind >= NODE_LESS ? TYPE_TRUTH : TYPE_FAULTY,
		.left = (uint16_t)left,
		.right = (uint16_t)right,
		.metric = METRIC_NONE,
		.start = b->nodes[left].start,
		.end = b->nodes[right].end,
	};
	bool sound = check_sort(b, kind, left);
	bool comparable = false;
	int index;

	if (right != left)
		sound = check_sort(b, kind, right) && sound;
	if (sound && node_is_comparison(kind))
		comparable = compare_types(b, &node);
	else if (sound && (kind == NODE_MULTIPLY || kind == NODE_DIVIDE))
		scale_types(b, &node);
	else if (sound && kind < NODE_LESS)
		node.type = same_types(b, kind, left, right);
	index = expr_add_node(b, node);
	if (index >= 0 && comparable)
		expr_check_range(b, index);
	return index;
}
