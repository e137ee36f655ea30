/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's own log, /dev/kmsg (3.5, Documentation/ABI/testing/dev-kmsg): what the kernel killed
 * for want of memory, and which allocations failed. Records of user space, which anybody who may
 * write to the device can make, carry another facility and are left out.
 *
 * A kill is told in several records, by era:
 *
 *   x invoked oom-killer: gfp_mask=0xd0(...), nodemask=0, order=2, ...    nodemask 4.9 to 4.20;
 *                                                                         order=-1: SysRq f
 *   x cpuset=/ mems_allowed=0-1                                           before 5.0
 *   Task in /A killed as a result of limit of /B                          before 5.0
 *   Out of memory: Kill process 9 (x) score 900 or sacrifice child        before 5.3: a choice only
 *   Killed process 9 (x) total-vm:...
 *   oom-kill:constraint=...,nodemask=0,...,task_memcg=/A,task=x,pid=9,... 5.0
 *   Tasks in /A are going to be killed due to memory.oom.group set        4.19
 *   Memory cgroup out of memory: Killed process 9 (x) total-vm:...        5.3
 *
 * Only "Killed process" is certain to be printed, as the rest is rate-limited: it makes the event,
 * and what is known of the others is added to it. Names of processes and cgroups are chosen by
 * whoever owns them and may hold whole records: every line is matched from its fixed ends, and
 * where a name could be read in two ways, the way that stays within its owner's cgroup is taken.
 */

#include "util/idset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sysroot;

/* To read from now on, without what was said before. To be polled for input. fd or -errno;
 * -EPERM, -EACCES: not allowed here (kernel.dmesg_restrict); -ENOENT, -ENOSYS: there is none, or
 * the tree is captured. */
int kmsg_open(const struct sysroot *root);

/* As the kernel bounds it, or cut to that. */
#define KMSG_RECORD_BYTES 8192

/* The next record, as it is. Its length; 0: none now; -EPIPE: some were overwritten before they
 * were read, go on; else -errno. buffer: KMSG_RECORD_BYTES, as the kernel refuses less. */
ssize_t kmsg_read(int fd, char *buffer, size_t size);

struct kmsg_record {
	uint64_t usec;	   /* of the kernel's own clock, near CLOCK_MONOTONIC */
	uint64_t sequence; /* without gaps, unless records were lost */
	char flag;	   /* '-': a line; 'c', '+': a part of one */
	const char *text;  /* escaped: \xNN for what is not printable, and for a backslash */
	size_t length;
};

/* 0; -EINVAL: not a record; -EPERM: not the kernel's own. */
int kmsg_parse(const char *data, size_t length, struct kmsg_record *ret);

enum kmsg_kind {
	KMSG_OOM_KILL,
	KMSG_ALLOC_FAILURE,
};

enum kmsg_constraint {
	KMSG_CONSTRAINT_UNKNOWN,
	KMSG_CONSTRAINT_NONE, /* the host as a whole */
	KMSG_CONSTRAINT_CPUSET,
	KMSG_CONSTRAINT_MEMORY_POLICY,
	KMSG_CONSTRAINT_MEMCG,
};

#define KMSG_COMM_BYTES 16
/* Longer ones are cut at the end. */
#define KMSG_CGROUP_BYTES 512

struct kmsg_finding {
	enum kmsg_kind kind;
	uint64_t usec;
	pid_t pid;		    /* of a kill, as PID 1's namespace counts; else 0 */
	char comm[KMSG_COMM_BYTES]; /* may hold any byte but NUL */
	enum kmsg_constraint constraint;
	unsigned order; /* of a failed allocation, or of one that led to a kill */
	bool order_known;
	bool by_hand; /* of a kill: somebody asked for it (SysRq f), where the kernel tells (4.3) */
	/* Of a kill: the nodes that the allocation was kept to, where the kernel tells; all of
	 * them are no constraint. */
	struct idset nodes;
	bool nodes_known;
	char cgroup[KMSG_CGROUP_BYTES]; /* the task's, no leading slash; "": the root, or unknown */
	bool cgroup_known;
	/* Of KMSG_CONSTRAINT_MEMCG: so much of `cgroup` is the one at its limit. */
	size_t limit_length;
	bool limit_known;
};

/* What was said of kills that are not told to their end. */
struct kmsg_reader {
	uint64_t usec; /* of what is kept here */
	uint64_t sequence;
	char line[1024]; /* the line before, as parts may follow */
	size_t line_length;
	bool line_done; /* it was understood already */
	enum kmsg_constraint constraint;
	pid_t pid;	 /* of an oom-kill: line; 0: none */
	char tail[1024]; /* its escaped cgroup and comm, that only the comm can part */
	size_t tail_length;
	bool tail_is_group;	       /* nothing but a cgroup, of all that are killed now */
	char limit[KMSG_CGROUP_BYTES]; /* the cgroup at its limit */
	bool limit_known;
	struct idset nodes;
	bool nodes_known;
	/* Of the report's first lines, which count for one kill, or for one group. */
	struct kmsg_request {
		bool is_known;
		bool is_answered; /* a kill was told since */
		bool by_hand;	  /* no allocation asks, but somebody */
		unsigned order;
		struct idset nodes;
		bool nodes_known;
		bool is_nodemask; /* these are not the task's, but the allocation's own */
	} request;
};

/* A zeroed reader is ready. True and the finding if this record completes one. */
bool kmsg_take(struct kmsg_reader *reader, const struct kmsg_record *record,
	       struct kmsg_finding *ret);
