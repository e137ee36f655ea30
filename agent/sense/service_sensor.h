/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the services have: reads their cgroups' files into the registry's entries and makes the
 * snapshot's readings of them, so that a service's numbers leave out what belongs to services below
 * it. service_registry.h says who they are, process_sensor.h what runs in them.
 */

#include "sense/sensor.h"
#include "sense/service_agenda.h"

struct service_sensor {
	struct service_agenda agenda;
	size_t look_cursor; /* where the turns go on */
	size_t read_cursor;
	usec_t looked_at; /* when it was somebody's turn last */
	usec_t read_at;
	unsigned part; /* of the services that do not weigh: whose turn it is */
	unsigned parts_left;
	bool is_stirred;  /* the host moved since the round before */
	bool all_touched; /* since the last tick */
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
	size_t new_left; /* services that may be read for the first time in this round */
	bool has_put_off;
	bool in_danger;	   /* the host or a node has little left */
	bool in_doubt;	   /* or not much more than that */
	bool was_in_doubt; /* when it was last decided which files stay open */
	bool is_forced;	   /* some service is to be looked at that no bit names */
};

extern const struct sensor service_sensor;

/* Bytes above which a service is one that weighs on this host. */
uint64_t service_sensor_weight(const struct sense *sense);

/* Has any service something the matter that should be followed, or are some still to be looked at
 * because the host moved? */
bool service_sensor_goes_on(const struct sense *sense);
/* Its readings changed, or may have. */
void service_sensor_touch(struct sense *sense, size_t index);
/* Somebody set is_forced or is_forced_list of some service. */
void service_sensor_force(struct sense *sense);
