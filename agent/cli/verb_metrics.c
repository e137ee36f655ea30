/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The catalogue of metrics, and which of them this machine shows. For people it is no table: six
 * columns of text fit no terminal. With --catalogue it is one, and no machine is looked at.
 */

#include "cli/catalogue.h"
#include "cli/json_value.h"
#include "cli/paragraph.h"
#include "cli/sampling.h"
#include "core/metric.h"
#include "explain/known_story.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <stdio.h>

#define NAME_WIDTH 28

struct metrics_report {
	const struct snapshot *snapshot;
	struct sense_gap gaps[SENSE_GAPS_MAX];
	const char *lines[SENSE_GAPS_MAX];
	size_t gap_count;
};

static const char *whole_name(const struct metric *m)
{
	return m->whole == METRIC_NONE ? NULL : metric_get(m->whole)->name;
}

static void add_metric(struct table *table, size_t row)
{
	const struct metric *m = metric_get((enum metric_id)row);
	const char *whole = whole_name(m);

	table_cell(table, m->name);
	table_cell(table, scope_name(m->scope));
	table_cell(table, dimension_name(m->dimension));
	table_cell(table, whole ? whole : "-");
	table_cell(table, m->source);
	table_cell(table, m->meaning);
}

static int print_catalogue(bool json)
{
	static const struct table_column columns[] = {
		{ .name = "METRIC" },	  { .name = "SCOPE" },	{ .name = "TYPE" },
		{ .name = "PERCENT OF" }, { .name = "SOURCE" }, { .name = "MEANING", .wrap = true },
	};
	static const struct catalogue metrics = {
		.name = "metrics",
		.columns = columns,
		.column_count = ARRAY_SIZE(columns),
		.row_count = METRIC_COUNT_,
		.row = add_metric,
	};

	return catalogue_print(&metrics, json);
}

static void begin_report(const struct warden *warden, struct metrics_report *report)
{
	report->snapshot = warden_snapshot(warden);
	report->gap_count = warden_gaps(warden, report->gaps);
	for (size_t i = 0; i < report->gap_count; i++)
		report->lines[i] = report->gaps[i].text;
}

static void tell(const struct metrics_report *report, enum metric_id id, struct known_story *ret)
{
	known_story_tell(report->snapshot, report->lines, report->gap_count, id, ret);
}

static void print_metric(const struct metrics_report *report, enum metric_id id)
{
	const struct metric *m = metric_get(id);
	const char *whole = whole_name(m);
	struct known_story story;
	char text[512];
	struct strbuf b = STRBUF(text);

	tell(report, id, &story);
	strbuf_addf(&b, "%s%s", dimension_name(m->dimension), whole ? ", % of " : "");
	strbuf_add(&b, whole ? whole : "");
	printf("\n%-*s %s\n", NAME_WIDTH, m->name, text);
	paragraph_print(4, m->meaning);
	strbuf_reset(&b);
	strbuf_addf(&b, "from: %s", m->source);
	paragraph_print(4, text);
	strbuf_reset(&b);
	strbuf_add(&b, story.known > 0 ? "here: " : "here: no, ");
	known_story_text(&story, id, &b);
	/* Of some only: why not of the others. */
	if (story.known > 0 && story.reason)
		strbuf_addf(&b, "; of the others: %s", story.reason);
	paragraph_print(4, text);
}

static void print_text(const struct metrics_report *report, const char *root)
{
	static const char *const headings[SCOPE_COUNT_] = {
		[SCOPE_HOST] = "OF THE HOST",
		[SCOPE_NODE] = "OF A NODE",
		[SCOPE_SERVICE] = "OF A SERVICE",
		[SCOPE_CANARY] = "OF A CANARY",
	};
	size_t known = 0, count = 0;

	sampling_title("metrics of", root, report->snapshot);
	for (int i = 0; i < METRIC_COUNT_; i++) {
		const struct metric *m = metric_get((enum metric_id)i);
		struct known_story story;

		if (i == 0 || m->scope != metric_get((enum metric_id)(i - 1))->scope)
			cli_heading(headings[m->scope]);
		print_metric(report, (enum metric_id)i);
		tell(report, (enum metric_id)i, &story);
		/* Where nobody asked for one there is nothing to know. */
		if (m->scope == SCOPE_CANARY && story.subjects == 0)
			continue;
		known += story.known > 0;
		count++;
	}
	printf("\n%zu of %zu are known here.\n", known, count);
}

static struct json_object *metric_object(const struct metrics_report *report, enum metric_id id)
{
	struct json_object *o = json_object_new_object();
	const struct metric *m = metric_get(id);
	struct known_story story;

	tell(report, id, &story);
	json_text(o, "metric", m->name);
	json_text(o, "scope", scope_name(m->scope));
	json_text(o, "type", dimension_name(m->dimension));
	if (whole_name(m))
		json_text(o, "percent_of", whole_name(m));
	else
		json_add(o, "percent_of", NULL);
	json_text(o, "source", m->source);
	json_text(o, "meaning", m->meaning);
	json_number(o, "subjects", (int64_t)story.subjects);
	json_number(o, "known_of", (int64_t)story.known);
	if (story.reason)
		json_name(o, "reason", story.reason);
	else
		json_add(o, "reason", NULL);
	return o;
}

static int print_json(const struct metrics_report *report)
{
	struct json_object *root = json_object_new_object(), *list = json_object_new_array();

	json_start();
	json_text(root, "version", OOMWARDEN_VERSION);
	for (int i = 0; i < METRIC_COUNT_; i++)
		json_push(list, metric_object(report, (enum metric_id)i));
	json_add(root, "metrics", list);
	json_add(root, "cannot_see", json_gaps(report->gaps, report->gap_count));
	return json_finish(root);
}

int verb_metrics(const struct verb *verb, int argc, char **argv)
{
	static struct metrics_report report;
	_cleanup_(warden_freep) struct warden *warden = NULL;
	struct cli_options options;
	int status;

	if (cli_parse(verb, CLI_ROOT | CLI_CONFIG | CLI_CATALOGUE | CLI_JSON, argc, argv, &options,
		      &status) < 0)
		return status;
	if (options.catalogue && options.root)
		return cli_usage(verb, "with --catalogue no machine is looked at");
	if (options.catalogue)
		return print_catalogue(options.json);
	status = sampling_run(verb, &options, NULL, NULL, &warden);
	if (status != EXIT_DONE)
		return status;
	begin_report(warden, &report);
	if (options.json)
		return print_json(&report);
	print_text(&report, options.root);
	return EXIT_DONE;
}
