/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the services have: reads their cgroups' files into the registry's entries and makes the
 * snapshot's readings of them, so that a service's numbers leave out what belongs to services below
 * it. service_registry.h says who they are, process_sensor.h what runs in them.
 */

#include "sense/sensor.h"

struct service_sensor {
	size_t cursor; /* where the slow round goes on */
	/* The host when services were last looked at all together. */
	bool compared;
	uint64_t available_bytes;
	uint64_t stalled_usec;
	uint64_t oom_kills;
	usec_t compared_at;
	uint64_t *node_bytes; /* by node: what headroom moves with */
	size_t node_count;
	bool moved_by_us;
	bool numa_stat_absent;
	bool in_danger; /* the host or a node has little left */
};

extern const struct sensor service_sensor;

/* Bytes above which a service is one that weighs on this host. */
uint64_t service_sensor_weight(const struct sense *sense);
