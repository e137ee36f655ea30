/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The cgroups above the services: slices, pods, the container that holds the agent. A service meets
 * the limit of any of them as it meets its own, and its protection is worth no more than theirs.
 * They are far fewer than services and hardly ever change, so their limits are read in calm rounds,
 * and what they hold only of those that have one, when a service below is looked at.
 */

#include "sense/sensor.h"

struct service_entry;

#define NO_BOUND UINT32_MAX

struct service_bound {
	char *path; /* "": the root of what is visible here */
	uint32_t up;
	int current_fd;	    /* kept open where it has a limit, else -1 */
	uint64_t max_bytes; /* CGROUP_INFINITY: none */
	uint64_t min_bytes; /* the least on the way from the root, this one included */
	uint64_t low_bytes;
	uint64_t current_bytes;
	uint64_t droppable_bytes;    /* file pages that need not be written first */
	uint64_t stat_current_bytes; /* memory.current when that was read */
	/* How often it has met a limit of its own; asked for where a service below is stalled. */
	uint64_t hits;
	usec_t limits_at; /* 0: never */
	usec_t current_at;
	usec_t stat_at;
	usec_t hits_at;
	usec_t hit_at; /* when that was seen to have grown last */
	bool max_known;
	bool current_known;
	bool hits_known;
};

struct service_bounds {
	struct service_bound *bounds; /* the root first, parents before children */
	size_t count;
	unsigned order; /* of the registry that they were made for */
	bool made;
	usec_t protected_at;
	size_t kept; /* descriptors */
};

extern const struct sensor service_bounds_sensor;

/* The hard limit that is met first, of the service's own (max_bytes with room_bytes left of it) and
 * of those above. False: there is none. */
struct service_headroom {
	uint64_t limit_bytes;
	uint64_t headroom_bytes;
	size_t path_length; /* of the cgroup that has it, which is so much of the service's path */
};

bool service_bounds_tightest(struct sense *sense, const struct service_entry *entry,
			     uint64_t room_bytes, struct service_headroom *ret);
/* The nearest cgroup above the service, the root aside, that has met a limit of its own within the
 * last seconds (model/attribution.h): the length of its path. 0: none that it is known of. Reads
 * files, for a service that is stalled. */
size_t service_bounds_hit(struct sense *sense, const struct service_entry *entry);
/* Caps a service's own memory.min and memory.low by what the cgroups above it have. */
void service_bounds_cap(const struct sense *sense, const struct service_entry *entry,
			uint64_t *min_bytes, uint64_t *low_bytes);
/* Some of their limits were written: they are read again in the next calm round. */
void service_bounds_forget(struct sense *sense);
/* A calm round: those above the services as they are now; what is known of the ones that stay is
 * kept. 0 or -ENOMEM, with none. */
int service_bounds_make(struct sense *sense);
void service_bounds_drop(struct service_bounds *bounds);
