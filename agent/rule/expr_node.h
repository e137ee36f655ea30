/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The compiled form of an expression, shared by the files that parse, type and evaluate it. Nodes
 * stand in one array, operands always before the node that uses them: evaluation is one pass from
 * the first node to the last, which is the whole expression. No recursion, no stack, no allocation.
 */

#include "core/metric.h"
#include "rule/expr.h"
#include "util/diag.h"

#include <stddef.h>
#include <stdint.h>

#define EXPR_NODES_MAX 128 /* evaluation keeps one value of each on the stack */

enum node_kind {
	NODE_CONSTANT,
	NODE_METRIC,
	NODE_SHARE, /* hundredths of a percent (in `constant`) of `metric` */
	NODE_ADD,
	NODE_SUBTRACT,
	NODE_MULTIPLY,
	NODE_DIVIDE,
	NODE_MIN,
	NODE_MAX,
	NODE_LESS,
	NODE_LESS_EQUAL,
	NODE_GREATER,
	NODE_GREATER_EQUAL,
	NODE_EQUAL,
	NODE_NOT_EQUAL,
	NODE_AND,
	NODE_OR,
	NODE_NOT,
};

/* The first are those of enum dimension, by the same numbers. */
enum value_type {
	TYPE_COUNT = DIM_COUNT,
	TYPE_BYTES = DIM_BYTES,
	TYPE_PERCENT = DIM_PERCENT,
	TYPE_DURATION = DIM_DURATION,
	TYPE_BYTE_RATE = DIM_BYTE_RATE,
	TYPE_COUNT_RATE = DIM_COUNT_RATE,
	TYPE_ZERO,   /* a plain 0, which is the same in every unit */
	TYPE_SHARE,  /* "10%" that may yet turn out as a share of a metric's whole */
	TYPE_TRUTH,  /* a condition */
	TYPE_FAULTY, /* already reported: whatever is done with it is no further fault */
};

struct expr_node {
	enum node_kind kind;
	enum value_type type;
	uint16_t left, right; /* operands; the right one of NODE_NOT is not used */
	enum metric_id metric;
	struct reading constant;
	int64_t scale;	/* a product is divided by it, a dividend multiplied */
	uint16_t start; /* where it stands in the text */
	uint16_t end;
};

struct expr {
	char *text;
	enum scope on;
	size_t count;
	struct expr_node *nodes;
};

/* An expression while it is parsed. */
struct expr_builder {
	const char *text;
	enum scope on;
	const char *file;
	unsigned line;
	unsigned column;
	struct diag_list *diags;
	struct expr_node nodes[EXPR_NODES_MAX];
	size_t count;
};

#define expr_fault(b, offset, ...) \
	diag_add((b)->diags, (b)->file, (b)->line, (b)->column + (unsigned)(offset), __VA_ARGS__)

/* A node's own words, for "%.*s". */
#define EXPR_WORDS(b, index) \
	(int)((b)->nodes[index].end - (b)->nodes[index].start), (b)->text + (b)->nodes[index].start

static inline bool node_is_comparison(enum node_kind kind)
{
	return kind >= NODE_LESS && kind <= NODE_NOT_EQUAL;
}

static inline bool node_is_leaf(enum node_kind kind)
{
	return kind <= NODE_SHARE;
}

/* Appends a node; -E2BIG (reported) when there is no room. Returns its index. */
int expr_add_node(struct expr_builder *b, struct expr_node node);

/* Appends the node for `left kind right`, its type derived and checked (expr_type.c). Percentages
 * find their whole here. Type faults are reported and give a node of TYPE_FAULTY or TYPE_TRUTH, so
 * that parsing goes on. Returns the index, or -E2BIG (reported). */
int expr_combine(struct expr_builder *b, enum node_kind kind, int left, int right);
/* "bytes", "a condition". */
const char *expr_type_name(enum value_type type);

/* Reports a comparison that no reading can make true, or none false (expr_range.c). */
void expr_check_range(struct expr_builder *b, int comparison);

/* The whole that all metrics of bytes below the two nodes share, or METRIC_NONE; *ret_first and
 * *ret_other name the metrics that stand against it (METRIC_NONE: there is none). */
enum metric_id expr_common_whole(const struct expr_builder *b, int left, int right,
				 enum metric_id *ret_first, enum metric_id *ret_other);

/* `left kind right` for values; exact in 128 bits, then saturated to what 64 can hold. */
struct reading expr_apply(const struct expr_node *node, struct reading left, struct reading right);
/* "<" for NODE_LESS. */
const char *expr_operator(enum node_kind kind);
/* The comparison that holds when this one does not, and the one with its sides exchanged. */
enum node_kind expr_negated(enum node_kind kind);
enum node_kind expr_mirrored(enum node_kind kind);
