/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * As `numastat -c` prints: whole MiB, a column a node. Where there are more nodes than a line holds
 * those of the rest follow in tables of their own.
 */

#include "cli/numa_report.h"

#include "cli/advice.h"
#include "cli/cells.h"
#include "cli/paragraph.h"
#include "cli/sampling.h"
#include "explain/sentence.h"
#include "util/amount.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <stdio.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)
/* What a line has room for on a terminal: about so much is not nodes. */
#define NODES_A_TABLE	 8
#define OTHER_COLUMNS	 56
#define NODE_COLUMNS	 8
#define CHANGE_COLUMNS	 12
#define DECLARED_COLUMNS 100
/* So many nodes are shown whether they hold something or not. */
#define NODES_SHOWN_ALWAYS 8

/* The columns of nodes, by index in the snapshot. */
struct columns {
	size_t nodes[IDSET_BITS];
	size_t count;
	struct idset left_out;
	uint64_t left_out_free_bytes;
};

/* One table of them: the first one has what else there is to tell. */
struct block {
	const size_t *nodes;
	size_t count;
	bool is_first;
};

/* Many share a reason: a letter stands for it in the table, and below for the reason. */
struct reasons {
	char texts[NUMA_REASONS_MAX][256];
	size_t count;
	struct strbuf *cell;
};

/* Behind the nodes of the first table. */
static const struct table_column telling[] = {
	{ .name = "TOTAL", .right = true },
	{ .name = "HOME" },
	{ .name = "MAY USE" },
	{ .name = "MOVABLE", .right = true },
	{ .name = "STAYS", .right = true },
	{ .name = "WHY" },
};

static bool holds_anything(const struct numa_report *report, size_t node)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct numa_place *place = &report->places[i];

		if (place->known && (place->service->shares[node].bytes > 0 ||
				     numa_report_after(report, place, node) > 0))
			return true;
	}
	return false;
}

static void choose_columns(const struct numa_report *report, struct columns *c)
{
	const struct snapshot *s = report->found->snapshot;

	*c = (struct columns){ 0 };
	for (size_t i = 0; i < MIN_OF(s->node_count, (size_t)IDSET_BITS); i++) {
		struct reading free = s->nodes[i].readings[metric_index(METRIC_NODE_FREE)];

		if (s->node_count <= NODES_SHOWN_ALWAYS || holds_anything(report, i)) {
			c->nodes[c->count++] = i;
			continue;
		}
		idset_add(&c->left_out, s->nodes[i].id);
		c->left_out_free_bytes = plus(c->left_out_free_bytes, reading_amount(free));
	}
}

static int64_t in_mib(int64_t bytes)
{
	int64_t half = (int64_t)(MIB / 2), rest = bytes % (int64_t)MIB;

	return bytes / (int64_t)MIB + (rest >= half) - (rest <= -half);
}

static int64_t amount(uint64_t bytes)
{
	return (int64_t)MIN_OF(bytes, (uint64_t)INT64_MAX);
}

static void mib_cell(struct table *t, uint64_t bytes)
{
	cell_format(t, "%lld", (long long)in_mib(amount(bytes)));
}

/* "600 -> 300", or what stays the same once. */
static void change_cell(struct table *t, int64_t before, int64_t after)
{
	if (in_mib(before) == in_mib(after))
		cell_format(t, "%lld", (long long)in_mib(before));
	else
		cell_format(t, "%lld -> %lld", (long long)in_mib(before), (long long)in_mib(after));
}

/* Several homes are one each for a part of it, and no range. */
static void add_homes(const struct numa_place *place, struct strbuf *b)
{
	for (size_t i = 0; i < place->home_count; i++)
		strbuf_addf(b, "%s%u", i > 0 ? "," : "", place->homes[i].node);
}

static void home_cell(struct table *t, const struct numa_place *place)
{
	static const char *const by[] = {
		[NUMA_HOME_NONE] = "",
		[NUMA_HOME_MEMORY] = "",
		[NUMA_HOME_RUNS] = " (CPU time)",
		[NUMA_HOME_VCPUS] = " (vCPUs)",
		[NUMA_HOME_POLICY] = " (policy)",
	};
	char text[128];
	struct strbuf b = STRBUF(text);

	if (place->home_by == NUMA_HOME_NONE)
		strbuf_add(&b, place->known ? "-" : "unknown");
	else if (place->home_by == NUMA_HOME_POLICY)
		add_homes(place, &b);
	else
		idset_format(&place->home, &b);
	strbuf_add(&b, by[place->home_by]);
	table_cell(t, text);
}

static void add_label(struct strbuf *b, size_t reason)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

	if (reason < sizeof(letters) - 1)
		strbuf_add_char(b, letters[reason]);
	else
		strbuf_addf(b, "%zu", reason + 1);
}

static void add_reason(void *context, const char *text)
{
	struct reasons *reasons = context;
	size_t i = 0;

	while (i < reasons->count && strcmp(reasons->texts[i], text) != 0)
		i++;
	if (i == NUMA_REASONS_MAX)
		return;
	if (i == reasons->count) {
		struct strbuf b = STRBUF(reasons->texts[i]);

		strbuf_add(&b, text);
		reasons->count++;
	}
	if (reasons->cell->length)
		strbuf_add_char(reasons->cell, ' ');
	add_label(reasons->cell, i);
}

static void say_reasons(const struct reasons *reasons)
{
	char lead[16];

	for (size_t i = 0; i < reasons->count; i++) {
		struct strbuf b = STRBUF(lead);

		strbuf_add(&b, "  ");
		add_label(&b, i);
		strbuf_add(&b, ": ");
		paragraph_print_behind(lead, reasons->texts[i]);
	}
}

static void tell_cells(struct table *t, const struct numa_report *report,
		       const struct numa_place *place, struct reasons *reasons)
{
	char text[128];
	struct strbuf b = STRBUF(text);

	if (place->known)
		mib_cell(t, place->total_bytes);
	else
		table_cell(t, "unknown");
	home_cell(t, place);
	cell_allowed(t, place->service);
	if (place->known) {
		mib_cell(t, place->movable_bytes);
		mib_cell(t, less(place->total_bytes, place->movable_bytes));
	} else {
		table_cell(t, "unknown");
		table_cell(t, "unknown");
	}
	reasons->cell = &b;
	numa_story_why(report->found->snapshot, place, add_reason, reasons);
	table_cell(t, b.length ? text : "-");
}

static void service_row(struct table *t, const struct numa_report *report,
			const struct block *block, const struct numa_place *place,
			struct reasons *reasons)
{
	table_row(t);
	cell_name(t, place->service->name);
	if (block->is_first && place->service->declared_bytes > 0)
		mib_cell(t, place->service->declared_bytes);
	else if (block->is_first)
		table_cell(t, "-");
	for (size_t i = 0; i < block->count; i++) {
		size_t node = block->nodes[i];

		if (place->known)
			change_cell(t, amount(place->service->shares[node].bytes),
				    amount(numa_report_after(report, place, node)));
		else
			table_cell(t, "unknown");
	}
	if (block->is_first)
		tell_cells(t, report, place, reasons);
}

/* Of all nodes, those that are left out too. */
static void sum_cell(struct table *t, const struct snapshot *s, enum metric_id id)
{
	int64_t sum = 0;

	for (size_t i = 0; i < s->node_count; i++) {
		struct reading r = s->nodes[i].readings[metric_index(id)];

		if (r.state != READING_KNOWN || __builtin_add_overflow(sum, r.value, &sum)) {
			table_cell(t, "unknown");
			return;
		}
	}
	cell_format(t, "%lld", (long long)in_mib(sum));
}

static void host_row(struct table *t, const struct numa_report *report, const struct block *block,
		     const char *name, enum metric_id id)
{
	table_row(t);
	table_cell(t, name);
	if (block->is_first)
		table_cell(t, "-");
	for (size_t i = 0; i < block->count; i++) {
		struct reading before = numa_report_room(report, id, block->nodes[i], false);
		struct reading after = numa_report_room(report, id, block->nodes[i], true);

		if (before.state == READING_KNOWN)
			change_cell(t, before.value, after.value);
		else
			table_cell(t, "unknown");
	}
	if (!block->is_first)
		return;
	sum_cell(t, report->found->snapshot, id);
	for (size_t i = 1; i < ARRAY_SIZE(telling); i++)
		table_cell(t, "-");
}

static struct table *new_table(const struct snapshot *s, const struct block *block)
{
	char names[NODES_A_TABLE][24];
	struct table_column columns[TABLE_COLUMNS_MAX] = { { .name = "SERVICE" } };
	size_t count = 1;

	if (block->is_first)
		columns[count++] = (struct table_column){
			.name = "DECLARED",
			.right = true,
			.from_width = DECLARED_COLUMNS,
		};
	for (size_t i = 0; i < block->count; i++) {
		snprintf(names[i], sizeof(names[i]), "NODE %u", s->nodes[block->nodes[i]].id);
		columns[count++] = (struct table_column){ .name = names[i], .right = true };
	}
	for (size_t i = 0; block->is_first && i < ARRAY_SIZE(telling); i++)
		columns[count++] = telling[i];
	return table_new("services", columns, count, false);
}

static int print_block(const struct numa_report *report, const struct block *block,
		       struct reasons *reasons)
{
	_cleanup_(table_freep) struct table *t = new_table(report->found->snapshot, block);

	if (!t)
		return -1;
	for (size_t i = 0; i < report->count; i++)
		service_row(t, report, block, &report->places[i], reasons);
	host_row(t, report, block, "host: free", METRIC_NODE_FREE);
	host_row(t, report, block, "host: headroom", METRIC_NODE_HEADROOM);
	return table_print(t);
}

static size_t nodes_a_table(const struct numa_report *report)
{
	size_t width = paragraph_columns();
	size_t each = numa_report_moves(report) ? CHANGE_COLUMNS : NODE_COLUMNS;

	if (width == 0)
		return NODES_A_TABLE;
	width = width > OTHER_COLUMNS + each ? (width - OTHER_COLUMNS) / each : 1;
	return MIN_OF(width, (size_t)NODES_A_TABLE);
}

static int print_table(const struct numa_report *report, const struct columns *c,
		       struct reasons *reasons)
{
	size_t most = nodes_a_table(report), from = 0;

	do {
		const struct block block = {
			.nodes = c->nodes + from,
			.count = MIN_OF(most, c->count - from),
			.is_first = from == 0,
		};

		if (!block.is_first)
			putchar('\n');
		if (print_block(report, &block, reasons) < 0)
			return -1;
		from += block.count;
	} while (from < c->count);
	return 0;
}

static void say_columns(const struct columns *c)
{
	char text[1024];
	struct strbuf b = STRBUF(text);

	if (idset_is_empty(&c->left_out))
		return;
	strbuf_add(&b, "left out: nodes that hold nothing of these (");
	idset_format(&c->left_out, &b);
	strbuf_add(&b, "), with ");
	strbuf_add_bytes(&b, amount(c->left_out_free_bytes));
	strbuf_add(&b, " free");
	paragraph_print(2, text);
}

static void say_left_out(const struct numa_report *report)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	if (report->left_out == 0)
		return;
	strbuf_addf(&b, "left out: %zu service%s that %s no guest%s, with ", report->left_out,
		    report->left_out == 1 ? "" : "s", report->left_out == 1 ? "is" : "are",
		    report->left_out == 1 ? "" : "s");
	strbuf_add_bytes(&b, amount(report->left_out_bytes));
	strbuf_add(&b, "; --all shows them");
	paragraph_print(2, text);
}

static void print_moves(const struct numa_report *report)
{
	char text[1024];
	struct strbuf b = STRBUF(text);

	if (!numa_report_moves(report))
		return;
	cli_heading("WHAT A PLAN WOULD MOVE NOW");
	for (size_t i = 0; i < report->found->step_count; i++) {
		if (!numa_is_move(&report->found->steps[i]))
			continue;
		strbuf_reset(&b);
		explain_step(report->found->config, &report->found->steps[i], &b);
		paragraph_print(2, text);
	}
}

/* What lets what stays be moved: each change once, for all that it is one for. */
static void print_advice(const struct numa_report *report)
{
	static struct advice_list list; /* large */
	const struct snapshot *s = report->found->snapshot;

	list = (struct advice_list){ 0 };
	for (size_t i = 0; i < report->count; i++) {
		const struct numa_place *place = &report->places[i];
		const struct policy *policy =
			&report->found->config->policies.policies[place->service->policy];

		/* That a policy keeps others than guests is everyday. */
		if (numa_is_guest(policy, place->service))
			advice_add(&list, s, policy, place->service, place->obstacles,
				   less(place->total_bytes, place->movable_bytes),
				   place->huge_bytes);
	}
	if (list.count == 0)
		return;
	cli_heading("WHAT COULD BE CHANGED");
	advice_print(&list, 2);
}

static void print_title(const struct numa_report *report)
{
	sampling_title("memory by node of", report->root, report->found->snapshot);
	if (numa_report_moves(report))
		paragraph_print(0, "MiB; with an arrow, before and after what a plan would move "
				   "now (nothing is moved).");
	else
		paragraph_print(0, "MiB; a plan would move nothing now.");
}

int numa_report_text(const struct numa_report *report)
{
	static struct columns columns; /* large, these two */
	static struct reasons reasons;

	print_title(report);
	choose_columns(report, &columns);
	cli_heading(report->all ? "SERVICES" : "GUESTS");
	if (report->count == 0)
		puts(report->all || report->left_out == 0
			     ? "  no cgroup of this machine is matched by a policy"
			     : "  none: no guest runs here that a policy matches");
	if (print_table(report, &columns, &reasons) < 0)
		return EXIT_FAILED;
	say_reasons(&reasons);
	say_columns(&columns);
	say_left_out(report);
	print_advice(report);
	print_moves(report);
	return EXIT_DONE;
}
