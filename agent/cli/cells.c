/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/cells.h"

#include "cli/cli.h"
#include "util/strbuf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void cell_format(struct table *t, const char *format, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	table_cell(t, text);
}

void cell_name(struct table *t, const char *name)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	strbuf_add_name(&b, name);
	table_cell(t, text);
}

void cell_bytes(struct table *t, uint64_t bytes)
{
	char text[64];
	struct strbuf b = STRBUF(text);

	strbuf_add_bytes(&b, (int64_t)MIN_OF(bytes, (uint64_t)INT64_MAX));
	table_cell(t, text);
}

void cell_reading(struct table *t, const struct reading *readings, enum metric_id id)
{
	char text[64];
	struct strbuf b = STRBUF(text);

	reading_format(readings[metric_index(id)], metric_get(id)->dimension, &b);
	table_cell(t, text);
}

int cells_print_nodes(const struct snapshot *s, const struct table_column *columns,
		      const enum metric_id *metrics, size_t metric_count)
{
	_cleanup_(table_freep) struct table *t =
		table_new("nodes", columns, metric_count + 1, false);

	if (!t)
		return -1;
	cli_heading("NODES");
	for (size_t i = 0; i < s->node_count; i++) {
		table_row(t);
		cell_format(t, "%u", s->nodes[i].id);
		for (size_t c = 0; c < metric_count; c++)
			cell_reading(t, s->nodes[i].readings, metrics[c]);
	}
	return table_print(t);
}

void cell_shares(struct table *t, const struct snapshot *s, const struct service *service)
{
	char text[128];
	struct strbuf b = STRBUF(text);

	if (!service->shares)
		strbuf_add(&b, "unknown");
	for (size_t i = 0; service->shares && i < s->node_count; i++) {
		if (service->shares[i].bytes == 0)
			continue;
		strbuf_addf(&b, "%s%u: ", b.length ? ", " : "", s->nodes[i].id);
		strbuf_add_bytes(&b, (int64_t)service->shares[i].bytes);
	}
	table_cell(t, text);
}

void cell_allowed(struct table *t, const struct service *service)
{
	char text[128];
	struct strbuf b = STRBUF(text);

	if (service->allowed_known)
		idset_format(service->allowed, &b);
	else
		strbuf_add(&b, "unknown");
	table_cell(t, text);
}

void cell_policy(struct table *t, const struct policy *policy)
{
	cell_format(t, "%s/%s", policy->set, policy->name);
}

static int by_size(const void *a, const void *b)
{
	const struct service *x = *(const struct service *const *)a;
	const struct service *y = *(const struct service *const *)b;
	int64_t p = x->readings[metric_index(METRIC_SERVICE_CURRENT)].value;
	int64_t q = y->readings[metric_index(METRIC_SERVICE_CURRENT)].value;

	if (p != q)
		return p < q ? 1 : -1;
	return strcmp(x->path, y->path);
}

const struct service **cells_order_services(const struct snapshot *s)
{
	const struct service **order = calloc(s->service_count + 1, sizeof(*order));

	if (!order)
		return NULL;
	for (size_t i = 0; i < s->service_count; i++)
		order[i] = &s->services[i];
	qsort(order, s->service_count, sizeof(*order), by_size);
	return order;
}
