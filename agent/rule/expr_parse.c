/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/expr_lex.h"
#include "rule/expr_node.h"
#include "util/ini.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/*
 * Recursive descent, one function a level:
 *
 *	condition  = both { "or" both }
 *	both       = single { "and" single }
 *	single     = "not" single | comparison
 *	comparison = sum [ ( "<" "<=" ">" ">=" "==" "!=" ) sum ]
 *	sum        = product { ( "+" "-" ) product }
 *	product    = value { ( "*" "/" ) value }
 *	value      = number | metric | "infinity" | ( "min" "max" ) "(" sum { "," sum } ")"
 *	           | "(" condition ")"
 *
 * Whether a parenthesis holds a condition or an amount is known by its type only, so types are
 *checked where nodes are joined (expr_combine). A syntax fault ends the expression, for what
 *follows would be guesswork; type faults and unknown names do not, so that all of them are
 *reported.
 */

#define DEPTH_MAX 32

/* Offsets into the text are kept in 16 bits. */
_Static_assert(INI_LINE_BYTES_MAX <= UINT16_MAX, "an expression fits");

struct parser {
	struct expr_builder *builder;
	struct token token; /* the next one */
	size_t behind;	    /* end of the one before */
	unsigned depth;
};

/* All of these return a node's index, or a negative errno for what is reported. */
static int parse_condition(struct parser *p);

int expr_add_node(struct expr_builder *b, struct expr_node node)
{
	if (b->count == EXPR_NODES_MAX) {
		expr_fault(b, node.start, "expression has more than %d terms", EXPR_NODES_MAX);
		return -E2BIG;
	}
	b->nodes[b->count] = node;
	return (int)b->count++;
}

static void advance(struct parser *p)
{
	p->behind = p->token.end;
	p->token = expr_lex(p->builder, p->token.end);
}

static bool at_word(const struct parser *p, const char *word)
{
	return expr_token_is(p->builder, p->token, word);
}

static bool at_operator(const struct parser *p, enum node_kind first, enum node_kind last)
{
	return p->token.kind == TOKEN_OPERATOR && p->token.operation >= first &&
	       p->token.operation <= last;
}

static int unexpected(const struct parser *p, const char *wanted)
{
	const struct expr_builder *b = p->builder;

	if (p->token.kind == TOKEN_END)
		expr_fault(b, p->token.start, "%s is missing at the end", wanted);
	else if (p->token.kind != TOKEN_WRONG)
		expr_fault(b, p->token.start, "expected %s, not \"%.*s\"", wanted,
			   (int)(p->token.end - p->token.start), b->text + p->token.start);
	return -EINVAL;
}

static int expect(struct parser *p, enum token_kind kind, const char *wanted)
{
	if (p->token.kind != kind)
		return unexpected(p, wanted);
	advance(p);
	return 0;
}

static bool is_visible(enum scope on, enum metric_id id)
{
	return metric_get(id)->scope == SCOPE_HOST || metric_get(id)->scope == on;
}

static void report_unknown(const struct expr_builder *b, size_t offset, const char *name)
{
	const char *candidates[METRIC_COUNT_], *nearest;
	size_t count = 0;

	for (int i = 0; i < METRIC_COUNT_; i++)
		if (is_visible(b->on, (enum metric_id)i))
			candidates[count++] = metric_get((enum metric_id)i)->name;
	nearest = diag_nearest(name, candidates, count);
	if (nearest)
		expr_fault(b, offset, "unknown metric %s; did you mean %s?", name, nearest);
	else
		expr_fault(b, offset, "unknown metric %s; \"oomwarden metrics\" lists them", name);
}

static int parse_metric(struct parser *p)
{
	const struct expr_builder *b = p->builder;
	struct expr_node node = {
		.kind = NODE_METRIC,
		.type = TYPE_FAULTY,
		.start = (uint16_t)p->token.start,
		.end = (uint16_t)p->token.end,
	};
	char name[256];
	size_t length = p->token.end - p->token.start;

	snprintf(name, sizeof(name), "%.*s", (int)MIN_OF(length, sizeof(name) - 1),
		 b->text + p->token.start);
	node.metric = metric_find(name);
	if (node.metric == METRIC_NONE)
		report_unknown(b, p->token.start, name);
	else if (!is_visible(b->on, node.metric))
		expr_fault(b, p->token.start,
			   "%s is a metric of a %s; a rule with On=%s has %s metrics only", name,
			   scope_name(metric_get(node.metric)->scope), scope_name(b->on),
			   b->on == SCOPE_HOST	   ? "host"
			   : b->on == SCOPE_NODE   ? "node and host"
			   : b->on == SCOPE_CANARY ? "canary and host"
						   : "service and host");
	else
		node.type = (enum value_type)metric_get(node.metric)->dimension;
	advance(p);
	return expr_add_node(p->builder, node);
}

static int parse_infinity(struct parser *p)
{
	struct expr_node node = {
		.kind = NODE_CONSTANT,
		.type = TYPE_DURATION,
		.metric = METRIC_NONE,
		.constant = READING_FOREVER,
		.start = (uint16_t)p->token.start,
		.end = (uint16_t)p->token.end,
	};

	advance(p);
	return expr_add_node(p->builder, node);
}

/* A parenthesis belongs to the words of what it holds. */
static int widen(struct parser *p, int index, size_t start)
{
	p->builder->nodes[index].start = (uint16_t)start;
	p->builder->nodes[index].end = (uint16_t)p->behind;
	return index;
}

/* One level deeper into parentheses, functions or "not". */
static int parse_nested(struct parser *p, int (*parse)(struct parser *))
{
	int index;

	if (p->depth == DEPTH_MAX) {
		expr_fault(p->builder, p->token.start, "nested more than %d deep", DEPTH_MAX);
		return -E2BIG;
	}
	p->depth++;
	index = parse(p);
	p->depth--;
	return index;
}

static int parse_sum(struct parser *p);

static int parse_extreme(struct parser *p, enum node_kind kind)
{
	size_t start = p->token.start;
	int left, r;

	advance(p);
	r = expect(p, TOKEN_OPEN, kind == NODE_MIN ? "\"(\" behind min" : "\"(\" behind max");
	if (r < 0)
		return r;
	left = parse_nested(p, parse_sum);
	if (left < 0)
		return left;
	if (p->token.kind != TOKEN_COMMA)
		return unexpected(p, "\",\" and a second value");
	while (p->token.kind == TOKEN_COMMA) {
		int right;

		advance(p);
		right = parse_nested(p, parse_sum);
		if (right < 0)
			return right;
		left = expr_combine(p->builder, kind, left, right);
		if (left < 0)
			return left;
	}
	r = expect(p, TOKEN_CLOSE, "\")\"");
	return r < 0 ? r : widen(p, left, start);
}

static int parse_value(struct parser *p)
{
	static const char wanted[] = "a metric, a value or \"(\"";
	size_t start = p->token.start;
	struct expr_node number;
	int index, r;

	switch (p->token.kind) {
	case TOKEN_NUMBER:
		number = expr_lex_number(p->builder, p->token);
		advance(p);
		return expr_add_node(p->builder, number);
	case TOKEN_NAME:
		if (at_word(p, "min"))
			return parse_extreme(p, NODE_MIN);
		if (at_word(p, "max"))
			return parse_extreme(p, NODE_MAX);
		if (at_word(p, "infinity"))
			return parse_infinity(p);
		if (at_word(p, "and") || at_word(p, "or") || at_word(p, "not"))
			return unexpected(p, wanted);
		return parse_metric(p);
	case TOKEN_OPEN:
		advance(p);
		index = parse_nested(p, parse_condition);
		if (index < 0)
			return index;
		r = expect(p, TOKEN_CLOSE, "\")\"");
		return r < 0 ? r : widen(p, index, start);
	default:
		return unexpected(p, wanted);
	}
}

/* What stands behind the operation that the parser is at, together with what stands before it. */
static int parse_right(struct parser *p, int (*parse)(struct parser *), enum node_kind kind,
		       int left)
{
	int right;

	advance(p);
	right = parse(p);
	return right < 0 ? right : expr_combine(p->builder, kind, left, right);
}

/* operand { operation operand }, from the left. */
static int parse_chain(struct parser *p, int (*parse)(struct parser *), enum node_kind first,
		       enum node_kind last)
{
	int left = parse(p);

	while (left >= 0 && at_operator(p, first, last))
		left = parse_right(p, parse, p->token.operation, left);
	return left;
}

static int parse_product(struct parser *p)
{
	return parse_chain(p, parse_value, NODE_MULTIPLY, NODE_DIVIDE);
}

static int parse_sum(struct parser *p)
{
	return parse_chain(p, parse_product, NODE_ADD, NODE_SUBTRACT);
}

static int parse_comparison(struct parser *p)
{
	enum node_kind kind;
	int left = parse_sum(p), right;

	if (left < 0 || !at_operator(p, NODE_LESS, NODE_NOT_EQUAL))
		return left;
	kind = p->token.operation;
	advance(p);
	right = parse_sum(p);
	if (right < 0)
		return right;
	if (at_operator(p, NODE_LESS, NODE_NOT_EQUAL)) {
		expr_fault(p->builder, p->token.start,
			   "comparisons do not chain; write \"a < b and b < c\"");
		return -EINVAL;
	}
	return expr_combine(p->builder, kind, left, right);
}

static int parse_single(struct parser *p)
{
	size_t start = p->token.start;
	int operand;

	if (!at_word(p, "not"))
		return parse_comparison(p);
	advance(p);
	operand = parse_nested(p, parse_single);
	if (operand >= 0)
		operand = expr_combine(p->builder, NODE_NOT, operand, operand);
	return operand < 0 ? operand : widen(p, operand, start);
}

static int parse_joined(struct parser *p, const char *word, enum node_kind kind,
			int (*parse)(struct parser *))
{
	int left = parse(p);

	while (left >= 0 && at_word(p, word))
		left = parse_right(p, parse, kind, left);
	return left;
}

static int parse_both(struct parser *p)
{
	return parse_joined(p, "and", NODE_AND, parse_single);
}

static int parse_condition(struct parser *p)
{
	return parse_joined(p, "or", NODE_OR, parse_both);
}

static int parse_all(struct expr_builder *b)
{
	struct parser p = { .builder = b };
	int root;

	p.token = expr_lex(b, 0);
	if (p.token.kind == TOKEN_END) {
		expr_fault(b, 0, "condition is empty");
		return -EINVAL;
	}
	root = parse_condition(&p);
	if (root < 0)
		return root;
	if (p.token.kind != TOKEN_END)
		return unexpected(&p, "an operator, and, or, or the end");
	if (b->nodes[root].type < TYPE_TRUTH) {
		expr_fault(b, b->nodes[root].start,
			   "%.*s is no condition: it is not compared with anything",
			   EXPR_WORDS(b, root));
		return -EINVAL;
	}
	return 0;
}

int expr_parse(const char *text, enum scope on, const char *file, unsigned line, unsigned column,
	       struct diag_list *diags, struct expr **ret)
{
	_cleanup_(expr_freep) struct expr *e = NULL;
	size_t faults = diags->count + diags->dropped;
	struct expr_builder b = {
		.text = text,
		.on = on,
		.file = file,
		.line = line,
		.column = column,
		.diags = diags,
	};

	if (strlen(text) > INI_LINE_BYTES_MAX) {
		expr_fault(&b, 0, "condition is longer than %d bytes", INI_LINE_BYTES_MAX);
		return -EINVAL;
	}
	if (parse_all(&b) < 0 || diags->count + diags->dropped > faults)
		return -EINVAL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->on = on;
	e->count = b.count;
	e->text = strdup(text);
	e->nodes = malloc(b.count * sizeof(*e->nodes));
	if (!e->text || !e->nodes)
		return -ENOMEM;
	memcpy(e->nodes, b.nodes, b.count * sizeof(*e->nodes));
	*ret = TAKE_PTR(e);
	return 0;
}
