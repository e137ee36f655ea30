/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Fixed-size messages between the agent and its worker processes: one request at a time for each
 * worker, any number of replies, the last one with `final` set. Sent over a SOCK_SEQPACKET pair, so
 * a message arrives whole or not at all.
 */

#include "core/detail.h"
#include "core/plan.h"
#include "core/snapshot.h"
#include "util/idset.h"

#include <sys/types.h>

enum work_kind {
	WORK_INSPECT, /* read the files that take the target's mmap_lock */
	/* The same files, for people: many replies, each a description. An inspector's. */
	WORK_DESCRIBE,
	WORK_MIGRATE,
	WORK_TRIAL, /* a migrator moves memory of its own, to show how fast that is here */
	/* Free the memory of a process that was sent SIGKILL; pid 0: say whether that can be done.
	 */
	WORK_RELEASE,
	/* What a clerk does. */
	WORK_SET,	/* one setting, by the right door; read back */
	WORK_RECLAIM,	/* memory.reclaim in chunks, or a node's */
	WORK_COMPACT,	/* a node */
	WORK_DROP_SLAB, /* reclaimable slab of the host */
	WORK_UNIT,	/* starts, stops or restarts a unit, and waits for the job */
	WORK_CANCEL,	/* the running request ends at its next chunk */
	WORK_RESIZE,	/* the running migrate request: `bytes` is the new total */
};

struct work_setting {
	struct setting_target on;
	char path[PATH_BYTES]; /* of a service's cgroup */
	struct setting_value value;
	enum cgroup_owner owner;
	/* A limit below use is approached: the worker reclaims first, and never sets it below this
	 * (the protected part). 0: no floor. */
	uint64_t floor_bytes;
	bool is_undo;	   /* the base value, or what other claims leave */
	bool drop_in_goes; /* of an undo: nobody had one before us */
};

struct work_relief {
	char path[PATH_BYTES]; /* RECLAIM of a cgroup */
	uint64_t key;	       /* its inode */
	bool of_node;
	unsigned node;
	uint64_t bytes;
};

enum unit_verb {
	UNIT_START,
	UNIT_STOP,
	UNIT_RESTART,
	UNIT_ARM, /* a canary; done when it holds its memory */
	UNIT_DISARM,
};

/* Of a move, beside the amounts. */
struct work_move {
	char path[PATH_BYTES]; /* of the service's cgroup, whose pressure is watched; "": none is */
	/* Nobody is in need of it: it gives way to what its service and the host do, and leaves
	 * huge pages where they are that would have to be split. */
	bool is_calm;
	/* The node runs dry in moments: nobody's turn on the processors comes first. */
	bool is_urgent;
	/* Several workers share a process: each takes the windows whose number leaves `part` when
	 * divided by `parts`. 0 parts: all of them. */
	unsigned part;
	unsigned parts;
	/* Only mappings whose own policy prefers that node: a guest's memory has several homes. */
	bool has_preferred;
	unsigned preferred;
};

struct work_unit {
	enum unit_verb verb;
	char unit[UNIT_NAME_BYTES];
	/* UNIT_ARM, and the slice for UNIT_DISARM */
	char slice[UNIT_NAME_BYTES]; /* "": the system's */
	uint64_t bytes;
	bool has_node;
	unsigned node;
};

struct work_request {
	enum work_kind kind;
	uint64_t token; /* comes back in each reply */
	pid_t pid;
	uint64_t start_ticks; /* the process must still be this one */
	/* WORK_MIGRATE, WORK_RESIZE */
	unsigned from_node;
	unsigned to_node;
	uint64_t bytes;
	uint64_t chunk_bytes;	   /* one move_pages call at most */
	usec_t pause_usec;	   /* from the start of a chunk to that of the next, at least */
	uint64_t to_reserve_bytes; /* stop when the destination's free memory would fall below */
	bool move_shared;
	/* WORK_INSPECT: where a policy is seen that prefers a node, all mappings are gone through
	 * to tell how much of them is there. */
	bool wants_preferences;
	/* WORK_INSPECT: so they are to tell what of its shared memory ends with its users. */
	bool wants_shared;
	usec_t deadline_usec; /* what a clerk does: give up after this long */
	union {
		struct work_move move;	     /* WORK_MIGRATE */
		struct work_setting setting; /* WORK_SET */
		struct work_relief relief;   /* WORK_RECLAIM, WORK_COMPACT */
		struct work_unit unit;	     /* WORK_UNIT */
	};
};

/* What command line and numa_maps tell of a process. */
struct inspection {
	bool bound_known;
	struct idset
		bound; /* intersection of all bind policies seen; meaningless unless has_bind */
	bool has_bind;
	uint8_t bound_by; /* enum confinement_reason, without the cpuset's */
	/* Of the task itself, as the kernel asks when it looks for a victim. */
	enum task_policy task_policy;
	struct idset task_nodes; /* with BIND and INTERLEAVE */
	enum guest_type guest;
	enum service_hold hold;
	bool migration_known;	       /* `hold` says whether one is under way now */
	bool memory_locked;	       /* mlock() by its own wish, which pins nothing */
	char guest_name[NAME_BYTES];   /* empty: none given */
	uint64_t guest_declared_bytes; /* 0 unknown */
	bool guest_pooled;	       /* ... and all of it comes from pools of huge pages */
	bool vcpus_kept;	       /* a virtual CPU, to the processors of some nodes */
	uint64_t user_ticks;	       /* on a processor, since it began */
	uint64_t mortal_bytes;	       /* with wants_shared: shared memory that has no name */
	/* Of the mappings that were looked through, by preferred node. */
	struct preference preferences[PREFERENCES_MAX];
	size_t preference_count;
};

enum description_part {
	DESCRIPTION_NOTHING,
	DESCRIPTION_START,
	DESCRIPTION_BACKEND,
	DESCRIPTION_TASK, /* the task's policy, in `use` */
	DESCRIPTION_USE,
	DESCRIPTION_USES_END, /* all uses were said */
	DESCRIPTION_USES_CUT, /* ... but those that there was no room for */
};

/* A part of what is to be told of a process (struct guest_detail). */
struct description {
	enum description_part part;
	union {
		struct guest_start start;
		struct guest_backend backend;
		struct policy_use use;
	};
};

struct work_reply {
	uint64_t token;
	bool final;
	int error; /* errno value, 0 for success; ESRCH: the process is gone or another one */
	uint64_t done_bytes;
	struct page_accounts pages;
	/* Of a move or a trial, so far. */
	usec_t finding_usec; /* spent on finding pages, and asking where they are */
	usec_t moving_usec;  /* spent in calls that move */
	usec_t longest_call_usec;
	union {
		/* What a clerk did. */
		struct {
			struct setting_value in_force; /* WORK_SET: read back */
			bool in_force_known;
			char said[NAME_BYTES]; /* for people; "": the error says it all */
		};
		struct inspection inspection;	/* WORK_INSPECT */
		struct description description; /* WORK_DESCRIBE */
	};
};
