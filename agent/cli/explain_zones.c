/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/explain_report.h"

#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/paragraph.h"
#include "explain/zone_story.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <stdio.h>
#include <string.h>

static void pages_cell(struct table *t, const struct explain_report *report, uint64_t pages)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(pages, report->victims.kernel.page_size_bytes, &bytes))
		bytes = UINT64_MAX;
	cell_bytes(t, bytes);
}

static int print_marks(const struct explain_report *report, const struct node_story *story)
{
	static const struct table_column columns[] = {
		{ .name = "ZONE" },
		{ .name = "MANAGED", .right = true },
		{ .name = "FREE", .right = true },
		{ .name = "MIN", .right = true },
		{ .name = "LOW", .right = true },
		{ .name = "HIGH", .right = true },
		{ .name = "BOOST", .right = true },
		{ .name = "KEPT BACK", .right = true },
		{ .name = "LEFT", .right = true },
	};
	_cleanup_(table_freep) struct table *t =
		table_new("zones", columns, ARRAY_SIZE(columns), false);

	if (!t)
		return -1;
	for (size_t i = 0; i < story->zone_count; i++) {
		const struct zone_story *zone = &story->zones[i];
		const uint64_t cells[] = {
			zone->zone->managed_pages, zone->zone->free_pages, zone->zone->min_pages,
			zone->zone->low_pages,	   zone->zone->high_pages, zone->zone->boost_pages,
			zone->reserve_pages,	   zone->left_pages,
		};

		table_row(t);
		table_cell(t, zone->zone->name);
		for (size_t c = 0; c < ARRAY_SIZE(cells); c++)
			pages_cell(t, report, cells[c]);
	}
	if (table_print(t) < 0)
		return -1;
	puts("  LEFT is what is free above min, boost and what is kept back for those who can use "
	     "no\n  other zone.");
	return 0;
}

static const char *zone_word(const struct zone_story *zone, unsigned order)
{
	if (!zone->is_open)
		return "-";
	if (!zone->orders[order].known)
		return "unknown";
	return watermark_verdict_name(zone->orders[order].at_min.verdict);
}

static bool has_open_zone(const struct node_story *story)
{
	for (size_t i = 0; i < story->zone_count; i++)
		if (story->zones[i].is_open)
			return true;
	return false;
}

static const char *node_word(const struct node_story *story, unsigned order)
{
	if (!has_open_zone(story))
		return "no zone";
	return story->orders_known[order] ? watermark_verdict_name(story->orders[order])
					  : "unknown";
}

static void fragmentation_cells(struct table *t, const struct node_story *story, unsigned order)
{
	const struct fragmentation *f = &story->fragmentation[order];
	char text[64];
	struct strbuf b = STRBUF(text);

	if (!story->fragmentation_known) {
		table_cell(t, "unknown");
		table_cell(t, "unknown");
		return;
	}
	strbuf_add_permyriad(&b, (int64_t)f->unusable_permille * 10);
	table_cell(t, text);
	if (f->extfrag_permille == FRAGMENTATION_NOT_FAILING)
		table_cell(t, "-");
	else
		cell_format(t, "%s%d.%03d", f->extfrag_permille < 0 ? "-" : "",
			    abs(f->extfrag_permille) / 1000, abs(f->extfrag_permille) % 1000);
}

static int print_orders(const struct explain_report *report, const struct node_story *process,
			const struct node_story *kernel)
{
	struct table_column columns[2 + ZONE_STORY_ZONES + 4] = {
		{ .name = "ORDER", .right = true },
		{ .name = "BLOCK", .right = true },
	};
	_cleanup_(table_freep) struct table *t = NULL;
	size_t count = 2;

	for (size_t i = process->zone_count; i-- > 0;)
		columns[count++].name = process->zones[i].zone->name;
	columns[count++].name = "PROCESSES";
	columns[count++].name = "KERNEL";
	columns[count++] = (struct table_column){ .name = "TOO SMALL", .right = true };
	columns[count++] = (struct table_column){ .name = "FRAGMENTED", .right = true };
	t = table_new("orders", columns, count, false);
	if (!t)
		return -1;
	for (unsigned o = 0; o < ZONE_STORY_ORDERS; o++) {
		table_row(t);
		cell_format(t, "%u", o);
		pages_cell(t, report, UINT64_C(1) << o);
		/* The kernel tries the highest zone first. */
		for (size_t i = process->zone_count; i-- > 0;)
			table_cell(t, zone_word(&process->zones[i], o));
		table_cell(t, node_word(process, o));
		table_cell(t, node_word(kernel, o));
		fragmentation_cells(t, process, o);
	}
	if (table_print(t) < 0)
		return -1;
	puts("  Would a request that may wait be served? Zones are as memory of processes may use "
	     "them.\n  TOO SMALL is the part of free memory in smaller blocks; FRAGMENTED, where "
	     "there is no\n  block, is 0 for want of memory (reclaim would help), 1 for want of "
	     "large blocks\n  (compaction would).");
	return 0;
}

static void print_reasons(const struct node_story *story, const char *whose)
{
	char text[512], line[600];
	struct strbuf b = STRBUF(text);

	for (size_t i = story->zone_count; i-- > 0;) {
		unsigned order = 0;

		strbuf_reset(&b);
		while (zone_story_reason(&story->zones[i], &order, &b)) {
			snprintf(line, sizeof(line), "%s%s, %s", story->zones[i].zone->name, whose,
				 text);
			paragraph_print(2, line);
			strbuf_reset(&b);
		}
	}
}

static void print_cause(const struct explain_report *report, const struct node_story *story)
{
	char text[512];
	struct strbuf b = STRBUF(text);

	strbuf_add(&b, "! ");
	if (node_story_cause(story, report->victims.kernel.page_size_bytes, &b))
		paragraph_print(2, text);
}

/* Where the kernel's own requests fare otherwise than those of processes. */
static bool differs(const struct node_story *a, const struct node_story *b)
{
	for (size_t i = 0; i < a->zone_count; i++)
		for (unsigned o = 0; o < ZONE_STORY_ORDERS; o++)
			if (a->zones[i].is_open && b->zones[i].is_open &&
			    a->zones[i].orders[o].at_min.verdict !=
				    b->zones[i].orders[o].at_min.verdict)
				return true;
	return false;
}

/* kswapd is woken where nothing passes the low watermark; what is uncertain may pass. */
static void print_kswapd(const struct node_story *story)
{
	for (size_t i = 0; i < story->zone_count; i++)
		if (story->zones[i].is_open &&
		    story->zones[i].orders[0].at_low.verdict != WATERMARK_FAIL)
			return;
	if (has_open_zone(story))
		puts("  Every zone is below its low watermark: kswapd reclaims, or has given up.");
}

int explain_print_zones(const struct explain_report *report, unsigned node)
{
	enum watermark_era era = watermark_era_of(report->victims.kernel.release);
	struct node_story process, kernel;

	cli_heading("ZONES");
	if (node_story_tell(&report->victims.zones, node, era, ZONE_USER_PROCESS, &process) < 0 ||
	    node_story_tell(&report->victims.zones, node, era, ZONE_USER_KERNEL, &kernel) < 0) {
		puts("  zoneinfo cannot be read, or not completely");
		return 0;
	}
	if (print_marks(report, &process) < 0)
		return -1;
	print_kswapd(&process);

	cli_heading("ALLOCATIONS");
	if (!report->victims.zones.has_free_lists)
		puts("  buddyinfo cannot be read: only single pages can be judged");
	if (print_orders(report, &process, &kernel) < 0)
		return -1;
	print_cause(report, &process);
	print_reasons(&process, "");
	if (differs(&process, &kernel))
		print_reasons(&kernel, " for the kernel itself");
	return 0;
}

/* "order 0 to 3 pass", up to the first that does not. */
static void orders_cell(struct table *t, const struct node_story *story)
{
	unsigned order = 0;

	if (!has_open_zone(story)) {
		table_cell(t, "no zone");
		return;
	}
	while (order < ZONE_STORY_ORDERS && story->orders_known[order] &&
	       story->orders[order] == WATERMARK_PASS)
		order++;
	if (order == 0)
		table_cell(t, node_word(story, 0));
	else if (order == ZONE_STORY_ORDERS)
		table_cell(t, "any order");
	else if (order == 1)
		cell_format(t, "order 0; 1 %s", node_word(story, 1));
	else
		cell_format(t, "order 0-%u; %u %s", order - 1, order, node_word(story, order));
}

/* The kernel kills for want of these (PAGE_ALLOC_COSTLY_ORDER); above it lets the request fail. */
#define KILLING_ORDER 3

/* The least order that every node refuses; ZONE_STORY_ORDERS: there is none. */
static unsigned refused_everywhere(const struct explain_report *report)
{
	enum watermark_era era = watermark_era_of(report->victims.kernel.release);
	bool served[ZONE_STORY_ORDERS] = { false };
	unsigned order = 0;

	for (size_t i = 0; i < report->snapshot->node_count; i++) {
		struct node_story story;

		if (node_story_tell(&report->victims.zones, report->snapshot->nodes[i].id, era,
				    ZONE_USER_KERNEL, &story) < 0)
			return ZONE_STORY_ORDERS;
		for (unsigned o = 0; o < ZONE_STORY_ORDERS; o++)
			served[o] |= has_open_zone(&story) &&
				     (!story.orders_known[o] || story.orders[o] != WATERMARK_FAIL);
	}
	while (order < ZONE_STORY_ORDERS && served[order])
		order++;
	return order;
}

static void print_refused(const struct explain_report *report)
{
	unsigned order = refused_everywhere(report);
	char text[256];
	struct strbuf b = STRBUF(text);

	if (order > KILLING_ORDER || report->snapshot->node_count == 0)
		return;
	strbuf_addf(
		&b,
		"! order %u is served by no node: whichever nodes the kernel may use, a request "
		"of that order has to reclaim and compact, and kills if that fails",
		order);
	paragraph_print(2, text);
}

int explain_print_nodes(const struct explain_report *report)
{
	static const struct table_column columns[] = {
		{ .name = "NODE", .right = true },     { .name = "TOTAL", .right = true },
		{ .name = "FREE", .right = true },     { .name = "HEADROOM", .right = true },
		{ .name = "EMPTY IN", .right = true }, { .name = "CONFINED", .right = true },
		{ .name = "PROCESSES GET" },	       { .name = "KERNEL GETS" },
	};
	static const enum metric_id cells[] = { METRIC_NODE_TOTAL, METRIC_NODE_FREE,
						METRIC_NODE_HEADROOM, METRIC_NODE_TIME_TO_EMPTY,
						METRIC_NODE_CONFINED };
	enum watermark_era era = watermark_era_of(report->victims.kernel.release);
	_cleanup_(table_freep) struct table *t =
		table_new("nodes", columns, ARRAY_SIZE(columns), false);

	if (!t)
		return -1;
	cli_heading("NODES");
	for (size_t i = 0; i < report->snapshot->node_count; i++) {
		const struct node *node = &report->snapshot->nodes[i];
		struct node_story story;

		table_row(t);
		cell_format(t, "%u", node->id);
		for (size_t c = 0; c < ARRAY_SIZE(cells); c++)
			cell_reading(t, node->readings, cells[c]);
		for (enum zone_user user = 0; user < ZONE_USER_COUNT_; user++) {
			if (node_story_tell(&report->victims.zones, node->id, era, user, &story) <
			    0)
				table_cell(t, "unknown");
			else
				orders_cell(t, &story);
		}
	}
	if (table_print(t) < 0)
		return -1;
	print_refused(report);
	return 0;
}
