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
	WORK_RELEASE, /* free the memory of a process that was sent SIGKILL */
	WORK_CANCEL,  /* the running request ends at its next chunk */
	WORK_RESIZE,  /* the running migrate request: `bytes` is the new total */
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
	union {
		struct inspection inspection;	/* WORK_INSPECT */
		struct description description; /* WORK_DESCRIBE */
	};
};
