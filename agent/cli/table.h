/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Tables of text over libsmartcols: aligned for people, or JSON. A cell is copied. A fault while
 * filling (no memory) is kept and answered by table_print().
 */

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS_MAX 16

struct table;

struct table_column {
	const char *name;
	bool right;   /* numbers */
	bool wrap;    /* may be broken over lines to fit the terminal */
	bool numeric; /* unquoted in JSON */
	/* Left out on a terminal that is narrower than this; its cells are given all the same. */
	size_t from_width;
};

/* name: of the array in JSON. NULL when there is no memory. */
struct table *table_new(const char *name, const struct table_column *columns, size_t count,
			bool json);
void table_free(struct table *t);
static inline void table_freep(struct table **t)
{
	table_free(*t);
}

void table_row(struct table *t);
/* The next cell of the row begun last. */
void table_cell(struct table *t, const char *text);
/* 0 or -errno. */
int table_print(struct table *t);
