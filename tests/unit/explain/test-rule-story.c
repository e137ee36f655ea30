/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/rule_story.h"
#include "util/macro.h"

#define MIB (INT64_C(1) << 20)

static struct node node;
static struct snapshot snapshot = { .nodes = &node, .node_count = 1 };

static void set(enum metric_id id, struct reading value)
{
	node.readings[metric_index(id)] = value;
}

/* A node of 1000 MiB. */
static void set_up(int64_t headroom_mib)
{
	node = (struct node){ .id = 0 };
	for (size_t i = 0; i < METRIC_NODE_COUNT; i++)
		node.readings[i] = READING_NONE;
	set(METRIC_NODE_TOTAL, reading_of(1000 * MIB));
	set(METRIC_NODE_HEADROOM, reading_of(headroom_mib * MIB));
	set(METRIC_NODE_CONFINED, reading_of(1));
}

static struct expr *parse(const char *text)
{
	struct diag_list diags = { 0 };
	struct expr *e = NULL;

	check_int(expr_parse(text, SCOPE_NODE, "f", 1, 1, &diags, &e), 0);
	diag_done(&diags);
	return e;
}

static const char *words(const struct comparison *c)
{
	static char text[256];
	struct strbuf b = STRBUF(text);

	comparison_text(c, &b);
	return text;
}

TEST(each_line_with_its_distance)
{
	_cleanup_(expr_freep) struct expr *low =
		parse("node.headroom < 4% or (node.headroom < 15% and node.time-to-empty < 20s)");
	_cleanup_(expr_freep) struct expr *confined = parse("node.confined > 1");
	_cleanup_(expr_freep) struct expr *until = parse("node.headroom > 10%");
	struct rule rule = {
		.when = { low, confined }, .when_count = 2, .until = until, .on = SCOPE_NODE
	};
	struct rule_story story;

	set_up(47);
	rule_story_tell(&rule, &snapshot, (struct subject){ SCOPE_NODE, 0 }, &story);
	check_int(story.when, TRUTH_FALSE);
	check_int(story.line_count, 2);
	check_int(story.lines[0].truth, TRUTH_UNKNOWN);
	check_int(story.lines[0].count, 3);
	check_str(words(&story.lines[0].comparisons[0]),
		  "node.headroom < 4%: 47 MiB, 7 MiB above 40 MiB");
	check_str(words(&story.lines[0].comparisons[1]),
		  "node.headroom < 15%: 47 MiB, 103 MiB below 150 MiB");
	check_str(words(&story.lines[0].comparisons[2]),
		  "node.time-to-empty < 20s: node.time-to-empty is unknown");
	check_int(story.lines[1].truth, TRUTH_FALSE);
	check_str(words(&story.lines[1].comparisons[0]), "node.confined > 1: 1, exactly 1");
	check(story.has_until);
	check_int(story.until.truth, TRUTH_FALSE);
	check_str(words(&story.until.comparisons[0]),
		  "node.headroom > 10%: 47 MiB, 53 MiB below 100 MiB");

	set_up(39);
	set(METRIC_NODE_CONFINED, reading_of(2));
	rule_story_tell(&rule, &snapshot, (struct subject){ SCOPE_NODE, 0 }, &story);
	check_int(story.when, TRUTH_TRUE);
}

TEST(what_never_ends_has_no_distance)
{
	_cleanup_(expr_freep) struct expr *e = parse("node.time-to-empty < 20s");
	struct rule rule = { .when = { e }, .when_count = 1, .on = SCOPE_NODE };
	struct rule_story story;

	set_up(500);
	set(METRIC_NODE_TIME_TO_EMPTY, READING_FOREVER);
	rule_story_tell(&rule, &snapshot, (struct subject){ SCOPE_NODE, 0 }, &story);
	check_int(story.when, TRUTH_FALSE);
	check_str(words(&story.lines[0].comparisons[0]),
		  "node.time-to-empty < 20s: infinity against 20s");
	check(!story.has_until);
}

TEST(a_subject_that_is_gone_is_unknown)
{
	_cleanup_(expr_freep) struct expr *e = parse("node.headroom < 1G");
	struct rule rule = { .when = { e }, .when_count = 1, .on = SCOPE_NODE };
	struct rule_story story;

	set_up(500);
	rule_story_tell(&rule, &snapshot, (struct subject){ SCOPE_NODE, 3 }, &story);
	check_int(story.when, TRUTH_UNKNOWN);
}
