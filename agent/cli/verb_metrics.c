/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/catalogue.h"
#include "core/metric.h"
#include "util/macro.h"

static void add_metric(struct table *table, size_t row)
{
	const struct metric *m = metric_get((enum metric_id)row);

	table_cell(table, m->name);
	table_cell(table, scope_name(m->scope));
	table_cell(table, dimension_name(m->dimension));
	table_cell(table, m->whole == METRIC_NONE ? "-" : metric_get(m->whole)->name);
	table_cell(table, m->source);
	table_cell(table, m->meaning);
}

int verb_metrics(const struct verb *verb, int argc, char **argv)
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

	return catalogue_run(&metrics, verb, argc, argv);
}
