/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/expr.h"
#include "rule/expr_node.h"
#include "util/macro.h"
#include "util/strbuf.h"

struct expr *expr_free(struct expr *e)
{
	if (!e)
		return NULL;
	free(e->text);
	free(e->nodes);
	free(e);
	return NULL;
}

void expr_mark_metrics(const struct expr *e, bool marks[METRIC_COUNT_])
{
	for (size_t i = 0; i < e->count; i++)
		if (e->nodes[i].kind == NODE_METRIC || e->nodes[i].kind == NODE_SHARE)
			marks[e->nodes[i].metric] = true;
}

const char *expr_text(const struct expr *e)
{
	return e->text;
}

static const char *const operators[] = {
	[NODE_LESS] = "<",	     [NODE_LESS_EQUAL] = "<=", [NODE_GREATER] = ">",
	[NODE_GREATER_EQUAL] = ">=", [NODE_EQUAL] = "==",      [NODE_NOT_EQUAL] = "!=",
};

const char *expr_operator(enum node_kind kind)
{
	return operators[kind];
}

enum node_kind expr_negated(enum node_kind kind)
{
	static const enum node_kind negated[] = {
		[NODE_LESS] = NODE_GREATER_EQUAL, [NODE_LESS_EQUAL] = NODE_GREATER,
		[NODE_GREATER] = NODE_LESS_EQUAL, [NODE_GREATER_EQUAL] = NODE_LESS,
		[NODE_EQUAL] = NODE_NOT_EQUAL,	  [NODE_NOT_EQUAL] = NODE_EQUAL,
	};

	return negated[kind];
}

enum node_kind expr_mirrored(enum node_kind kind)
{
	static const enum node_kind mirrored[] = {
		[NODE_LESS] = NODE_GREATER, [NODE_LESS_EQUAL] = NODE_GREATER_EQUAL,
		[NODE_GREATER] = NODE_LESS, [NODE_GREATER_EQUAL] = NODE_LESS_EQUAL,
		[NODE_EQUAL] = NODE_EQUAL,  [NODE_NOT_EQUAL] = NODE_NOT_EQUAL,
	};

	return mirrored[kind];
}

static struct reading saturated(__int128 value)
{
	return reading_of(value > INT64_MAX   ? INT64_MAX
			  : value < INT64_MIN ? INT64_MIN
					      : (int64_t)value);
}

static bool is_infinite(struct reading r)
{
	return r.state == READING_INFINITE;
}

/* Negative, zero or positive; infinity is larger than whatever is known, and equals itself. */
static int order(struct reading a, struct reading b)
{
	if (is_infinite(a) || is_infinite(b))
		return (int)is_infinite(a) - (int)is_infinite(b);
	return a.value < b.value ? -1 : a.value > b.value;
}

static struct reading subtract(struct reading a, struct reading b)
{
	if (is_infinite(b))
		return READING_NONE;
	return is_infinite(a) ? a : saturated((__int128)a.value - b.value);
}

/* Where infinity is a factor, the sign of the other one decides, and nothing times it is unknown.
 */
static struct reading multiply(struct reading a, struct reading b, int64_t scale)
{
	if (is_infinite(a) || is_infinite(b)) {
		bool positive = (is_infinite(a) || a.value > 0) && (is_infinite(b) || b.value > 0);

		return positive ? READING_FOREVER : READING_NONE;
	}
	return saturated((__int128)a.value * b.value / scale);
}

static struct reading divide(struct reading a, struct reading b, int64_t scale)
{
	if (is_infinite(a))
		return !is_infinite(b) && b.value > 0 ? READING_FOREVER : READING_NONE;
	if (is_infinite(b))
		return reading_of(0);
	if (b.value == 0)
		return READING_NONE;
	return saturated((__int128)a.value * scale / b.value);
}

struct reading expr_apply(const struct expr_node *node, struct reading left, struct reading right)
{
	if (left.state == READING_UNKNOWN || right.state == READING_UNKNOWN)
		return READING_NONE;
	switch (node->kind) {
	case NODE_ADD:
		if (is_infinite(left) || is_infinite(right))
			return READING_FOREVER;
		return saturated((__int128)left.value + right.value);
	case NODE_SUBTRACT:
		return subtract(left, right);
	case NODE_MULTIPLY:
		return multiply(left, right, node->scale);
	case NODE_DIVIDE:
		return divide(left, right, node->scale);
	case NODE_MIN:
		return order(left, right) <= 0 ? left : right;
	case NODE_MAX:
		return order(left, right) >= 0 ? left : right;
	default:
		return READING_NONE;
	}
}

static enum truth compare(enum node_kind kind, struct reading left, struct reading right)
{
	int sign;
	bool holds;

	if (left.state == READING_UNKNOWN || right.state == READING_UNKNOWN)
		return TRUTH_UNKNOWN;
	sign = order(left, right);
	switch (kind) {
	case NODE_LESS:
		holds = sign < 0;
		break;
	case NODE_LESS_EQUAL:
		holds = sign <= 0;
		break;
	case NODE_GREATER:
		holds = sign > 0;
		break;
	case NODE_GREATER_EQUAL:
		holds = sign >= 0;
		break;
	case NODE_EQUAL:
		holds = sign == 0;
		break;
	default:
		holds = sign != 0;
		break;
	}
	return holds ? TRUTH_TRUE : TRUTH_FALSE;
}

/* What each node comes to: an amount, or a truth. */
struct result {
	struct reading value;
	enum truth truth;
};

static struct result evaluate_leaf(const struct expr_node *node, const struct expr_source *source)
{
	static const struct expr_node share = { .kind = NODE_MULTIPLY, .scale = 10000 };
	struct result result = { .value = node->constant };

	if (node->kind == NODE_METRIC)
		result.value = source->read(source->context, node->metric);
	else if (node->kind == NODE_SHARE)
		result.value = expr_apply(&share, node->constant,
					  source->read(source->context, node->metric));
	return result;
}

/* One pass: operands stand before what uses them. Kleene's and, or, not are minimum, maximum and
 * mirror image over false < unknown < true. */
static void evaluate(const struct expr *e, const struct expr_source *source, struct result *results)
{
	for (size_t i = 0; i < e->count; i++) {
		const struct expr_node *node = &e->nodes[i];
		const struct result *left, *right;

		if (node_is_leaf(node->kind)) {
			results[i] = evaluate_leaf(node, source);
			continue;
		}
		left = &results[node->left];
		right = &results[node->right];
		if (node->kind == NODE_AND)
			results[i].truth = MIN_OF(left->truth, right->truth);
		else if (node->kind == NODE_OR)
			results[i].truth = MAX_OF(left->truth, right->truth);
		else if (node->kind == NODE_NOT)
			results[i].truth = (enum truth)(TRUTH_TRUE - left->truth);
		else if (node_is_comparison(node->kind))
			results[i].truth = compare(node->kind, left->value, right->value);
		else
			results[i].value = expr_apply(node, left->value, right->value);
	}
}

enum truth expr_eval(const struct expr *e, const struct expr_source *source)
{
	struct result results[EXPR_NODES_MAX];

	evaluate(e, source, results);
	return results[e->count - 1].truth;
}

/* Marks the comparisons that the whole's truth rests on: what "and" and "or" hand through is an
 * operand of their own truth. Goes from the whole to its parts, so downwards. */
static void mark_decisive(const struct expr *e, const struct result *results, bool *decisive)
{
	for (size_t i = 0; i < e->count; i++)
		decisive[i] = false;
	decisive[e->count - 1] = true;
	for (size_t i = e->count; i-- > 0;) {
		const struct expr_node *node = &e->nodes[i];

		if (!decisive[i] || node->kind < NODE_AND)
			continue;
		if (node->kind == NODE_NOT) {
			decisive[node->left] = true;
			continue;
		}
		decisive[node->left] = results[node->left].truth == results[i].truth;
		decisive[node->right] = results[node->right].truth == results[i].truth;
	}
}

/* The metric that a side of a comparison is about: the first one in it. */
static enum metric_id first_metric(const struct expr *e, size_t index)
{
	const struct expr_node *node = &e->nodes[index];

	while (!node_is_leaf(node->kind)) {
		enum metric_id metric = first_metric(e, node->left);

		if (metric != METRIC_NONE)
			return metric;
		node = &e->nodes[node->right];
	}
	return node->kind == NODE_METRIC ? node->metric : METRIC_NONE;
}

/* A sum or a share is told in its own words: the metric alone would be given a value that is not
 * its. */
static void tell_words(const struct expr *e, size_t about, struct evidence *evidence)
{
	const struct expr_node *node = &e->nodes[about];
	size_t length = (size_t)(node->end - node->start);
	struct strbuf words = STRBUF(evidence->words);

	if (node->kind != NODE_METRIC)
		strbuf_addf(&words, "%.*s", (int)length, e->text + node->start);
}

/* Told as "metric OPERATOR threshold", the metric's side first, and as it holds now. */
static struct evidence tell(const struct expr *e, const struct result *results, size_t index)
{
	const struct expr_node *node = &e->nodes[index];
	enum node_kind kind = node->kind;
	size_t about = node->left, against = node->right;
	enum metric_id metric = first_metric(e, about);

	if (metric == METRIC_NONE) {
		metric = first_metric(e, against);
		about = node->right;
		against = node->left;
		kind = expr_mirrored(kind);
	}
	if (results[index].truth == TRUTH_FALSE)
		kind = expr_negated(kind);
	struct evidence evidence = {
		.metric = metric,
		.comparison = operators[kind],
		.value = results[about].value,
		.threshold = results[against].value,
	};

	tell_words(e, about, &evidence);
	return evidence;
}

size_t expr_evidence(const struct expr *e, const struct expr_source *source, struct evidence *ret,
		     size_t max)
{
	struct result results[EXPR_NODES_MAX];
	bool decisive[EXPR_NODES_MAX];
	size_t count = 0;

	evaluate(e, source, results);
	mark_decisive(e, results, decisive);
	for (size_t i = 0; i < e->count && count < max; i++)
		if (decisive[i] && node_is_comparison(e->nodes[i].kind))
			ret[count++] = tell(e, results, i);
	return count;
}

enum scope expr_goal_scope(enum scope on)
{
	return on == SCOPE_CANARY ? SCOPE_HOST : on;
}

/* The sides of a comparison that asks for more of a metric of bytes of what the rule is about. */
static bool as_goal(const struct expr *e, const struct expr_node *node, size_t *ret_metric,
		    size_t *ret_threshold, bool *ret_or_equal)
{
	bool mirrored = node->kind == NODE_LESS || node->kind == NODE_LESS_EQUAL;
	size_t metric = mirrored ? node->right : node->left;

	if (node->kind < NODE_LESS || node->kind > NODE_GREATER_EQUAL)
		return false;
	if (e->nodes[metric].kind != NODE_METRIC || e->nodes[metric].type != TYPE_BYTES ||
	    metric_get(e->nodes[metric].metric)->scope != expr_goal_scope(e->on))
		return false;
	*ret_metric = metric;
	*ret_threshold = mirrored ? node->left : node->right;
	*ret_or_equal = node->kind == NODE_LESS_EQUAL || node->kind == NODE_GREATER_EQUAL;
	return true;
}

/* The first such comparison that stands under "and" alone. */
static bool find_goal(const struct expr *e, size_t *ret_metric, size_t *ret_threshold,
		      bool *ret_or_equal)
{
	bool required[EXPR_NODES_MAX] = { false };

	required[e->count - 1] = true;
	for (size_t i = e->count; i-- > 0;) {
		if (required[i] && e->nodes[i].kind == NODE_AND)
			required[e->nodes[i].left] = required[e->nodes[i].right] = true;
	}
	for (size_t i = 0; i < e->count; i++)
		if (required[i] &&
		    as_goal(e, &e->nodes[i], ret_metric, ret_threshold, ret_or_equal))
			return true;
	return false;
}

bool expr_goal(const struct expr *e, const struct expr_source *source, enum metric_id *ret_metric,
	       int64_t *ret_deficit_bytes, bool *ret_known)
{
	struct result results[EXPR_NODES_MAX];
	struct reading value, threshold;
	size_t metric, against;
	bool or_equal;

	if (!find_goal(e, &metric, &against, &or_equal))
		return false;
	evaluate(e, source, results);
	value = results[metric].value;
	threshold = results[against].value;
	*ret_metric = e->nodes[metric].metric;
	*ret_deficit_bytes = 0;
	/* No amount reaches an infinite threshold. */
	*ret_known = value.state != READING_UNKNOWN && threshold.state == READING_KNOWN;
	if (*ret_known && value.state == READING_KNOWN)
		*ret_deficit_bytes =
			saturated((__int128)threshold.value - value.value + !or_equal).value;
	return true;
}

bool expr_has_goal(const struct expr *e)
{
	size_t metric, threshold;
	bool or_equal;

	return find_goal(e, &metric, &threshold, &or_equal);
}
