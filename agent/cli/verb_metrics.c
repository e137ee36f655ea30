/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cli.h"

#include "cli/table.h"
#include "core/metric.h"
#include "util/macro.h"

int verb_metrics(const struct verb *verb, int argc, char **argv)
{
	static const struct table_column columns[] = {
		{ .name = "METRIC" },	  { .name = "SCOPE" },	{ .name = "TYPE" },
		{ .name = "PERCENT OF" }, { .name = "SOURCE" }, { .name = "MEANING", .wrap = true },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	struct cli_options options;
	int status;

	if (cli_parse(verb, CLI_JSON, argc, argv, &options, &status) < 0)
		return status;
	if (options.first < argc)
		return cli_usage(verb, "it takes no operands");
	table = table_new("metrics", columns, ARRAY_SIZE(columns), options.json);
	if (!table)
		return EXIT_FAILED;
	for (int i = 0; i < METRIC_COUNT_; i++) {
		const struct metric *m = metric_get((enum metric_id)i);

		table_row(table);
		table_cell(table, m->name);
		table_cell(table, scope_name(m->scope));
		table_cell(table, dimension_name(m->dimension));
		table_cell(table, m->whole == METRIC_NONE ? "-" : metric_get(m->whole)->name);
		table_cell(table, m->source);
		table_cell(table, m->meaning);
	}
	return table_print(table) < 0 ? EXIT_FAILED : EXIT_DONE;
}
