/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/catalogue.h"

#include "util/macro.h"

int catalogue_print(const struct catalogue *catalogue, bool json)
{
	_cleanup_(table_freep) struct table *table =
		table_new(catalogue->name, catalogue->columns, catalogue->column_count, json);

	if (!table)
		return EXIT_FAILED;
	for (size_t i = 0; i < catalogue->row_count; i++) {
		table_row(table);
		catalogue->row(table, i);
	}
	return table_print(table) < 0 ? EXIT_FAILED : EXIT_DONE;
}

int catalogue_run(const struct catalogue *catalogue, const struct verb *verb, int argc, char **argv)
{
	struct cli_options options;
	int status;

	if (cli_parse(verb, CLI_JSON, argc, argv, &options, &status) < 0)
		return status;
	return catalogue_print(catalogue, options.json);
}
