/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the kernel says that it did for want of memory: a process that its OOM killer took, or an
 * allocation that failed. Detail for people; that a kill happened is counted elsewhere and more
 * surely (host.oom-kills, service.oom-kills). Where the log cannot be read those counters make the
 * event, and little is known but that there were kills.
 */

#include "util/idset.h"
#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum kernel_event_kind {
	KERNEL_EVENT_OOM_KILL,
	KERNEL_EVENT_ALLOC_FAILURE,
	/* Some of the log was overwritten before it was read. Nothing but the time is known. */
	KERNEL_EVENT_LOG_LOST,
};

enum oom_constraint { /* what the kernel ran out of */
		      OOM_CONSTRAINT_UNKNOWN,
		      OOM_CONSTRAINT_NONE, /* the memory of the host */
		      OOM_CONSTRAINT_CPUSET,
		      OOM_CONSTRAINT_MEMORY_POLICY,
		      OOM_CONSTRAINT_MEMCG, /* a cgroup's limit */
};

#define KERNEL_EVENT_COMM_BYTES	  16
#define KERNEL_EVENT_CGROUP_BYTES 512

struct kernel_event {
	enum kernel_event_kind kind;
	usec_t at_usec;		/* of the kernel's log, near CLOCK_MONOTONIC */
	usec_t not_before_usec; /* of ours: the log held nothing more then; 0: not known */
	pid_t pid; /* who was killed; 0 with a failed allocation, and where it is not known */
	char comm[KERNEL_EVENT_COMM_BYTES]; /* may hold any byte; "": not known */
	enum oom_constraint constraint;
	unsigned order;	  /* of the allocation that failed, or that led to a kill */
	bool order_known; /* of a failed one it always is */
	bool by_hand;	  /* a kill that somebody has asked for: nothing need have been short */
	/* Of a kill: what the allocation could have had memory of, where that is told. All nodes
	 * are no constraint. */
	bool nodes_known;
	struct idset nodes;
	unsigned dropped_before; /* events right before this one that found no room */
	unsigned counted;	 /* by a counter: so many kills. 0: by the log, and one */
	bool cgroup_known;
	char cgroup[KERNEL_EVENT_CGROUP_BYTES]; /* no leading slash; "": the root */
	/* The cgroup that was at its limit is that one, or above it: so much of its path. */
	bool limit_known;
	size_t limit_length;
};
