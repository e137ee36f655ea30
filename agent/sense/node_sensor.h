/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Memory nodes. Two tiers: each node's vmstat at every tick, and zoneinfo, which the kernel prints
 * for every CPU and zone, only when the cheap one says that enough has moved for the difference to
 * matter, or after a while. Fills snapshot.nodes but for what depends on services (confinement.h).
 */

#include "model/headroom.h"
#include "model/slope.h"
#include "sense/sensor.h"
#include "sys/nodes.h"
#include "sys/zoneinfo.h"

struct node_state {
	int vmstat_fd;
	int meminfo_fd; /* only where there is no vmstat */
	struct slope slope;
	int64_t moved_on_bytes; /* by our own steps, since the start */
	uint64_t pool_bytes;	/* huge pages */
	/* From vmstat, at every tick. */
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
};

extern const struct sensor node_sensor;

/* Is any node short? */
bool node_sensor_is_short(const struct sense *sense);
/* Index of the node with this id, or -1. */
int node_sensor_index(const struct sense *sense, unsigned id);
