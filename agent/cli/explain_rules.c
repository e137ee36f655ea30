/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/explain_report.h"

#include "cli/cli.h"
#include "cli/paragraph.h"
#include "cli/rule_text.h"
#include "explain/rule_story.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <stdio.h>

#define LINE_BYTES 1024

bool explain_rule_status(const struct explain_report *report, struct subject subject, size_t rule,
			 struct rule_status *ret)
{
	for (size_t i = 0; i < engine_instance_count(report->engine); i++) {
		engine_instance_status(report->engine, i, ret);
		if (ret->rule == rule && ret->subject.scope == subject.scope &&
		    ret->subject.key == subject.key)
			return true;
	}
	return false;
}

static void print_line(const char *key, const struct rule_line_story *line)
{
	char text[LINE_BYTES], lead[32];
	struct strbuf b = STRBUF(text);

	strbuf_addf(&b, "%s is %s: ", key, truth_name(line->truth));
	/* The words of a single comparison are the whole line. */
	if (line->count == 1 && line->left_out == 0) {
		comparison_text(&line->comparisons[0], &b);
		paragraph_print(4, text);
		return;
	}
	strbuf_add(&b, expr_text(line->expr));
	paragraph_print(4, text);
	for (size_t i = 0; i < line->count; i++) {
		strbuf_reset(&b);
		comparison_text(&line->comparisons[i], &b);
		snprintf(lead, sizeof(lead), "      %-8s", truth_name(line->comparisons[i].truth));
		paragraph_print_behind(lead, text);
	}
	if (line->left_out)
		printf("      and %zu more comparisons\n", line->left_out);
}

static void print_rule(const struct explain_report *report, const struct rule_status *status)
{
	static struct rule_story story; /* large, and one at a time */
	const struct rule *rule = &report->config->rules[status->rule];
	char text[256];
	struct strbuf b = STRBUF(text);

	rule_story_tell(rule, report->snapshot, status->subject, &story);
	rule_state_text(rule, status, report->snapshot->now_usec, story.when, &b);
	printf("  %s: %s\n", rule->name, text);
	for (size_t i = 0; i < story.line_count; i++)
		print_line("When", &story.lines[i]);
	if (story.has_until && status->state != RULE_IDLE)
		print_line("Until", &story.until);
}

void explain_print_rules(const struct explain_report *report, struct subject subject)
{
	struct rule_status status;
	size_t count = 0;

	cli_heading("RULES");
	for (size_t i = 0; i < report->config->rule_count; i++)
		if (explain_rule_status(report, subject, i, &status)) {
			print_rule(report, &status);
			count++;
		}
	if (count == 0)
		printf("  none of %zu rules is about it\n", report->config->rule_count);
}
