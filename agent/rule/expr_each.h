/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An expression comparison by comparison, for people: what each asks for and how far off it is.
 */

#include "rule/expr.h"

struct comparison {
	const char *text; /* its own words within expr_text(), not terminated */
	size_t length;
	enum truth truth;
	struct evidence now;	  /* the comparison as it holds, opposite to its words when false */
	enum dimension dimension; /* of both sides */
};

/* All comparisons of `e` in the order of the text, at most `max`; returns how many it has, which
 * may be more. */
size_t expr_comparisons(const struct expr *e, const struct expr_source *source,
			struct comparison *ret, size_t max);
