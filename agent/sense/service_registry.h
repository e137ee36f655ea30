/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The services of the machine: which cgroups of the v2 tree a policy matches, kept over rounds by
 * path and inode. A cgroup that was made anew at an old path is another service.
 */

#include "sense/sensor.h"
#include "sys/cgroup_files.h"
#include "sys/cgroup_layout.h"

#define NO_SERVICE SIZE_MAX

enum service_file {
	SERVICE_CURRENT,
	SERVICE_EVENTS,
	SERVICE_PRESSURE,
	SERVICE_NUMA_STAT,
	SERVICE_STAT,
	SERVICE_SWAP,
	SERVICE_HIGH,
	SERVICE_MAX,
	SERVICE_FILE_COUNT_,
};

/* As the kernel counts them: with everything below. */
struct service_totals {
	bool current_known;
	bool anon_known;
	bool swap_known;
	bool shares_known;
	uint64_t current_bytes;
	uint64_t anon_bytes;
	uint64_t swap_bytes;
	struct memory_events events;
};

struct service_entry {
	char *path;
	uint64_t inode;	 /* 0 in a fixture */
	size_t parent;	 /* the nearest service that it lies below, or NO_SERVICE */
	bool has_memory; /* memory.current is there */
	bool is_gone;	 /* found removed; taken out at the end of the round */
	bool is_carried; /* taken over into a new list, while that is made */
	bool is_forced;	 /* read it whatever the economy says */
	bool is_changed; /* its readings are to be made anew */
	/* Kept open where it pays (service_sensor.c), else -1. */
	int dir_fd;
	int files[SERVICE_FILE_COUNT_];
	struct service_totals totals;
	/* Events of services below it that are gone: its own counters hold them for ever. */
	uint64_t gone_events[MEMORY_EVENT_COUNT_];
	uint64_t pulse_bytes;  /* memory.current when all its files were last read */
	uint64_t listed_bytes; /* ... when its processes were last listed */
	usec_t read_at;	       /* 0: never */
	usec_t listed_at;      /* 0: never */
	bool is_stalled;       /* pressure was not zero when last read */
	bool is_near_limit;
	size_t first_slot; /* its part of the process pool */
	size_t slot_count;
	bool wants_slots; /* there were more processes than slots */
	bool is_forced_list;
	enum guest_type path_guest;
	char name[NAME_BYTES];
};

/* Cgroups of the whole tree. */
struct tree_counts {
	bool known;
	uint64_t living;
	uint64_t dying;
};

struct service_registry {
	struct service_entry *entries; /* in the order of paths, parents first */
	struct service *services;      /* the snapshot's, same order */
	struct node_share *totals;     /* by entry and node, with everything below */
	struct node_share *shares;     /* the same without services below: the snapshot's */
	size_t count;
	/* The list of nodes that the shares were made for: its generation and length. While it is
	 * another one than the nodes', shares are left alone. */
	unsigned generation;
	size_t node_count;
	bool is_due;	 /* a walk is due whatever the counts say */
	bool is_changed; /* a service was found gone */
	usec_t walked_at;
	unsigned walks;	 /* lists made so far */
	bool has_news;	 /* something was read or listed that calm rounds must look at */
	size_t unusable; /* cgroups whose names hold control characters */
	int tree_fd;	 /* cgroup.stat of the root, kept open; -1: there is none */
	struct tree_counts tree_counts; /* at the last walk */
};

extern const struct sensor service_registry_sensor;

/* Are the shares laid out for the nodes as they are? */
bool service_registry_has_shares(const struct sense *sense);
/* The policies changed: services that none matches any more are dropped, the others are matched
 * anew. Allocates nothing. */
void service_registry_rematch(struct sense *sense);
/* Takes out entries that are gone. */
void service_registry_sweep(struct sense *sense);
/* Opens the cgroup if it is still the one that was registered. 0; -ENOENT: it is gone, or another
 * one is in its place; other -errno. */
int service_registry_open(const struct sense *sense, const struct service_entry *entry,
			  struct cgroup_dir *ret);
