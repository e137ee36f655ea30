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

/* --- how far the whole is from true ----------------------------------------------------------- */

static struct reading known(int64_t value)
{
	return reading_of(value);
}

TEST(the_comparison_that_decides)
{
	static const struct {
		const char *text, *decisive; /* NULL: it is true */
		unsigned permyriad;
	} cases[] = {
		{ "node.headroom < 4G", NULL, 0 },
		{ "node.headroom < 2G", "node.headroom < 2G", 3333 },
		{ "not node.headroom < 4G", "node.headroom < 4G", 2500 },
		/* Of those that must hold the farthest, of those that may the nearest. */
		{ "node.headroom < 2G and node.headroom < 1G", "node.headroom < 1G", 6666 },
		{ "node.headroom < 2G or node.headroom < 1G", "node.headroom < 2G", 3333 },
		{ "node.headroom < 4G and node.headroom < 1G", "node.headroom < 1G", 6666 },
		{ "node.headroom < 4G or node.headroom < 1G", NULL, 0 },
		{ "not (node.headroom < 4G or node.headroom < 8G)", "node.headroom < 8G", 6250 },
		{ "not (node.headroom < 4G and node.headroom < 8G)", "node.headroom < 4G", 2500 },
		{ "node.headroom < 1G or (node.headroom < 4G and node.confined > 4)",
		  "node.confined > 4", 5000 },
		/* At the threshold, and at zero. */
		{ "node.confined > 2", "node.confined > 2", 1 },
		{ "node.movable > 0", "node.movable > 0", 1 },
		{ "node.movable > 1M", "node.movable > 1M", 10000 },
		{ "node.time-to-empty < 20s", "node.time-to-empty < 20s", EXPR_MISS_UNKNOWN },
		{ "not node.time-to-empty < 20s", "node.time-to-empty < 20s", EXPR_MISS_UNKNOWN },
		{ "node.time-to-empty < 20s or node.headroom < 1G", "node.headroom < 1G", 6666 },
		{ "node.time-to-empty < 20s and node.headroom < 1G", "node.time-to-empty < 20s",
		  EXPR_MISS_UNKNOWN },
	};

	set_up();
	readings[METRIC_NODE_MOVABLE] = known(0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(expr_freep) struct expr *e = parse(cases[i].text);
		struct expr_miss miss;

		expr_miss_of(e, &source, &miss);
		check_int(miss.permyriad, cases[i].permyriad);
		check_int(miss.permyriad == 0, expr_eval(e, &source) == TRUTH_TRUE);
		if (!cases[i].decisive)
			continue;
		check_int(miss.decisive.length, strlen(cases[i].decisive));
		check(strncmp(miss.decisive.text, cases[i].decisive, miss.decisive.length) == 0);
	}
}

TEST(infinity_is_farther_than_any_amount)
{
	_cleanup_(expr_freep) struct expr *e =
		parse("node.time-to-empty < 20s or node.headroom < 1K");
	struct expr_miss miss;

	set_up();
	readings[METRIC_NODE_TIME_TO_EMPTY] = READING_FOREVER;
	expr_miss_of(e, &source, &miss);
	check_int(miss.decisive.now.metric, METRIC_NODE_HEADROOM);
	readings[METRIC_NODE_HEADROOM] = READING_NONE;
	expr_miss_of(e, &source, &miss);
	check_int(miss.decisive.now.metric, METRIC_NODE_TIME_TO_EMPTY);
	check_int(miss.permyriad, EXPR_MISS_INFINITE);
	check_str(miss.decisive.now.comparison, ">=");
}

TEST(the_largest_numbers_do_not_overflow)
{
	_cleanup_(expr_freep) struct expr *e = parse("node.headroom > node.free");
	struct expr_miss miss;

	set_up();
	readings[METRIC_NODE_HEADROOM] = reading_of(INT64_MIN);
	readings[METRIC_NODE_FREE] = reading_of(INT64_MAX);
	expr_miss_of(e, &source, &miss);
	check(miss.permyriad >= 19999 && miss.permyriad <= 20000);
}
