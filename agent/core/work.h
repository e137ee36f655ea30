/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Fixed-size messages between the agent and its worker processes: one request at a time for each
 * worker, any number of replies, the last one with `final` set. Sent over a SOCK_SEQPACKET pair, so
 * a message arrives whole or not at all.
 */

#include "core/plan.h"
#include "core/snapshot.h"
#include "util/idset.h"

#include <sys/types.h>

enum work_kind {
	WORK_INSPECT, /* read the files that take the target's mmap_lock */
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
	enum guest_type guest;
	enum service_hold hold;
	bool memory_locked;	       /* mlock() by its own wish, which pins nothing */
	char guest_name[NAME_BYTES];   /* empty: none given */
	uint64_t guest_declared_bytes; /* 0 unknown */
};

struct work_reply {
	uint64_t token;
	bool final;
	int error; /* errno value, 0 for success; ESRCH: the process is gone or another one */
	uint64_t done_bytes;
	struct page_accounts pages;
	struct inspection inspection;
};
