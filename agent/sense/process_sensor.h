/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The processes that matter of each service: its largest, with what their status tells. Those of
 * services below it are theirs. One pool holds them all; a service's part of it is sized in calm
 * rounds, more for a service with much memory, so that the pool is bounded by the host's memory and
 * not by how many processes there are.
 */

#include "sense/node_sets.h"
#include "sense/sensor.h"

/* What the snapshot does not show of a process; same index as snapshot->processes. */
struct process_slot {
	usec_t inspected_at;	      /* 0: never */
	uint64_t inspected_rss_bytes; /* its size then */
	usec_t asked_at;	      /* an inspection is under way; 0: none */
	uint64_t declared_bytes;
	/* Of a guest that was started to receive a migration: its size when last looked at, until
	 * that stands still. */
	uint64_t incoming_rss_bytes;
	usec_t incoming_at;
	uint32_t user_ticks; /* then; wraps: differences count */
	uint8_t guest;	     /* enum guest_type */
	bool is_failed;	     /* the last inspection could not be made */
	bool is_pinned;	     /* by its command line */
	bool is_incoming;    /* a migration may be under way */
	bool is_outgoing;    /* one was, when last looked at */
	bool memory_locked;  /* by mlock(), which pins nothing */
	bool is_held_pinned; /* by the kernel's accounts */
	bool is_told_shared; /* what of its shared memory ends with it */
	bool is_pooled;	     /* all that its guest was declared comes from pools of huge pages */
	bool is_tied;	     /* its virtual CPUs, to those of some nodes */
	bool is_idle;	     /* between the last two inspections it used next to no CPU time */
	/* So many inspections go without all mappings, as one with them took too long. */
	uint8_t without_preferences;
};

struct process_sensor {
	struct process *processes; /* the snapshot's */
	struct process_slot *slots;
	size_t count;
	struct node_sets node_sets;
	unsigned walks; /* of the registry, when the parts were made */
	uint64_t listed;
	uint64_t unreadable;
	bool is_crowd_stale; /* crowd.h */
};

extern const struct sensor process_sensor;

struct service_entry;

/* Empties a service's part of the pool. */
void process_sensor_forget(struct sense *sense, const struct service_entry *entry);
/* Does its policy set the scores of its processes, so that all of them count? */
bool process_sensor_wants_scores(const struct sense *sense, size_t index);
/* Index of this process in the pool, or SIZE_MAX. */
size_t process_sensor_find(const struct sense *sense, pid_t pid, uint64_t start_ticks);
/* The index of the service that holds a slot of the pool, or NO_SERVICE. */
size_t process_sensor_owner(const struct sense *sense, size_t slot);
