/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Expressions cut into words and signs. */

#include "rule/expr_node.h"

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
	TOKEN_END,
	TOKEN_NUMBER, /* with its unit: "512M", "10%", "100M/s" */
	TOKEN_NAME,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_OPERATOR, /* arithmetic and comparison; `operation` says which */
	TOKEN_WRONG,	/* reported */
};

struct token {
	enum token_kind kind;
	size_t start, end;
	enum node_kind operation;
};

/* The token at or behind `from`. */
struct token expr_lex(const struct expr_builder *b, size_t from);
bool expr_token_is(const struct expr_builder *b, struct token token, const char *word);
/* The value of a number: a constant node, its type by its unit. Faults are reported and give
 * TYPE_FAULTY. */
struct expr_node expr_lex_number(const struct expr_builder *b, struct token token);
