/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "rule/expr_each.h"

#include "rule/expr_node.h"
#include "util/macro.h"

/* Operands stand before what uses them, so the nodes up to a comparison are an expression of their
 * own: that comparison, with whatever it does not need evaluated along. */
static struct comparison at(const struct expr *e, const struct expr_source *source, size_t index)
{
	const struct expr_node *node = &e->nodes[index];
	const struct expr part = {
		.text = e->text, .on = e->on, .count = index + 1, .nodes = e->nodes
	};
	enum value_type type = e->nodes[node->left].type;
	struct comparison c = {
		.text = e->text + node->start,
		.length = (size_t)(node->end - node->start),
		.truth = expr_eval(&part, source),
	};

	(void)expr_evidence(&part, source, &c.now, 1);
	/* A plain 0 and a share take the unit of the other side. */
	if (type > TYPE_COUNT_RATE)
		type = e->nodes[node->right].type;
	c.dimension =
		type > TYPE_COUNT_RATE ? metric_get(c.now.metric)->dimension : (enum dimension)type;
	return c;
}

size_t expr_comparisons(const struct expr *e, const struct expr_source *source,
			struct comparison *ret, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < e->count; i++) {
		if (!node_is_comparison(e->nodes[i].kind))
			continue;
		if (count < max)
			ret[count] = at(e, source, i);
		count++;
	}
	return count;
}

/* How far a node is from a truth, and the comparison that this rests on. */
struct way {
	unsigned far;
	size_t decisive;
};

/* Of a node: from being true, and from being false. */
struct ways {
	struct way up;
	struct way down;
};

static unsigned __int128 magnitude(__int128 value)
{
	return (unsigned __int128)(value < 0 ? -value : value);
}

static unsigned far_of(struct reading value, struct reading threshold)
{
	unsigned __int128 away, larger;

	if (value.state == READING_UNKNOWN || threshold.state == READING_UNKNOWN)
		return EXPR_MISS_UNKNOWN;
	if (value.state == READING_INFINITE || threshold.state == READING_INFINITE)
		return EXPR_MISS_INFINITE;
	away = magnitude((__int128)value.value - threshold.value);
	larger = MAX_OF(magnitude(value.value), magnitude(threshold.value));
	/* What stands at its threshold and does not pass it is next to it. */
	return larger == 0 ? 1 : MAX_OF((unsigned)(away * 10000 / larger), 1U);
}

static struct ways of_comparison(const struct expr *e, const struct expr_source *source, size_t i)
{
	struct comparison c = at(e, source, i);
	unsigned far =
		c.truth == TRUTH_UNKNOWN ? EXPR_MISS_UNKNOWN : far_of(c.now.value, c.now.threshold);

	return (struct ways){
		.up = { c.truth == TRUTH_TRUE ? 0 : far, i },
		.down = { c.truth == TRUTH_FALSE ? 0 : far, i },
	};
}

static struct way farther(struct way a, struct way b)
{
	return b.far > a.far ? b : a;
}

static struct way nearer(struct way a, struct way b)
{
	return b.far < a.far ? b : a;
}

void expr_miss_of(const struct expr *e, const struct expr_source *source, struct expr_miss *ret)
{
	struct ways ways[EXPR_NODES_MAX];
	const struct way *whole = &ways[e->count - 1].up;

	for (size_t i = 0; i < e->count; i++) {
		const struct expr_node *node = &e->nodes[i];
		const struct ways *left = &ways[node->left], *right = &ways[node->right];

		if (node_is_comparison(node->kind))
			ways[i] = of_comparison(e, source, i);
		else if (node->kind == NODE_AND)
			ways[i] = (struct ways){ farther(left->up, right->up),
						 nearer(left->down, right->down) };
		else if (node->kind == NODE_OR)
			ways[i] = (struct ways){ nearer(left->up, right->up),
						 farther(left->down, right->down) };
		else if (node->kind == NODE_NOT)
			ways[i] = (struct ways){ left->down, left->up };
	}
	*ret = (struct expr_miss){ .permyriad = whole->far };
	if (whole->far > 0)
		ret->decisive = at(e, source, whole->decisive);
}
