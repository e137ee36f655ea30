/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "rule/expr_each.h"

#include "test.h"
#include "util/macro.h"

#define GIB (INT64_C(1) << 30)

static struct reading readings[METRIC_COUNT_];

static struct reading read_one(void *context _unused_, enum metric_id id)
{
	return readings[id];
}

static const struct expr_source source = { .read = read_one };

static struct expr *parse(const char *text)
{
	struct diag_list diags = { 0 };
	struct expr *e = NULL;

	check_int(expr_parse(text, SCOPE_NODE, "f", 1, 1, &diags, &e), 0);
	diag_done(&diags);
	return e;
}

static void set_up(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++)
		readings[i] = READING_NONE;
	readings[METRIC_NODE_TOTAL] = reading_of(40 * GIB);
	readings[METRIC_NODE_HEADROOM] = reading_of(3 * GIB);
	readings[METRIC_NODE_CONFINED] = reading_of(2);
}

TEST(every_comparison_with_its_own_words_and_truth)
{
	struct comparison c[4];

	set_up();
	_cleanup_(expr_freep) struct expr *e =
		parse("node.headroom < min(10%, 2G) or (node.confined > 0 and "
		      "node.time-to-empty < 20s)");

	check_int(expr_comparisons(e, &source, c, ARRAY_SIZE(c)), 3);
	check_int(c[0].length, strlen("node.headroom < min(10%, 2G)"));
	check(strncmp(c[0].text, "node.headroom < min(10%, 2G)", c[0].length) == 0);
	check_int(c[0].truth, TRUTH_FALSE);
	check_str(c[0].now.comparison, ">=");
	check_int(c[0].now.value.value, 3 * GIB);
	check_int(c[0].now.threshold.value, 2 * GIB);
	check_int(c[0].dimension, DIM_BYTES);
	check_int(c[1].truth, TRUTH_TRUE);
	check_int(c[1].dimension, DIM_COUNT);
	check_int(c[1].now.value.value, 2);
	check_int(c[2].truth, TRUTH_UNKNOWN);
	check_int(c[2].now.metric, METRIC_NODE_TIME_TO_EMPTY);
}

TEST(the_unit_is_that_of_what_is_compared)
{
	struct comparison c[1];

	set_up();
	_cleanup_(expr_freep) struct expr *share = parse("4% > node.headroom");
	_cleanup_(expr_freep) struct expr *ratio = parse("node.headroom / node.total > 5%");

	check_int(expr_comparisons(share, &source, c, 1), 1);
	check_int(c[0].dimension, DIM_BYTES);
	check_int(c[0].now.metric, METRIC_NODE_HEADROOM);
	check_int(c[0].now.value.value, 3 * GIB);
	check_int(expr_comparisons(ratio, &source, c, 1), 1);
	check_int(c[0].dimension, DIM_PERCENT);
	check_int(c[0].now.value.value, 750);
}

TEST(what_does_not_fit_is_counted)
{
	struct comparison c[1];

	set_up();
	_cleanup_(expr_freep) struct expr *e = parse("node.headroom < 1G and node.confined > 0");

	check_int(expr_comparisons(e, &source, c, 1), 2);
	check_int(c[0].now.metric, METRIC_NODE_HEADROOM);
}
