/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/node_sensor.h"

#include "sense/node_files.h"
#include "sense/node_zones.h"
#include "sense/state.h"
#include "sys/free_memory.h"
#include "sys/meminfo.h"
#include "sys/sysroot.h"
#include "sys/vmstat.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* Watermarks change with sysctls, hotplug and boosts, none of which the node's own files show. */
#define ZONEINFO_USEC (30 * USEC_PER_SEC)
/* The nodes' files are read in the tick that comes closest to a second after the last time.
 *
 * On one node with plenty free every few seconds is enough: as long as kswapd has no reason to run,
 * nothing is taken but from what is free, and that is known at every tick. With several nodes one
 * may empty while another fills; and where little is free, page cache goes while free stays. */
#define LOOK_USEC	(900 * USEC_PER_MSEC)
#define LOOK_AMPLE_USEC (4900 * USEC_PER_MSEC)
/* Plenty: so many times the high watermarks and what is protected. */
#define AMPLE_TIMES 4
/* Free memory may move by this part of the smallest headroom before that. */
#define LOOK_PART 32
/* What of a node moves less than this since the rules were last asked is no reason to ask them
 * again before their time: 1 MiB of a GiB. */
#define STILL_PART 1024
/* A node that lasts no longer is looked at in every tick. */
#define LOOK_LEFT_USEC ((int64_t)(60 * USEC_PER_SEC))
/* Between two readings of zoneinfo headroom is advanced by what free, clean and slab changed, which
 * is wrong at most by that change: it may become this part of the headroom before it is measured
 * again. So a node that runs dry is measured at every tick, and a quiet one almost never. */
#define ADVANCE_PART 8
#define SHORT_PART   8
/* Six kinds of zone exist. */
#define ZONES_A_NODE 6
/* meminfo, the longest file next to zoneinfo and numa_stat, is below 4 KiB; numa_stat has fewer
 * than 64 lines, each with less than 24 bytes for a node. */
#define TEXT_MIN_BYTES	  16384
#define TEXT_A_NODE_BYTES (64 * 24)

int node_sensor_index(const struct sense *s, unsigned id)
{
	for (size_t i = 0; i < s->nodes.count; i++)
		if (s->nodes.nodes[i].id == id)
			return (int)i;
	return -1;
}

bool node_sensor_is_short(const struct sense *s)
{
	for (size_t i = 0; i < s->nodes.count; i++)
		if (s->nodes.states[i].is_short)
			return true;
	return false;
}

/* A node list that cannot be read, or names no memory anywhere, leaves the machine as one node. */
static void read_topology(const struct sysroot *root, struct nodes *ret)
{
	struct nodes nodes;

	if (nodes_read(root, &nodes) == 0 && !idset_is_empty(&nodes.has_memory)) {
		*ret = nodes;
		return;
	}
	nodes = (struct nodes){ 0 };
	idset_add(&nodes.online, 0);
	idset_add(&nodes.has_memory, 0);
	idset_add(&nodes.has_cpu, 0);
	*ret = nodes;
}

static void read_distances(struct sense *s, const struct nodes *topology, const struct node *nodes,
			   size_t count, uint8_t *distances)
{
	for (size_t from = 0; from < count; from++)
		for (size_t to = 0; to < count; to++)
			distances[from * count + to] =
				from == to && !topology->numa
					? 10
					: nodes_distance(s->root, topology, nodes[from].id,
							 nodes[to].id);
}

/* The arrays for a new list of nodes; what was learnt of a node that stays is kept. */
static int replace_nodes(struct sense *s, const struct nodes *topology)
{
	size_t count = idset_count(&topology->has_memory), i = 0;
	_cleanup_(freep) struct node *nodes = calloc(count, sizeof(*nodes));
	_cleanup_(freep) struct node_state *states = calloc(count, sizeof(*states));
	_cleanup_(freep) uint8_t *distances = calloc(count, count);

	if (!nodes || !states || !distances)
		return -ENOMEM;
	for (int id = idset_next(&topology->has_memory, 0); id >= 0;
	     id = idset_next(&topology->has_memory, (unsigned)id + 1), i++) {
		int old = node_sensor_index(s, (unsigned)id);

		if (old >= 0) {
			nodes[i] = s->nodes.nodes[old];
			states[i] = s->nodes.states[old];
		}
		nodes[i].id = (unsigned)id;
		nodes[i].has_cpu = idset_has(&topology->has_cpu, (unsigned)id);
		nodes[i].distance = distances + i * count;
		states[i].vmstat_fd = states[i].meminfo_fd = -1;
	}
	read_distances(s, topology, nodes, count, distances);

	free(s->nodes.nodes);
	free(s->nodes.states);
	free(s->nodes.distances);
	s->nodes.nodes = TAKE_PTR(nodes);
	s->nodes.states = TAKE_PTR(states);
	s->nodes.distances = TAKE_PTR(distances);
	s->nodes.count = count;
	s->nodes.topology = *topology;
	s->nodes.generation++;
	s->snapshot.nodes = s->nodes.nodes;
	s->snapshot.node_count = count;
	s->snapshot.memory_nodes = topology->has_memory;
	return 0;
}

static void close_nodes(struct sense *s)
{
	for (size_t i = 0; i < s->nodes.count; i++) {
		drop_fd(&s->nodes.states[i].vmstat_fd);
		drop_fd(&s->nodes.states[i].meminfo_fd);
	}
}

int node_sensor_read_pools(struct sense *s, size_t index)
{
	struct node *node = &s->nodes.nodes[index];
	struct huge_pools pools = { 0 };
	int r = nodes_huge_pools(s->root, node->id, &pools);

	s->nodes.states[index].pool_bytes = pools.bytes;
	node->huge_page_bytes = pools.page_bytes;
	node->huge_pages = pools.pages;
	node->huge_pages_free = pools.pages_free;
	node->huge_pages_reserved = pools.pages_reserved;
	node_set(node, METRIC_NODE_HUGETLB_FREE,
		 r == 0 ? reading_of_bytes(pools.free_bytes) : READING_NONE);
	return r;
}

static void open_nodes(struct sense *s)
{
	for (size_t i = 0; i < s->nodes.count; i++) {
		struct node_state *state = &s->nodes.states[i];
		unsigned id = s->nodes.nodes[i].id;

		state->meminfo_fd = meminfo_open_node(s->root, id);
		state->vmstat_fd = state->meminfo_fd < 0 ? vmstat_open_node(s->root, id) : -1;
		(void)node_sensor_read_pools(s, i);
	}
}

static int grow_text(struct sense *s, size_t size)
{
	char *text;

	if (size <= s->text_size)
		return 0;
	text = realloc(s->text, size);
	if (!text)
		return -ENOMEM;
	s->text = text;
	s->text_size = size;
	return 0;
}

static int grow_zones(struct sense *s, size_t capacity)
{
	struct zoneinfo_zone *zones;

	if (capacity <= s->nodes.zone_capacity)
		return 0;
	zones = reallocarray(s->nodes.zones, capacity, sizeof(*zones));
	if (!zones)
		return -ENOMEM;
	s->nodes.zones = zones;
	s->nodes.zone_capacity = capacity;
	return 0;
}

/* Room for zoneinfo as it is now and a quarter more, so that a CPU or two that come online do not
 * outgrow it between calm rounds. */
static int make_room(struct sense *s)
{
	size_t size =
		MAX_OF(s->text_wanted, TEXT_MIN_BYTES + s->nodes.count * (size_t)TEXT_A_NODE_BYTES);
	ssize_t n;
	int r;

	for (;;) {
		r = grow_text(s, size);
		if (r < 0)
			return r;
		n = s->nodes.zoneinfo_fd < 0
			    ? 0
			    : sysroot_read_fd(s->nodes.zoneinfo_fd, s->text, s->text_size);
		if (n != -EFBIG)
			break;
		size = s->text_size * 2;
	}
	s->text_wanted = 0;
	if (n > 0 && (size_t)n + (size_t)n / 4 >= s->text_size) {
		r = grow_text(s, (size_t)n + (size_t)n / 4 + 1);
		if (r < 0)
			return r;
	}
	return grow_zones(
		s, MAX_OF(s->nodes.zones_wanted, (s->nodes.count + 1) * (size_t)ZONES_A_NODE));
}

static bool same_nodes(const struct nodes *a, const struct nodes *b)
{
	return a->numa == b->numa && idset_equal(&a->online, &b->online) &&
	       idset_equal(&a->has_memory, &b->has_memory) && idset_equal(&a->has_cpu, &b->has_cpu);
}

static int node_sensor_open(struct sense *s)
{
	struct nodes topology;
	int r;

	read_topology(s->root, &topology);
	if (s->nodes.count == 0 || !same_nodes(&topology, &s->nodes.topology)) {
		r = replace_nodes(s, &topology);
		if (r < 0)
			return r;
	}
	open_nodes(s);
	s->nodes.zoneinfo_fd = zoneinfo_open(s->root);
	for (size_t i = 0; i < s->nodes.count; i++)
		s->nodes.states[i].then_known = false;
	return make_room(s);
}

static void node_sensor_close(struct sense *s)
{
	close_nodes(s);
	drop_fd(&s->nodes.zoneinfo_fd);
}

static void node_sensor_done(struct sense *s)
{
	free(s->nodes.nodes);
	free(s->nodes.states);
	free(s->nodes.distances);
	free(s->nodes.zones);
	s->nodes = (struct node_sensor){ .zoneinfo_fd = -1 };
}

static int node_sensor_rescan(struct sense *s, usec_t now, bool housekeep)
{
	struct nodes topology;

	(void)now;
	if (housekeep) {
		read_topology(s->root, &topology);
		if (!same_nodes(&topology, &s->nodes.topology)) {
			node_sensor_close(s);
			return node_sensor_open(s);
		}
		for (size_t i = 0; i < s->nodes.count; i++)
			(void)node_sensor_read_pools(s, i);
	}
	if (s->text_wanted > s->text_size || s->nodes.zones_wanted > s->nodes.zone_capacity)
		return make_room(s);
	return 0;
}

bool node_sensor_sums(const struct sense *s, uint64_t *ret_free_bytes, uint64_t *ret_sum_bytes)
{
	uint64_t free_bytes = 0, sum_bytes = 0;

	for (size_t i = 0; i < s->nodes.count; i++) {
		if (!s->nodes.states[i].sum_known)
			return false;
		free_bytes += s->nodes.states[i].free_bytes;
		sum_bytes += s->nodes.states[i].sum_bytes;
	}
	*ret_free_bytes = free_bytes;
	*ret_sum_bytes = sum_bytes;
	return true;
}

static bool has_moved(const struct node_state *state)
{
	uint64_t moved = apart(state->sum_bytes, state->sum_then_bytes);

	return !state->then_known || !state->sum_known ||
	       moved > state->then.headroom_bytes / ADVANCE_PART;
}

static bool is_zoneinfo_due(const struct sense *s, usec_t now)
{
	if (now - s->nodes.zoneinfo_at >= ZONEINFO_USEC)
		return true;
	for (size_t i = 0; i < s->nodes.count; i++)
		if (has_moved(&s->nodes.states[i]))
			return true;
	return false;
}

static void fill_amounts(struct sense *s, struct node *node, const struct node_state *state)
{
	struct reading none = READING_NONE;

	node_set(node, METRIC_NODE_FREE, none);
	node_set(node, METRIC_NODE_CLEAN, none);
	if (state->then_known) {
		node_set(node, METRIC_NODE_TOTAL, reading_of_bytes(state->then.whole_bytes));
		node_set(node, METRIC_NODE_FREE, reading_of_bytes(state->then.free_bytes));
		node_set(node, METRIC_NODE_CLEAN, reading_of_bytes(state->then.clean_bytes));
	} else if (node->readings[metric_index(METRIC_NODE_TOTAL)].state != READING_KNOWN) {
		node_set(node, METRIC_NODE_TOTAL, node_files_total(s, node, state));
	}
	if (state->sum_known) {
		node_set(node, METRIC_NODE_FREE, reading_of_bytes(state->free_bytes));
		node_set(node, METRIC_NODE_CLEAN, reading_of_bytes(state->clean_bytes));
	}
}

static void fill_headroom(struct sense *s, usec_t now, struct node *node, struct node_state *state)
{
	uint64_t headroom = state->then.headroom_bytes;

	node_set(node, METRIC_NODE_HEADROOM, READING_NONE);
	node_set(node, METRIC_NODE_TIME_TO_EMPTY, READING_NONE);
	state->is_short = false;
	if (!state->then_known)
		return;
	if (state->sum_known)
		headroom = headroom_advance(&state->then, state->sum_then_bytes, state->sum_bytes);
	node->reserve_bytes = state->then.reserve_bytes;
	state->is_short = headroom < state->then.whole_bytes / SHORT_PART;
	node_set(node, METRIC_NODE_HEADROOM, reading_of_bytes(headroom));
	if (s->snapshot.single)
		return;
	slope_add(&state->slope, now, reading_of_bytes(headroom).value, state->moved_on_bytes);
	node_set(node, METRIC_NODE_TIME_TO_EMPTY, reading_of_slope(&state->slope));
}

static bool is_ample(const struct node_sensor *n)
{
	return n->count == 1 && n->states[0].free_bytes / AMPLE_TIMES > n->nodes[0].reserve_bytes;
}

static usec_t node_sensor_due(const struct sense *s)
{
	return s->nodes.looked_at + (is_ample(&s->nodes) ? LOOK_AMPLE_USEC : LOOK_USEC);
}

/* A tick may be content with the readings of before when there is room everywhere and next to
 * nothing was taken or given back since. One node may empty while another fills, which this cannot
 * see; a second later it is seen. */
static bool is_look_due(struct sense *s, usec_t now, struct free_memory *ret_amounts)
{
	struct node_sensor *n = &s->nodes;

	if (!n->free_known || now >= node_sensor_due(s))
		return true;
	return free_memory_read(s->root, ret_amounts) < 0 ||
	       ret_amounts->swap_free_bytes != n->swap_free_bytes ||
	       apart(ret_amounts->free_bytes, n->free_bytes) > n->step_bytes;
}

/* What the next ticks compare with; a node that is short or falls is looked at in each of them. */
static void note_look(struct sense *s, usec_t now)
{
	struct node_sensor *n = &s->nodes;
	struct free_memory amounts = { 0 };

	n->looked_at = now;
	n->free_known = free_memory_read(s->root, &amounts) == 0;
	n->free_bytes = amounts.free_bytes;
	n->swap_free_bytes = amounts.swap_free_bytes;
	n->free_looked_bytes = n->states[0].free_bytes;
	n->sum_looked_bytes = n->states[0].sum_bytes;
	n->step_bytes = UINT64_MAX;
	for (size_t i = 0; i < n->count; i++) {
		const struct node_state *state = &n->states[i];
		struct reading left = n->nodes[i].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)];

		n->free_known &= state->then_known && state->sum_known && !state->is_short &&
				 !(left.state == READING_KNOWN && left.value < LOOK_LEFT_USEC);
		n->step_bytes = MIN_OF(n->step_bytes, state->then.headroom_bytes / LOOK_PART);
	}
}

static struct reading headroom_of(const struct node *node)
{
	return node->readings[metric_index(METRIC_NODE_HEADROOM)];
}

void node_sensor_mark(struct sense *s)
{
	s->nodes.marked_swap_free_bytes = s->nodes.swap_free_bytes;
	for (size_t i = 0; i < s->nodes.count; i++)
		s->nodes.states[i].marked = headroom_of(&s->nodes.nodes[i]);
}

bool node_sensor_has_moved(const struct sense *s)
{
	/* Not known, or short, or falling: each tick counts. */
	if (!s->nodes.free_known || s->nodes.swap_free_bytes != s->nodes.marked_swap_free_bytes)
		return true;
	for (size_t i = 0; i < s->nodes.count; i++) {
		const struct node_state *state = &s->nodes.states[i];
		struct reading now = headroom_of(&s->nodes.nodes[i]);

		if (now.state != READING_KNOWN || state->marked.state != READING_KNOWN ||
		    apart((uint64_t)now.value, (uint64_t)state->marked.value) >
			    state->then.whole_bytes / STILL_PART)
			return true;
	}
	return false;
}

bool node_sensor_slack(const struct sense *s, uint64_t *ret_free_bytes, uint64_t *ret_slack_bytes)
{
	const struct node_sensor *n = &s->nodes;
	const struct node_state *only = &n->states[0];
	uint64_t moved;

	if (!n->free_known)
		return false;
	*ret_free_bytes = n->free_bytes;
	*ret_slack_bytes = n->step_bytes;
	if (!is_ample(n))
		return true;
	/* Headroom moves by no more than free memory does, from where it was at the look. */
	moved = apart((uint64_t)headroom_of(&n->nodes[0]).value, (uint64_t)only->marked.value) +
		apart(only->free_bytes, n->free_looked_bytes);
	*ret_slack_bytes = MIN_OF(n->step_bytes, less(only->then.whole_bytes / STILL_PART, moved));
	return true;
}

/* The only node there is has lost what the machine has, and less than a step. */
static void advance_only_node(struct sense *s, usec_t now, uint64_t free_bytes)
{
	struct node_sensor *n = &s->nodes;
	struct node_state *state = &n->states[0];

	state->free_bytes = n->free_looked_bytes + free_bytes - n->free_bytes;
	state->sum_bytes = n->sum_looked_bytes + free_bytes - n->free_bytes;
	fill_amounts(s, &n->nodes[0], state);
	fill_headroom(s, now, &n->nodes[0], state);
}

void node_sensor_note_free(struct sense *s, usec_t at, uint64_t free_bytes)
{
	if (is_ample(&s->nodes))
		advance_only_node(s, at, free_bytes);
}

static void node_sensor_fast(struct sense *s, usec_t now)
{
	struct free_memory amounts;

	s->nodes.has_looked = is_look_due(s, now, &amounts);
	if (!s->nodes.has_looked) {
		if (is_ample(&s->nodes))
			advance_only_node(s, now, amounts.free_bytes);
		return;
	}
	for (size_t i = 0; i < s->nodes.count; i++)
		node_files_read(s, &s->nodes.nodes[i], &s->nodes.states[i]);
	if (is_zoneinfo_due(s, now))
		node_zones_read(s, now);
	for (size_t i = 0; i < s->nodes.count; i++) {
		fill_amounts(s, &s->nodes.nodes[i], &s->nodes.states[i]);
		fill_headroom(s, now, &s->nodes.nodes[i], &s->nodes.states[i]);
	}
	note_look(s, now);
}

static void node_sensor_gaps(const struct sense *s, struct gap_list *list)
{
	if (!s->nodes.topology.numa)
		gap_add(list,
			"node.*: this kernel lists no memory nodes; the machine counts as one");
	if (s->nodes.zoneinfo_failed)
		gap_add(list, "node.headroom: zoneinfo cannot be read, or not completely");
	for (size_t i = 0; i < s->nodes.count; i++)
		if (!s->nodes.states[i].sum_known) {
			gap_add(list, "node.anon, node.shmem, node.dirty, node.slab-*: the nodes' "
				      "meminfo cannot be read; zoneinfo stands in for node.free");
			break;
		}
}

const struct sensor node_sensor = {
	.open = node_sensor_open,
	.close = node_sensor_close,
	.done = node_sensor_done,
	.rescan = node_sensor_rescan,
	.fast = node_sensor_fast,
	.due = node_sensor_due,
	.gaps = node_sensor_gaps,
};
