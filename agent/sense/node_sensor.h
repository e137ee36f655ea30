/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Memory nodes, in three tiers. What is free on the machine, which costs one system call and no
 * file, at every tick. Each node's meminfo when that moved, when a node is short, and every second:
 * unlike the node's vmstat it is printed without a sum over CPUs (drivers/base/node.c). zoneinfo,
 * which the kernel prints for every CPU and zone, only when the nodes' files say that enough has
 * moved for the difference to matter, or after a while. Fills snapshot.nodes but for what depends
 * on services (confinement.h).
 */

#include "model/headroom.h"
#include "model/slope.h"
#include "sense/sensor.h"
#include "sys/nodes.h"
#include "sys/zoneinfo.h"

struct node_state {
	int meminfo_fd;
	int vmstat_fd; /* only where there is no meminfo */
	struct slope slope;
	int64_t moved_on_bytes; /* by our own steps, since the start */
	uint64_t pool_bytes;	/* huge pages */
	/* At the last look. */
	bool sum_known;
	uint64_t free_bytes;
	uint64_t clean_bytes;
	uint64_t slab_bytes;
	uint64_t sum_bytes; /* what headroom moves with: free, clean and half the slab */
	/* At the last reading of zoneinfo. */
	bool then_known;
	struct headroom then;
	uint64_t sum_then_bytes;
	/* Less than an eighth is left: what services do here is worth a closer look. */
	bool is_short;
	struct reading marked; /* headroom at the last sense_mark() */
};

struct node_sensor {
	struct nodes topology;
	struct node *nodes; /* the snapshot's */
	struct node_state *states;
	uint8_t *distances; /* a row for each node, as long as there are nodes */
	size_t count;
	unsigned generation; /* changes with the list of nodes */
	int zoneinfo_fd;
	struct zoneinfo_zone *zones;
	size_t zone_capacity;
	size_t zones_wanted;
	usec_t zoneinfo_at;
	bool zoneinfo_failed;
	usec_t looked_at; /* at the nodes' files */
	bool has_looked;  /* in this tick */
	/* What was free on the machine then, and by how much that may move unseen. */
	bool free_known;
	uint64_t free_bytes;
	uint64_t swap_free_bytes;
	uint64_t step_bytes;
	/* What the first node had then. */
	uint64_t free_looked_bytes;
	uint64_t sum_looked_bytes;
	uint64_t marked_swap_free_bytes;
};

extern const struct sensor node_sensor;

/* Is any node short? */
bool node_sensor_is_short(const struct sense *sense);
/* Since the last mark: has a node's headroom, or the swap that is free, moved by anything that
 * matters? Where little is left everything does. */
void node_sensor_mark(struct sense *sense);
bool node_sensor_has_moved(const struct sense *sense);
/* Where that has just been denied: how far what is free on the machine may be from *ret_free_bytes
 * until the nodes' files are due, or it may be another answer. False: they are due at once. */
bool node_sensor_slack(const struct sense *sense, uint64_t *ret_free_bytes,
		       uint64_t *ret_slack_bytes);
/* What was free at a moment since the last tick. */
void node_sensor_note_free(struct sense *sense, usec_t at, uint64_t free_bytes);
/* What all nodes have free, and what headroom moves with; false: not known of each. */
bool node_sensor_sums(const struct sense *sense, uint64_t *ret_free_bytes, uint64_t *ret_sum_bytes);
/* Index of the node with this id, or -1. */
int node_sensor_index(const struct sense *sense, unsigned id);
/* The huge page pools of a node, by index. A calm round. 0 or -errno: none are shown. */
int node_sensor_read_pools(struct sense *sense, size_t index);
