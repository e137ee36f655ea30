/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/explain_report.h"

#include "cli/advice.h"
#include "cli/canaries.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/paragraph.h"
#include "explain/place_story.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TENANTS_SHOWN 12

static void add_reading(const struct node *node, enum metric_id id, struct strbuf *out)
{
	reading_format(node->readings[metric_index(id)], metric_get(id)->dimension, out);
}

static bool is_known(const struct node *node, enum metric_id id)
{
	return node->readings[metric_index(id)].state == READING_KNOWN;
}

static void print_headroom(const struct node *node)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	add_reading(node, METRIC_NODE_HEADROOM, &b);
	strbuf_add(&b, " of headroom in ");
	add_reading(node, METRIC_NODE_TOTAL, &b);
	if (is_known(node, METRIC_NODE_TIME_TO_EMPTY)) {
		strbuf_add(&b, ", empty in ");
		add_reading(node, METRIC_NODE_TIME_TO_EMPTY, &b);
	}
	strbuf_add(&b, "; ");
	add_reading(node, METRIC_NODE_FREE, &b);
	strbuf_add(&b, " free, ");
	add_reading(node, METRIC_NODE_CLEAN, &b);
	strbuf_add(&b, " of clean file pages");
	paragraph_print(2, text);
}

/* What the rest of it is. */
static void print_parts(const struct node *node)
{
	static const struct {
		enum metric_id id;
		const char *what;
	} parts[] = {
		{ METRIC_NODE_ANON, "anonymous" },
		{ METRIC_NODE_SHMEM, "tmpfs or shared" },
		{ METRIC_NODE_DIRTY, "to be written" },
		{ METRIC_NODE_SLAB_RECLAIMABLE, "slab that can be given back" },
		{ METRIC_NODE_SLAB_UNRECLAIMABLE, "slab that cannot" },
		{ METRIC_NODE_HUGETLB_FREE, "idle in huge page pools" },
	};
	char text[256];
	struct strbuf b = STRBUF(text);

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!is_known(node, parts[i].id) ||
		    node->readings[metric_index(parts[i].id)].value <= 0)
			continue;
		strbuf_add(&b, b.length ? ", " : "taken: ");
		add_reading(node, parts[i].id, &b);
		strbuf_addf(&b, " %s", parts[i].what);
	}
	if (b.length)
		paragraph_print(2, text);
	if (!node->has_cpu)
		puts("  it has no CPUs: memory is here because somebody asked for this node, or "
		     "found no other");
}

/* What a canary holds is there to be given up: node.confined counts it neither. */
static bool is_canary(const struct explain_report *report, const struct service *service)
{
	return service->policy >= 0 &&
	       report->config->policies.policies[service->policy].canary != 0;
}

bool explain_is_confined(const struct explain_report *report, const struct service *service,
			 unsigned node)
{
	return place_is_confined(report->snapshot, service) && idset_has(service->allowed, node) &&
	       !is_canary(report, service);
}

static void print_confined(const struct explain_report *report, unsigned node)
{
	const struct snapshot *s = report->snapshot;
	char text[512];
	struct strbuf b = STRBUF(text);
	size_t count = 0;

	for (size_t i = 0; i < s->service_count; i++) {
		const struct service *service = &s->services[i];

		if (!explain_is_confined(report, service, node))
			continue;
		strbuf_reset(&b);
		place_confined_text(s, service, node, &b);
		paragraph_print(2, text);
		count++;
	}
	if (count == 0 && s->node_count > 1)
		puts("  no service is known to be confined to it");
}

struct tenant {
	const struct service *service;
	const struct node_share *share;
};

static int by_share(const void *a, const void *b)
{
	const struct tenant *x = a, *y = b;

	if (x->share->bytes != y->share->bytes)
		return x->share->bytes < y->share->bytes ? 1 : -1;
	return strcmp(x->service->path, y->service->path);
}

static size_t find_tenants(const struct snapshot *s, unsigned node, struct tenant *tenants)
{
	size_t count = 0;

	for (size_t i = 0; i < s->service_count; i++) {
		const struct node_share *share = place_share(s, &s->services[i], node);

		if (share && share->bytes > 0)
			tenants[count++] = (struct tenant){ &s->services[i], share };
	}
	qsort(tenants, count, sizeof(*tenants), by_share);
	return count;
}

static void part_cell(struct table *t, const struct snapshot *s, const struct tenant *tenant)
{
	char text[32];
	struct strbuf b = STRBUF(text);
	unsigned __int128 sum = 0, share = tenant->share->bytes;

	for (size_t i = 0; i < s->node_count; i++)
		sum += tenant->service->shares[i].bytes;
	/* Its share is part of the sum. */
	strbuf_add_permyriad(&b, sum ? (int64_t)(share * 100 / sum) * 100 : 0);
	table_cell(t, text);
}

static int print_tenants(const struct snapshot *s, unsigned node)
{
	static const struct table_column columns[] = {
		{ .name = "SERVICE" },
		{ .name = "HERE", .right = true },
		{ .name = "OF ITS OWN", .right = true },
		{ .name = "MOVABLE", .right = true },
		{ .name = "MAY USE" },
	};
	_cleanup_(freep) struct tenant *tenants = calloc(s->service_count + 1, sizeof(*tenants));
	_cleanup_(table_freep) struct table *t =
		table_new("tenants", columns, ARRAY_SIZE(columns), false);
	size_t count;

	if (!tenants || !t)
		return -1;
	count = find_tenants(s, node, tenants);
	if (count == 0)
		return 0;
	cli_heading("WHOSE MEMORY IS HERE");
	for (size_t i = 0; i < MIN_OF(count, (size_t)TENANTS_SHOWN); i++) {
		table_row(t);
		cell_name(t, tenants[i].service->name);
		cell_bytes(t, tenants[i].share->bytes);
		part_cell(t, s, &tenants[i]);
		cell_bytes(t, tenants[i].share->movable_bytes);
		cell_allowed(t, tenants[i].service);
	}
	if (table_print(t) < 0)
		return -1;
	if (count > TENANTS_SHOWN)
		printf("  and %zu that have less\n", count - TENANTS_SHOWN);
	return 0;
}

static void print_advice(const struct explain_report *report, const struct node *node)
{
	char text[256];
	struct strbuf b = STRBUF(text);
	bool is_idle = obstacle_node_text(node, &b);

	if (report->advice.count == 0 && !is_idle)
		return;
	cli_heading("WHAT COULD BE CHANGED");
	advice_print(&report->advice, 2);
	if (is_idle)
		paragraph_print(2, text);
}

int explain_print_node(const struct explain_report *report, const struct node *node)
{
	const struct snapshot *s = report->snapshot;
	char text[1024];
	struct strbuf b = STRBUF(text);

	cli_heading("NODE");
	print_headroom(node);
	print_parts(node);
	if (place_fallback_text(s, node, &b))
		paragraph_print(2, text);
	print_confined(report, node->id);
	canaries_print_lines(s, report->root, node);
	if (print_tenants(s, node->id) < 0)
		return -1;
	print_advice(report, node);
	return 0;
}
