/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Prints a table kept in code. */

#include "cli/cli.h"
#include "cli/table.h"

struct catalogue {
	const char *name; /* of the array in JSON */
	const struct table_column *columns;
	size_t column_count;
	size_t row_count;
	/* Adds the cells of one row. */
	void (*row)(struct table *table, size_t row);
};

/* An exit status. */
int catalogue_print(const struct catalogue *catalogue, bool json);
/* A verb that does nothing else: [--json], no operands. */
int catalogue_run(const struct catalogue *catalogue, const struct verb *verb, int argc,
		  char **argv);
