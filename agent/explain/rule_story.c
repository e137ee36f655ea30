/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/rule_story.h"

#include "util/macro.h"

#include <string.h>

struct viewer {
	const struct snapshot *snapshot;
	struct subject subject;
};

static struct reading read_metric(void *context, enum metric_id id)
{
	const struct viewer *viewer = context;

	return snapshot_reading(viewer->snapshot, viewer->subject, id);
}

static void tell_line(const struct expr *e, const struct expr_source *source,
		      struct rule_line_story *line)
{
	size_t count = expr_comparisons(e, source, line->comparisons, RULE_COMPARISONS_MAX);

	line->expr = e;
	line->truth = expr_eval(e, source);
	line->count = MIN_OF(count, (size_t)RULE_COMPARISONS_MAX);
	line->left_out = count - line->count;
}

void rule_story_tell(const struct rule *rule, const struct snapshot *snapshot,
		     struct subject subject, struct rule_story *ret)
{
	struct viewer viewer = { snapshot, subject };
	const struct expr_source source = { .read = read_metric, .context = &viewer };

	*ret = (struct rule_story){
		.rule = rule,
		.subject = subject,
		.when = TRUTH_TRUE,
		.line_count = rule->when_count,
		.has_until = rule->until,
	};
	for (size_t i = 0; i < rule->when_count; i++) {
		tell_line(rule->when[i], &source, &ret->lines[i]);
		ret->when = MIN_OF(ret->when, ret->lines[i].truth);
	}
	if (rule->until)
		tell_line(rule->until, &source, &ret->until);
}

const char *truth_name(enum truth truth)
{
	static const char *const names[] = {
		[TRUTH_FALSE] = "false",
		[TRUTH_UNKNOWN] = "unknown",
		[TRUTH_TRUE] = "true",
	};

	return names[truth];
}

static void add_distance(const struct comparison *c, struct strbuf *out)
{
	struct reading value = c->now.value, threshold = c->now.threshold;
	int64_t distance;

	if (value.state != READING_KNOWN || threshold.state != READING_KNOWN ||
	    __builtin_sub_overflow(value.value, threshold.value, &distance) ||
	    distance == INT64_MIN) {
		strbuf_addf(out, " against ");
	} else if (distance == 0) {
		strbuf_add(out, ", exactly ");
	} else {
		strbuf_add(out, ", ");
		reading_format(reading_of(distance < 0 ? -distance : distance), c->dimension, out);
		strbuf_add(out, distance < 0 ? " below " : " above ");
	}
	reading_format(threshold, c->dimension, out);
}

void comparison_text(const struct comparison *c, struct strbuf *out)
{
	bool unknown = c->truth == TRUTH_UNKNOWN;

	strbuf_addf(out, "%.*s: ", (int)c->length, c->text);
	if (unknown && c->now.value.state == READING_UNKNOWN) {
		strbuf_addf(out, "%s is unknown", metric_get(c->now.metric)->name);
		return;
	}
	reading_format(c->now.value, c->dimension, out);
	if (unknown)
		strbuf_add(out, " against what is unknown");
	else
		add_distance(c, out);
}
