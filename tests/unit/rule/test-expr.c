/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/expr.h"
#include "test.h"
#include "util/macro.h"

#define GIB (INT64_C(1) << 30)
#define SEC INT64_C(1000000)

static struct reading readings[METRIC_COUNT_];
static char printed[1 << 14];

static struct reading read_one(void *context _unused_, enum metric_id id)
{
	return readings[id];
}

static const struct expr_source source = { .read = read_one };

/* A node with 40 GiB that holds 1 GiB and empties in 10 s; nothing else is known. */
static void set_up(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++)
		readings[i] = READING_NONE;
	readings[METRIC_NODE_TOTAL] = reading_of(40 * GIB);
	readings[METRIC_NODE_HEADROOM] = reading_of(1 * GIB);
	readings[METRIC_NODE_TIME_TO_EMPTY] = reading_of(10 * SEC);
	readings[METRIC_NODE_CONFINED] = reading_of(2);
	readings[METRIC_PSI_MEMORY_FULL] = reading_of(1250);
}

static struct expr *parse(const char *text, enum scope on)
{
	struct diag_list diags = { 0 };
	struct expr *e = NULL;
	FILE *out;
	int r = expr_parse(text, on, "f", 7, 6, &diags, &e);

	printed[0] = '\0';
	out = fmemopen(printed, sizeof(printed), "w");
	diag_print(&diags, out);
	fclose(out);
	if (r == 0 ? diags.count > 0 || !e : r != -EINVAL || diags.count == 0 || e)
		snprintf(printed, sizeof(printed), "result %d with %zu faults", r, diags.count);
	diag_done(&diags);
	return e;
}

/* What is wrong with a node rule's condition: "" when nothing is. */
static const char *faults(const char *text)
{
	expr_free(parse(text, SCOPE_NODE));
	return printed;
}

static const char *truth_of(const char *text)
{
	_cleanup_(expr_freep) struct expr *e = parse(text, SCOPE_NODE);

	if (!e)
		return printed;
	switch (expr_eval(e, &source)) {
	case TRUTH_FALSE:
		return "false";
	case TRUTH_UNKNOWN:
		return "unknown";
	default:
		return "true";
	}
}

TEST(compares)
{
	set_up();
	check_str(truth_of("node.headroom < 2G"), "true");
	check_str(truth_of("node.headroom < 1G"), "false");
	check_str(truth_of("node.headroom <= 1G"), "true");
	check_str(truth_of("node.headroom > 512M"), "true");
	check_str(truth_of("node.headroom >= 1025M"), "false");
	check_str(truth_of("node.headroom == 1G"), "true");
	check_str(truth_of("node.headroom != 1G"), "false");
	check_str(truth_of("2G > node.headroom"), "true");
	check_str(truth_of("node.headroom<2G"), "true");
	check_str(truth_of("  node.time-to-empty\t<  20s "), "true");
	check_str(truth_of("node.time-to-empty < 9999ms"), "false");
	check_str(truth_of("node.time-to-empty < 1min"), "true");
	check_str(truth_of("node.confined > 0"), "true");
	check_str(truth_of("node.confined == 2"), "true");
	check_str(truth_of("node.headroom > 0"), "true");
	check_str(truth_of("node.time-to-empty > 0"), "true");
	check_str(truth_of("psi.memory.full.avg10 >= 12.5%"), "true");
	check_str(truth_of("psi.memory.full.avg10 > 12.5%"), "false");
	check_str(truth_of("psi.memory.full.avg10 > min(12%, 50%)"), "true");
}

TEST(percent_of_the_whole)
{
	set_up();
	check_str(truth_of("node.headroom < 2.5%"), "false");
	check_str(truth_of("node.headroom <= 2.5%"), "true");
	check_str(truth_of("node.headroom < 2.51%"), "true");
	check_str(truth_of("4% > node.headroom"), "true");
	/* 4 % of 40 GiB is 1.6 GiB */
	check_str(truth_of("node.headroom < min(4%, 4G)"), "true");
	check_str(truth_of("node.headroom < min(4%, 900M)"), "false");
	check_str(truth_of("node.headroom > max(1%, 900M)"), "true");
	check_str(truth_of("node.headroom < max(1%, 2%) + 600M"), "true");
	check_str(truth_of("node.headroom < 1% * 3"), "true");
	check_str(truth_of("node.headroom < 2% * 50%"), "false");
	check_str(truth_of("node.headroom < node.total - 97%"), "true");
	check_str(truth_of("node.headroom < node.total - 98%"), "false");
	readings[METRIC_NODE_TOTAL] = READING_NONE;
	check_str(truth_of("node.headroom < 4%"), "unknown");
	check_str(truth_of("node.headroom < min(4%, 4G)"), "unknown");
}

TEST(a_percentage_in_a_product_is_a_factor)
{
	set_up();
	check_str(truth_of("node.headroom < node.total * 3%"), "true");
	check_str(truth_of("node.headroom < 2% * node.total"), "false");
	check_str(truth_of("node.headroom / node.total < 3%"), "true");
	check_str(truth_of("node.headroom / node.total == 2.5%"), "true");
	check_str(truth_of("node.headroom / (1% + 614M) < 100%"), "false");
	check_str(truth_of("node.headroom / (1% + 615M) < 100%"), "true");
}

TEST(arithmetic)
{
	set_up();
	check_str(truth_of("node.headroom + 1G == 2G"), "true");
	check_str(truth_of("node.headroom - 2G < 1M - 1G"), "true");
	check_str(truth_of("node.headroom * 2 + 1G == 3G"), "true");
	check_str(truth_of("1G + node.headroom * 2 == 3G"), "true");
	check_str(truth_of("(1G + node.headroom) * 2 == 4G"), "true");
	check_str(truth_of("node.headroom / 2 / 2 == 256M"), "true");
	check_str(truth_of("4G - 2G - node.headroom == 1G"), "true");
	check_str(truth_of("node.headroom / node.time-to-empty < 110M/s"), "true");
	check_str(truth_of("node.headroom / node.time-to-empty < 100M/s"), "false");
	check_str(truth_of("node.headroom / 100M/s > 10s"), "true");
	check_str(truth_of("100M/s * 10s < node.headroom"), "true");
	check_str(truth_of("node.confined / 2 == 1"), "true");
	check_str(truth_of("node.confined / 4s < 1/s"), "true");
	check_str(truth_of("node.time-to-empty / 4 == 2500ms"), "true");
	check_str(truth_of("min(node.headroom, 3G, 2G) == 1G"), "true");
	check_str(truth_of("max(node.headroom, 3G, 2G) == 3G"), "true");
}

TEST(saturates_and_survives_division_by_zero)
{
	set_up();
	check_str(truth_of("node.headroom * 9000000000000 * 9000000000000 > 7E"), "true");
	check_str(truth_of("node.headroom - 7E - 7E - 7E < 1K - 7E"), "true");
	readings[METRIC_NODE_TOTAL] = reading_of(0);
	check_str(truth_of("node.headroom / node.total < 3%"), "unknown");
	readings[METRIC_NODE_HEADROOM] = reading_of(INT64_MAX);
	readings[METRIC_NODE_TOTAL] = reading_of(1);
	check_str(truth_of("node.headroom / node.total > 99%"), "true");
	readings[METRIC_NODE_HEADROOM] = reading_of(INT64_MIN);
	check_str(truth_of("node.headroom * 3 < 1K"), "true");
}

TEST(logic_and_precedence)
{
	set_up();
	/* T and F are written as comparisons of confined == 2 */
#define T "node.confined == 2"
#define F "node.confined == 3"
	check_str(truth_of(T " or " F " and " F), "true");
	check_str(truth_of("(" T " or " F ") and " F), "false");
	check_str(truth_of("not " F " and " T), "true");
	check_str(truth_of("not (" F " or " T ")"), "false");
	check_str(truth_of("not not " T), "true");
	check_str(truth_of(F " or " F " or " T), "true");
	check_str(truth_of(T " and " T " and " F), "false");
}

TEST(kleene)
{
	set_up();
#define U "mem.available < 1G"
	check_str(truth_of(U), "unknown");
	check_str(truth_of("not " U), "unknown");
	check_str(truth_of(U " and " T), "unknown");
	check_str(truth_of(U " and " F), "false");
	check_str(truth_of(F " and " U), "false");
	check_str(truth_of(U " or " T), "true");
	check_str(truth_of(U " or " F), "unknown");
	check_str(truth_of("mem.available + 1G < 2G"), "unknown");
	check_str(truth_of("min(mem.available, 1K) < 512B"), "unknown");
	check_str(truth_of("mem.available != mem.available"), "unknown");
}

TEST(infinity)
{
	set_up();
	readings[METRIC_NODE_TIME_TO_EMPTY] = READING_FOREVER;
	check_str(truth_of("node.time-to-empty > 1000000h"), "true");
	check_str(truth_of("node.time-to-empty < 1000000h"), "false");
	check_str(truth_of("node.time-to-empty < infinity"), "false");
	check_str(truth_of("node.time-to-empty == infinity"), "true");
	check_str(truth_of("node.time-to-empty + 1s == infinity"), "true");
	check_str(truth_of("node.time-to-empty / 2 == infinity"), "true");
	check_str(truth_of("node.time-to-empty - node.time-to-empty < 1s"), "unknown");
	check_str(truth_of("node.headroom / node.time-to-empty < 1K/s"), "true");
	check_str(truth_of("min(node.time-to-empty, 5s) == 5s"), "true");
	readings[METRIC_NODE_TIME_TO_EMPTY] = reading_of(INT64_MAX);
	check_str(truth_of("node.time-to-empty < infinity"), "true");
}

TEST(limits_that_are_not_set)
{
	struct expr *e;

	set_up();
	readings[METRIC_SERVICE_CURRENT] = reading_of(5 * GIB);
	readings[METRIC_SERVICE_MAX] = READING_FOREVER;
	e = parse("service.current > 90%", SCOPE_SERVICE);
	check_str(printed, "");
	check_int(expr_eval(e, &source), TRUTH_FALSE);
	readings[METRIC_SERVICE_MAX] = reading_of(5 * GIB);
	check_int(expr_eval(e, &source), TRUTH_TRUE);
	expr_free(e);
}

TEST(types_that_do_not_compare)
{
	check_str(faults("node.headroom < 30s"),
		  "f:7:22: node.headroom is bytes, but 30s is duration: they cannot be compared\n");
	check_str(faults("node.time-to-empty < 4G"),
		  "f:7:27: node.time-to-empty is duration, but 4G is bytes: they cannot be "
		  "compared\n");
	check_str(faults("node.headroom < node.confined"),
		  "f:7:22: node.headroom is bytes, but node.confined is count: they cannot be "
		  "compared\n");
	check_str(
		faults("psi.io.full.avg10 > 10"),
		"f:7:26: psi.io.full.avg10 is percent, but 10 is count: they cannot be compared\n");
	check_str(faults("node.headroom + 3s < 4G"),
		  "f:7:22: node.headroom is bytes, but 3s is duration: they cannot be added\n");
	check_str(faults("min(node.headroom, 3s) < 4G"),
		  "f:7:25: node.headroom is bytes, but 3s is duration: they cannot be set side by "
		  "side\n");
	check_str(faults("node.headroom < infinity"),
		  "f:7:22: node.headroom is bytes, but infinity is duration: they cannot be "
		  "compared\n");
	check_str(faults("node.headroom * node.total > 1G"),
		  "f:7:22: bytes multiplied by bytes has no meaning\n");
	check_str(faults("10 / node.headroom > 1"),
		  "f:7:11: count divided by bytes has no meaning\n");
	check_str(faults("node.headroom / 0 > 1G"), "f:7:22: division by 0\n");
	check_str(
		faults("psi.io.full.avg10 > node.headroom"),
		"f:7:26: psi.io.full.avg10 is percent, but node.headroom is bytes: they cannot be "
		"compared\n");
}

TEST(percentages_of_nothing)
{
	check_str(faults("node.confined > 10%"),
		  "f:7:22: 10% of what? node.confined is count and has no whole\n");
	check_str(faults("node.time-to-empty < 10%"),
		  "f:7:27: 10% of what? node.time-to-empty is duration and has no whole\n");
	check_str(faults("node.total > 10%"), "f:7:19: 10% of what? node.total has no whole\n");
	check_str(faults("node.free < mem.free * 2 + 10%"),
		  "f:7:33: 10% of what? node.free and mem.free are not parts of the same whole\n");
	check_str(faults("min(4%, 4G) < 3G"),
		  "f:7:6: min(4%, 4G) < 3G compares constants: no metric is named\n");
	check_str(faults("1G / (4% + 1G) < psi.io.full.avg10"),
		  "f:7:12: 4% of what? there is no metric of bytes beside it\n");
}

TEST(thresholds_that_can_never_be_met)
{
	check_str(
		faults("node.headroom > 120%"),
		"f:7:6: node.headroom > 120% can never be true: node.headroom lies between 0% and "
		"100% of node.total\n");
	check_str(
		faults("node.headroom > 100%"),
		"f:7:6: node.headroom > 100% can never be true: node.headroom lies between 0% and "
		"100% of node.total\n");
	check_str(
		faults("node.headroom < 0"),
		"f:7:6: node.headroom < 0 can never be true: what is measured is never negative\n");
	check_str(
		faults("0 > node.headroom"),
		"f:7:6: 0 > node.headroom can never be true: what is measured is never negative\n");
	check_contains(faults("node.headroom < 0%"), "can never be true");
	check_contains(faults("node.headroom >= 100.01%"), "can never be true");
	check_contains(faults("node.headroom > node.total"), "can never be true");
	check_contains(faults("node.headroom > max(120%, 4G)"), "can never be true");
	check_contains(faults("node.headroom > 60% * 2"), "can never be true");
	check_contains(faults("node.headroom == 101%"), "can never be true");
	check_contains(faults("node.free + node.clean > 201%"), "can never be true");
	check_str(faults("psi.io.full.avg10 > 100%"),
		  "f:7:6: psi.io.full.avg10 > 100% can never be true: a share of time lies between "
		  "0% and 100%\n");
	check_contains(faults("psi.io.full.avg10 == 250%"), "can never be true");
	check_contains(faults("node.time-to-empty > infinity"), "nothing is longer than infinity");
	check_contains(faults("node.confined < 0"), "never negative");
	check_contains(faults("min(node.free, node.clean) < 0"), "never negative");
}

TEST(thresholds_that_are_always_met)
{
	check_str(faults("node.headroom >= 0"),
		  "f:7:6: node.headroom >= 0 is always true: what is measured is never negative\n");
	check_contains(faults("node.headroom < 1500%"), "is always true");
	check_contains(faults("node.headroom <= 100%"), "is always true");
	check_contains(faults("psi.io.full.avg10 <= 100%"), "is always true");
	check_contains(faults("psi.io.full.avg10 != 101%"), "is always true");
	check_contains(faults("node.time-to-empty <= infinity"), "is always true");
}

TEST(thresholds_at_the_edge_are_possible)
{
	check_str(faults("node.headroom >= 100%"), "");
	check_str(faults("node.headroom < 100%"), "");
	check_str(faults("node.headroom <= 0"), "");
	check_str(faults("node.headroom > 0"), "");
	check_str(faults("node.free + node.clean > 150%"), "");
	check_str(faults("node.headroom > min(120%, 4G)"), "");
	check_str(faults("node.headroom - 1G < 0"), "");
	check_str(faults("psi.io.full.avg10 >= 100%"), "");
	check_str(faults("node.time-to-empty < infinity"), "");
	check_str(faults("node.time-to-empty >= infinity"), "");
	check_str(faults("mem.available < 200% * node.total"), "");
	check_str(faults("node.headroom > 7E"), "");
}

TEST(unknown_names_with_the_nearest)
{
	check_str(faults("node.headrom < 4G"),
		  "f:7:6: unknown metric node.headrom; did you mean node.headroom?\n");
	check_str(faults("bogus < 4G"),
		  "f:7:6: unknown metric bogus; \"oomwarden metrics\" lists them\n");
	check_str(faults("node.headrom < 4G and node.confind > 0 and node.fre < 10s"),
		  "f:7:6: unknown metric node.headrom; did you mean node.headroom?\n"
		  "f:7:28: unknown metric node.confind; did you mean node.confined?\n"
		  "f:7:49: unknown metric node.fre; did you mean node.free?\n");
	check_str(faults("node.tempo -to-empty < 4s"),
		  "f:7:6: unknown metric node.tempo; \"oomwarden metrics\" lists them\n"
		  "f:7:17: \"-\" needs a blank on both sides; there are no negative numbers\n");
}

TEST(scopes)
{
	expr_free(parse("node.free < 1G", SCOPE_HOST));
	check_str(printed,
		  "f:7:6: node.free is a metric of a node; a rule with On=host has host metrics "
		  "only\n");
	expr_free(parse("node.free < 1G", SCOPE_SERVICE));
	check_str(printed,
		  "f:7:6: node.free is a metric of a node; a rule with On=service has service and "
		  "host metrics only\n");
	expr_free(parse("service.current > 1G and mem.available < 10%", SCOPE_SERVICE));
	check_str(printed, "");
	check_contains(faults("service.current > 1G"), "node and host metrics only");
	check_str(faults("mem.available < 10%"), "");
}

TEST(syntax)
{
	check_str(faults(""), "f:7:6: condition is empty\n");
	check_str(faults("node.free"),
		  "f:7:6: node.free is no condition: it is not compared with anything\n");
	check_str(faults("node.free <"),
		  "f:7:17: a metric, a value or \"(\" is missing at the end\n");
	check_str(faults("node.free < 1G node.clean"),
		  "f:7:21: expected an operator, and, or, or the end, not \"node.clean\"\n");
	check_str(faults("(node.free < 1G"), "f:7:21: \")\" is missing at the end\n");
	check_str(faults("node.free < 1G)"),
		  "f:7:20: expected an operator, and, or, or the end, not \")\"\n");
	check_str(faults("1G < node.free < 2G"),
		  "f:7:21: comparisons do not chain; write \"a < b and b < c\"\n");
	check_str(faults("node.free = 1G"), "f:7:16: \"=\" is written \"==\" here\n");
	check_str(faults("node.free < 1G && node.clean < 1G"),
		  "f:7:21: \"&&\" is written \"and\" here\n");
	check_str(faults("! node.free < 1G"), "f:7:6: \"!\" is written \"not\" here\n");
	check_str(faults("node.free < -1G"),
		  "f:7:18: \"-\" needs a blank on both sides; there are no negative numbers\n");
	check_str(faults("node.free < 4G/2"), "f:7:20: \"/\" needs a blank on both sides\n");
	check_str(faults("node.free < 1G+2G"), "f:7:20: \"+\" needs a blank on both sides\n");
	check_str(faults("min(node.free) < 1G"),
		  "f:7:19: expected \",\" and a second value, not \")\"\n");
	check_str(faults("min node.free < 1G"),
		  "f:7:10: expected \"(\" behind min, not \"node.free\"\n");
	check_str(faults("node.free and node.clean < 1G"),
		  "f:7:6: node.free is no condition: it is not compared with anything\n");
	check_str(faults("(node.free < 1G) < 2G"),
		  "f:7:6: (node.free < 1G) is a condition, not a value\n");
	check_str(faults("node.free < 1G; drop"), "f:7:20: \";\" has no meaning here\n");
	check_str(faults("and node.free < 1G"),
		  "f:7:6: expected a metric, a value or \"(\", not \"and\"\n");
}

TEST(values)
{
	check_contains(faults("node.free < 512MB"), "512MB is no value; sizes are written 512K");
	check_contains(faults("node.free < 512x"), "512x is no value: units are");
	check_contains(faults("node.confined > 1.5"), "1.5 is no value; only a value with a unit");
	check_contains(faults("node.free < 99999999999T"), "99999999999T is too large");
	check_contains(faults("node.free < 9E"), "9E is too large");
	check_contains(faults("node.confined > 99999999999999999999"), "is too large");
	check_contains(faults("node.free < 5%/s"), "5%/s is no value");
	check_contains(faults("node.free < 1.2.3G"), "1.2.3G is no value");
	check_str(faults("node.free < 1.5G"), "");
	check_str(faults("host.allocstall-rate > 100/s"), "");
	check_str(faults("node.time-to-empty < 1min30s"), "");
}

TEST(bounds)
{
	static char text[8192];
	size_t at = 0;

	for (int i = 0; i < 33; i++)
		text[at++] = '(';
	strcpy(text + at, "node.free < 1G");
	check_contains(faults(text), "f:7:39: nested more than 32 deep");
	at = 0;
	for (int i = 0; i < 40; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%snode.free < 1G",
				       i > 0 ? " or " : "");
	check_contains(faults(text), "more than 128 terms");
	memset(text, ' ', 5000);
	text[5000] = '\0';
	check_contains(faults(text), "longer than 4096");
}

static const char *evidence_of(const char *text)
{
	_cleanup_(expr_freep) struct expr *e = parse(text, SCOPE_NODE);
	static char told[512];
	struct evidence evidence[3];
	size_t count, at = 0;

	if (!e)
		return printed;
	count = expr_evidence(e, &source, evidence, 3);
	told[0] = '\0';
	for (size_t i = 0; i < count; i++)
		at += (size_t)snprintf(told + at, sizeof(told) - at, "%s%s %" PRId64 "%s%" PRId64,
				       i > 0 ? ", " : "",
				       evidence[i].words[0] ? evidence[i].words
							    : metric_get(evidence[i].metric)->name,
				       evidence[i].value.value, evidence[i].comparison,
				       evidence[i].threshold.value);
	return told;
}

TEST(evidence_is_what_decides)
{
	set_up();
	check_str(evidence_of("node.confined > 0"), "node.confined 2>0");
	check_str(evidence_of("5 >= node.confined"), "node.confined 2<=5");
	check_str(evidence_of("not node.confined > 5"), "node.confined 2<=5");
	check_str(evidence_of("node.confined > 0 and node.time-to-empty < 20s"),
		  "node.confined 2>0, node.time-to-empty 10000000<20000000");
	check_str(evidence_of("node.confined > 5 or node.time-to-empty < 20s"),
		  "node.time-to-empty 10000000<20000000");
	check_str(evidence_of("node.confined > 5 and node.time-to-empty < 20s"),
		  "node.confined 2<=5");
	check_str(
		evidence_of("(node.confined > 5 or node.confined < 3) and not node.confined == 7"),
		"node.confined 2<3, node.confined 2!=7");
	check_str(evidence_of("1G + node.headroom * 2 > 2G"),
		  "1G + node.headroom * 2 3221225472>2147483648");
	check_str(evidence_of(T " and " T " and " T " and " T),
		  "node.confined 2==2, node.confined 2==2, node.confined 2==2");
}

static const char *goal_of(const char *text)
{
	_cleanup_(expr_freep) struct expr *e = parse(text, SCOPE_NODE);
	static char told[128];
	enum metric_id metric;
	int64_t deficit;
	bool known;

	if (!e)
		return printed;
	if (!expr_has_goal(e))
		return expr_goal(e, &source, &metric, &deficit, &known) ? "disagree" : "none";
	if (!expr_goal(e, &source, &metric, &deficit, &known))
		return "disagree";
	snprintf(told, sizeof(told), "%s %" PRId64 "%s", metric_get(metric)->name, deficit,
		 known ? "" : " unknown");
	return told;
}

TEST(goals)
{
	set_up();
	check_str(goal_of("node.headroom > 2G"), "node.headroom 1073741825");
	check_str(goal_of("node.headroom >= 2G"), "node.headroom 1073741824");
	check_str(goal_of("2G <= node.headroom"), "node.headroom 1073741824");
	check_str(goal_of("node.headroom >= 1G"), "node.headroom 0");
	check_str(goal_of("node.headroom > 1G"), "node.headroom 1");
	check_str(goal_of("node.headroom > 512M"), "node.headroom -536870911");
	check_str(goal_of("node.time-to-empty > 60s and node.headroom >= min(10%, 10G)"),
		  "node.headroom 3221225472");
	check_str(goal_of("node.free >= 2G and node.headroom >= 2G"), "node.free 0 unknown");
	check_str(goal_of("mem.available > 2G and node.headroom >= 2G"),
		  "node.headroom 1073741824");
	check_str(goal_of("node.headroom > 2G or node.confined == 0"), "none");
	check_str(goal_of("not node.headroom > 2G"), "none");
	check_str(goal_of("node.headroom < 2G"), "none");
	check_str(goal_of("node.time-to-empty > 60s"), "none");
	check_str(goal_of("mem.available > 2G"), "none");
	readings[METRIC_NODE_HEADROOM] = READING_FOREVER;
	check_str(goal_of("node.headroom > 2G"), "node.headroom 0");
}

TEST(keeps_the_text)
{
	_cleanup_(expr_freep) struct expr *e = parse("node.free  < 1G", SCOPE_NODE);

	check_str(expr_text(e), "node.free  < 1G");
}
