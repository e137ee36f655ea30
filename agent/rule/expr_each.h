/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An expression comparison by comparison, for people: what each asks for and how far off it is; and
 * how far that leaves the whole from being true.
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

/* How far: hundredths of a percent of the larger side of the comparison that decides, so at most
 * twice the whole; beyond that where a side is infinite, or is not known. */
#define EXPR_MISS_INFINITE 20001
#define EXPR_MISS_UNKNOWN  20002

struct expr_miss {
	unsigned permyriad; /* 0: it is true */
	/* That decides: the farthest of those that must hold, the nearest of those of which one is
	 * enough. Nothing where it is true. */
	struct comparison decisive;
};

void expr_miss_of(const struct expr *e, const struct expr_source *source, struct expr_miss *ret);
