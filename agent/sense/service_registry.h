/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The services of the machine: which cgroups of the tree a policy matches, kept over rounds by path
 * and inode. A cgroup that was made anew at an old path is another service. On a hybrid host the
 * tree is v2's and their memory is accounted in v1's; service_files.h knows.
 */

#include "model/pressure_average.h"
#include "model/slope.h"
#include "sense/sensor.h"
#include "sys/cgroup_dir.h"
#include "sys/cgroup_files.h"

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
	SERVICE_OOM_CONTROL, /* v1 */
	SERVICE_FILE_COUNT_,
};

/* As the kernel counts them: with everything below. */
struct service_totals {
	bool current_known;
	bool anon_known;
	bool swap_known;
	bool shares_known;
	bool file_known; /* and shmem */
	bool dirty_known;
	bool slab_known;
	bool refault_known;
	bool rates_known; /* of events */
	bool is_flat;	  /* v1 without memory.use_hierarchy: nothing of what is below is in it */
	uint32_t high_rate;
	uint32_t max_rate;
	uint64_t current_bytes;
	uint64_t anon_bytes;
	uint64_t swap_bytes;
	uint64_t file_bytes; /* without shmem */
	uint64_t shmem_bytes;
	uint64_t dirty_bytes;
	uint64_t slab_bytes;
	uint64_t refault_rate; /* bytes a second */
	struct memory_events events;
};

/* What rates are made of: counters at the reading before. A slower round than once a second gives
 * what was between two of its readings. */
struct service_history {
	usec_t events_at; /* 0: never */
	usec_t stat_at;	  /* when memory.stat was last read; 0: never */
	usec_t config_at; /* when what hardly ever changes was; 0: never */
	usec_t hit_at;	  /* when events were last seen to have grown; 0: not yet */
	uint64_t high;
	uint64_t max;
	uint64_t refaults; /* pages */
	bool refaults_known;
	bool was_under_oom;	  /* v1 */
	uint32_t times_under_oom; /* v1: as seen */
	struct pressure_average pressure;
};

struct service_entry {
	const char *path; /* in the registry's text, as is the name */
	const char *name;
	char *guest_name; /* what its guest is called, where that is another name; or NULL */
	uint64_t inode;	  /* 0 in a fixture */
	size_t parent;	  /* the nearest service that it lies below, or NO_SERVICE */
	uint32_t bound;	  /* the cgroup right above it (service_bounds.h) */
	/* Kept open where it pays (service_sensor.c), else -1. */
	int dir_fd;
	int files[SERVICE_FILE_COUNT_];
	int event_wds[2];    /* watches of its files (event_files.c); 0: none */
	uint32_t first_slot; /* its part of the process pool */
	uint32_t slot_count;
	uint32_t crowd_pages; /* crowd.h */
	uint32_t crowd_host_pages;
	enum guest_type path_guest;
	bool has_memory;     /* memory.current is there */
	bool is_gone;	     /* found removed; taken out at the end of the round */
	bool is_carried;     /* taken over into a new list, while that is made */
	bool is_forced;	     /* read it whatever the economy says */
	bool is_forced_list; /* likewise, its processes */
	bool is_changed;     /* its readings are to be made anew */
	bool is_oom_killed;  /* the kernel said that it took a process of it */
	bool is_stalled;     /* pressure was not zero when last read, or something grew */
	bool is_near_limit;
	bool wants_slots; /* there were more processes than slots */
	struct service_totals totals;
	struct service_history history;
	uint64_t max_bytes;  /* its own hard limit as last read; CGROUP_INFINITY: none known */
	struct slope *slope; /* of its headroom, where there is a limit that it can meet; or NULL */
	struct cpu_watch *cpu_watch;		 /* cpu_places.h; or NULL */
	struct service_preferences *preferences; /* preferences.h; or NULL */
	uint64_t pulse_bytes;  /* memory.current when all its files were last read */
	uint64_t listed_bytes; /* ... when its processes were last listed */
	usec_t read_at;	       /* 0: never */
	usec_t listed_at;      /* 0: never */
	/* Events of services below it that are gone: its own counters hold them for ever. */
	uint32_t gone_events[MEMORY_EVENT_COUNT_];
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
	char *text;			   /* paths and names of the services */
	struct cgroup_node_share *scratch; /* one service's, by node, while it is read */
	/* The list of nodes that the shares were made for: its generation and length. While it is
	 * another one than the nodes', shares are left alone. */
	unsigned generation;
	size_t node_count;
	bool is_due;	 /* a walk is due whatever the counts say */
	bool is_changed; /* a service was found gone */
	usec_t walked_at;
	unsigned walks;	 /* lists made so far */
	unsigned order;	 /* changes whenever entries come, go or change places */
	bool has_news;	 /* something was read or listed that calm rounds must look at */
	size_t unusable; /* cgroups whose names hold control characters */
	int tree_fd;	 /* cgroup.stat of the root, kept open; -1: there is none */
	struct tree_counts tree_counts; /* at the last walk */
};

extern const struct sensor service_registry_sensor;

/* Nodes that there is room for in `scratch`. */
size_t service_registry_scratch(const struct service_registry *registry);
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
