/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How far a rule is from firing on one subject: each When= line, and in it each comparison with its
 * value, its threshold and what lies between. Readings are as measured: what a dry run would have
 * gained by now is left out.
 */

#include "core/snapshot.h"
#include "rule/config.h"
#include "rule/expr_each.h"
#include "util/strbuf.h"

#define RULE_COMPARISONS_MAX 32

struct rule_line_story {
	const struct expr *expr;
	enum truth truth;
	struct comparison comparisons[RULE_COMPARISONS_MAX];
	size_t count;
	size_t left_out; /* comparisons beyond the room above */
};

struct rule_story {
	const struct rule *rule;
	struct subject subject;
	enum truth when; /* all lines together */
	struct rule_line_story lines[RULE_WHEN_MAX];
	size_t line_count;
	bool has_until;
	struct rule_line_story until;
};

void rule_story_tell(const struct rule *rule, const struct snapshot *snapshot,
		     struct subject subject, struct rule_story *ret);

/* "true", "false", "unknown" */
const char *truth_name(enum truth truth);

/* "node.headroom < 4%: 46.8 MiB, 6.5 MiB above 40.3 MiB", "node.confined > 0: 1, holds", "...:
 * node.time-to-empty is unknown". */
void comparison_text(const struct comparison *c, struct strbuf *out);
