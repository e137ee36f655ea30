/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Faults of configuration, collected so that all are reported at once. A fault has a place
 * (file:line:column, line and column counting from 1; 0 where there is none) and a sentence that
 * says what was expected.
 */

#include "util/macro.h"

#include <stddef.h>

struct diag {
	char *file;
	unsigned line;
	unsigned column;
	char *message;
};

struct diag_list {
	struct diag *entries;
	size_t count;
	size_t dropped; /* faults that found no memory: the list is incomplete, never silently so */
};

_printf_(5, 6) void diag_add(struct diag_list *list, const char *file, unsigned line,
			     unsigned column, const char *format, ...);
/* "rules.d/31.ini:7:6: unknown metric node.headrom; did you mean node.headroom?" one a line, in the
 * order of file, line, column. */
void diag_print(struct diag_list *list, FILE *out);
void diag_done(struct diag_list *list);

/* The candidate nearest to `word` by edit distance, or NULL if none is near enough to be a
 * plausible slip (distance above a third of the word's length, at least 1). Ties go to the first.
 */
const char *diag_nearest(const char *word, const char *const *candidates, size_t count);
