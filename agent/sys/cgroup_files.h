/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The files of a v2 cgroup, Documentation/admin-guide/cgroup-v2.rst. Bytes. Keys come in any order
 * and more are added with each kernel, so they are found by name and each says whether it was
 * there.
 */

#include "sys/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* "max" in a limit file. */
#define CGROUP_INFINITY UINT64_MAX
/* v1 prints "unlimited" as LONG_MAX rounded down to a page, up to 64 KiB of it. */
#define CGROUP_V1_UNLIMITED ((uint64_t)INT64_MAX - 0xffff)

/* memory.current, high, max, low, min, swap.current, pids.current...: one number or "max". v1's
 * unlimited (LONG_MAX rounded down to a page) is infinity too. 0; -EINVAL; -ERANGE. */
int cgroup_parse_value(const char *text, size_t length, uint64_t *ret);

enum memory_event {
	MEMORY_EVENT_LOW,
	MEMORY_EVENT_HIGH,
	MEMORY_EVENT_MAX,
	MEMORY_EVENT_OOM,
	MEMORY_EVENT_OOM_KILL,
	MEMORY_EVENT_OOM_GROUP_KILL, /* 5.17 */
	MEMORY_EVENT_COUNT_,
};

/* Counters since the cgroup was made, its descendants' included (memory_localevents: without). */
struct memory_events {
	unsigned present; /* bits 1 << enum memory_event */
	uint64_t values[MEMORY_EVENT_COUNT_];
};

/* Lines of "name value": fills values[] by the names' positions (32 at most); returns which were
 * there, as bits. */
unsigned cgroup_parse_flat(const char *text, size_t length, const char *const *names, size_t count,
			   uint64_t *values);

/* 0; -EINVAL when none of them is there. */
int cgroup_parse_memory_events(const char *text, size_t length, struct memory_events *ret);

enum memory_stat {
	MEMORY_STAT_ANON,
	MEMORY_STAT_FILE,
	MEMORY_STAT_SHMEM,
	MEMORY_STAT_FILE_DIRTY,
	MEMORY_STAT_FILE_WRITEBACK,
	MEMORY_STAT_ACTIVE_ANON,
	MEMORY_STAT_INACTIVE_ANON,
	MEMORY_STAT_ACTIVE_FILE,
	MEMORY_STAT_INACTIVE_FILE,
	MEMORY_STAT_UNEVICTABLE,
	MEMORY_STAT_SLAB_RECLAIMABLE,
	MEMORY_STAT_SLAB_UNRECLAIMABLE,
	MEMORY_STAT_KERNEL_STACK,
	MEMORY_STAT_SOCK,
	MEMORY_STAT_PGMAJFAULT,		     /* events from here on */
	MEMORY_STAT_WORKINGSET_REFAULT_ANON, /* 5.9 */
	MEMORY_STAT_WORKINGSET_REFAULT_FILE,
	MEMORY_STAT_WORKINGSET_REFAULT, /* of files, 4.15 to 5.8 */
	MEMORY_STAT_COUNT_,
};

struct memory_stat_values {
	unsigned present; /* bits 1 << enum memory_stat */
	uint64_t values[MEMORY_STAT_COUNT_];
};

int cgroup_parse_memory_stat(const char *text, size_t length, struct memory_stat_values *ret);
/* The sum of these (bits), as far as they are there; false: none is. */
bool cgroup_stat_sum(const struct memory_stat_values *stat, unsigned bits, uint64_t *ret);

/* memory.numa_stat (5.10): a line a key, "anon N0=4096 N1=0". */
struct cgroup_node_share {
	unsigned node;
	uint64_t anon_bytes; /* without shmem, as memory.stat */
	uint64_t file_bytes; /* shmem included */
	uint64_t shmem_bytes;
	uint64_t unevictable_bytes;
};

/* One entry for each node that the lines name, by id. Returns how many there are (only capacity are
 * stored); -EINVAL when a line of these four is missing: the text was cut. */
int cgroup_parse_numa_stat(const char *text, size_t length, struct cgroup_node_share *ret_shares,
			   size_t capacity);

/* For the parsers of such lines here and in cgroup_v1_files.c. */
struct cgroup_share_table {
	struct cgroup_node_share *shares;
	size_t capacity;
	size_t count;
	size_t overflow; /* the most nodes of one line that found no place */
};

/* "N0=4096 N1=0": adds each number times `unit` to the field at `offset` of the node's share.
 * False: a share is not of the form. */
bool cgroup_parse_share_line(struct span line, struct cgroup_share_table *table, size_t offset,
			     uint64_t unit);

/* io.stat: the disk that most was written to, as makedev(); of equals the one with the lower
 * number. False: nothing was written to any. */
bool cgroup_parse_io_stat(const char *text, size_t length, uint64_t *ret_device);

struct cgroup_events {
	bool populated_known;
	bool populated;
	bool frozen_known;
	bool frozen;
};

int cgroup_parse_events(const char *text, size_t length, struct cgroup_events *ret);
