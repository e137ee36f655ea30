/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "rule/expr_each.h"

#include "rule/expr_node.h"

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
