/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/block_sensor.h"

#include "model/fragmentation.h"
#include "sense/state.h"
#include "sys/buddyinfo.h"
#include "sys/nodes.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#define LOOK_USEC	(30 * USEC_PER_SEC)
#define LOOK_SHORT_USEC (1 * USEC_PER_SEC)
/* The kernel prints a node at a time: six zones of up to 14 orders. */
#define RECORD_BYTES 1536

static const struct {
	enum metric_id id;
	unsigned order;
} unusable[] = {
	{ METRIC_NODE_UNUSABLE_ORDER_2, 2 },
	{ METRIC_NODE_UNUSABLE_ORDER_3, 3 },
	{ METRIC_NODE_UNUSABLE_ORDER_9, 9 },
};

/* The free lists of one node, all its zones together. */
struct free_lists {
	unsigned node;
	unsigned order_count; /* 0: none yet */
	uint64_t blocks[BUDDYINFO_ORDERS_MAX];
};

static void fill_unusable(struct sense *s, const struct free_lists *lists)
{
	int index = lists->order_count > 0 ? node_sensor_index(s, lists->node) : -1;

	for (size_t i = 0; i < ARRAY_SIZE(unusable) && index >= 0; i++) {
		struct fragmentation f;

		/* The kernel tells thousandths. */
		if (fragmentation_compute(lists->blocks, lists->order_count, unusable[i].order,
					  &f) == 0)
			s->nodes.nodes[index].readings[metric_index(unusable[i].id)] =
				reading_of(f.unusable_permille * INT64_C(10));
	}
}

static void add_zone(struct free_lists *lists, const struct buddyinfo_zone *zone)
{
	lists->order_count = MAX_OF(lists->order_count, zone->order_count);
	for (unsigned o = 0; o < zone->order_count; o++)
		if (__builtin_add_overflow(lists->blocks[o], zone->blocks[o], &lists->blocks[o]))
			lists->blocks[o] = UINT64_MAX;
}

static void read_lists(struct sense *s, usec_t now)
{
	struct block_sensor *b = &s->blocks;
	ssize_t n = b->buddyinfo_fd < 0 ? b->buddyinfo_fd
					: sysroot_read_lines_fd(b->buddyinfo_fd, s->text,
								s->text_size, RECORD_BYTES);
	struct span rest = span_of(s->text, n > 0 ? (size_t)n : 0), line;
	struct free_lists lists = { 0 };

	for (size_t i = 0; i < s->nodes.count; i++)
		for (size_t u = 0; u < ARRAY_SIZE(unusable); u++)
			s->nodes.nodes[i].readings[metric_index(unusable[u].id)] = READING_NONE;
	b->lists_failed = n <= 0;
	s->snapshot.blocks_at = now;
	/* The zones of a node stand together. */
	while (span_next_line(&rest, &line)) {
		struct buddyinfo_zone zone;

		if (buddyinfo_parse(line.data, line.length + 1, &zone, 1) == 0)
			continue;
		if (zone.node != lists.node) {
			fill_unusable(s, &lists);
			lists = (struct free_lists){ .node = zone.node };
		}
		add_zone(&lists, &zone);
	}
	fill_unusable(s, &lists);
}

static void read_pools(struct sense *s, bool all)
{
	/* Nothing is idle in pools that are empty. */
	for (size_t i = 0; i < s->nodes.count; i++)
		if (all || s->nodes.states[i].pool_bytes > 0)
			s->blocks.pools_absent = node_sensor_read_pools(s, i) < 0;
}

static int block_sensor_rescan(struct sense *s, usec_t now, bool housekeep)
{
	struct block_sensor *b = &s->blocks;
	usec_t age = now - b->looked_at;
	usec_t period = node_sensor_is_short(s) ? LOOK_SHORT_USEC : LOOK_USEC;
	bool due = b->looked_at == 0 || !s->root->live || age >= period;

	(void)housekeep;
	if (b->pools_due)
		read_pools(s, true);
	b->pools_due = false;
	if (due || b->lists_due)
		read_lists(s, now);
	b->lists_due = false;
	if (!due)
		return 0;
	read_pools(s, b->looked_at == 0 || !s->root->live || b->generation != s->nodes.generation);
	b->generation = s->nodes.generation;
	b->looked_at = now;
	return 0;
}

static int block_sensor_open(struct sense *s)
{
	s->blocks.buddyinfo_fd = buddyinfo_open(s->root);
	s->blocks.looked_at = 0;
	return 0;
}

static void block_sensor_close(struct sense *s)
{
	drop_fd(&s->blocks.buddyinfo_fd);
}

static void block_sensor_gaps(const struct sense *s, struct gap_list *list)
{
	if (s->blocks.lists_failed)
		gap_add(list, "node.unusable.*: buddyinfo cannot be read here");
	if (s->blocks.pools_absent)
		gap_add(list, "node.hugetlb-free: no huge page pools are shown here");
}

const struct sensor block_sensor = {
	.open = block_sensor_open,
	.close = block_sensor_close,
	.rescan = block_sensor_rescan,
	.gaps = block_sensor_gaps,
};
