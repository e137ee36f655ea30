/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Typed expressions over metrics: parsed and type-checked at load, evaluated without allocation.
 * DESIGN section 4 has the grammar, section 5 the logic (Kleene: a comparison with an unknown
 * metric is unknown).
 */

#include "core/metric.h"
#include "core/plan.h"
#include "util/diag.h"

#include <stdbool.h>

enum truth {
	TRUTH_FALSE,
	TRUTH_UNKNOWN,
	TRUTH_TRUE,
};

struct expr;

/* Where readings come from while evaluating: the snapshot, with a dry run's credits added. */
struct expr_source {
	struct reading (*read)(void *context, enum metric_id id);
	void *context;
};

/* Parses a boolean expression for a rule about `on`. Faults (unknown metric with the nearest name,
 * types that do not compare, a percentage of a metric without a whole, a metric of a scope that the
 * rule cannot see, a comparison that can never be true) go to diags, with columns counted from
 * `column`, the place of text's first character. 0 or -EINVAL or -ENOMEM. */
int expr_parse(const char *text, enum scope on, const char *file, unsigned line, unsigned column,
	       struct diag_list *diags, struct expr **ret);
struct expr *expr_free(struct expr *e);
static inline void expr_freep(struct expr **e)
{
	*e = expr_free(*e);
}

enum truth expr_eval(const struct expr *e, const struct expr_source *source);

/* The comparisons that decide the present truth, at most `max`; returns how many. */
size_t expr_evidence(const struct expr *e, const struct expr_source *source, struct evidence *ret,
		     size_t max);

/* Whose metric says how much is short. Of a canary the host's: more in a canary helps nobody. */
enum scope expr_goal_scope(enum scope on);
/* Has it a comparison `metric > threshold` or `metric >= threshold` (or mirrored) of bytes, of a
 * metric of expr_goal_scope(), that must hold, not below `not` or `or`? If so ret: which metric,
 * how many bytes it is short of the threshold now (<= 0: it holds); of several the first.
 * *ret_known is false when a value is unknown or the threshold infinite. */
bool expr_goal(const struct expr *e, const struct expr_source *source, enum metric_id *ret_metric,
	       int64_t *ret_deficit_bytes, bool *ret_known);
/* The same question without values: can until-clear be used with it? */
bool expr_has_goal(const struct expr *e);
/* Marks every metric that it reads; the others are left as they are. */
void expr_mark_metrics(const struct expr *e, bool marks[METRIC_COUNT_]);
/* The text as written. */
const char *expr_text(const struct expr *e);
