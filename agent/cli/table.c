/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/table.h"

#include "cli/paragraph.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <libsmartcols.h>

#define CELL_BYTES 2048

struct table {
	struct libscols_table *scols;
	struct libscols_line *line;
	struct libscols_column *columns[TABLE_COLUMNS_MAX]; /* NULL: left out */
	size_t count;
	size_t column;
	int error;
};

static void keep_error(struct table *t, int r)
{
	if (r < 0 && t->error == 0)
		t->error = r;
}

static int add_column(struct table *t, const struct table_column *column, size_t width)
{
	int flags = (column->right ? SCOLS_FL_RIGHT : 0) | (column->wrap ? SCOLS_FL_WRAP : 0);
	struct libscols_column *c;

	if (t->count == TABLE_COLUMNS_MAX)
		return -ENOSPC;
	if (width > 0 && width < column->from_width) {
		t->columns[t->count++] = NULL;
		return 0;
	}
	c = scols_table_new_column(t->scols, column->name, 0, flags);
	if (!c)
		return -ENOMEM;
	t->columns[t->count++] = c;
	return column->numeric ? scols_column_set_json_type(c, SCOLS_JSON_NUMBER) : 0;
}

struct table *table_new(const char *name, const struct table_column *columns, size_t count,
			bool json)
{
	_cleanup_(table_freep) struct table *t = calloc(1, sizeof(*t));
	size_t width = json ? 0 : paragraph_columns();

	if (!t)
		return NULL;
	scols_init_debug(0);
	t->scols = scols_new_table();
	if (!t->scols)
		return NULL;
	scols_table_enable_json(t->scols, json);
	/* What a terminal takes amiss is escaped here: the library would escape the backslash of a
	 * name like machine-qemu\x2d1.scope as well, and nobody knows the unit by that. */
	scols_table_enable_noencoding(t->scols, 1);
	if (scols_table_set_name(t->scols, name) < 0)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (add_column(t, &columns[i], width) < 0)
			return NULL;
	return TAKE_PTR(t);
}

void table_free(struct table *t)
{
	if (!t)
		return;
	scols_unref_table(t->scols);
	free(t);
}

void table_row(struct table *t)
{
	t->line = scols_table_new_line(t->scols, NULL);
	t->column = 0;
	if (!t->line)
		keep_error(t, -ENOMEM);
}

void table_cell(struct table *t, const char *text)
{
	struct libscols_column *column = t->column < t->count ? t->columns[t->column] : NULL;
	char safe[CELL_BYTES];
	struct strbuf b = STRBUF(safe);

	strbuf_add_name(&b, text);
	if (t->line && column)
		keep_error(t, scols_line_set_column_data(t->line, column, safe));
	t->column++;
}

int table_print(struct table *t)
{
	return t->error ? t->error : scols_print_table(t->scols);
}
