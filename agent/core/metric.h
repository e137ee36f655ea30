/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The metric catalogue: every quantity that a rule can name, with its scope, dimension and whole.
 * All values are integers: bytes, hundredths of a percent, plain counts, microseconds, bytes per
 * second, events per second.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dimension {
	DIM_COUNT,
	DIM_BYTES,
	DIM_PERCENT,	/* hundredths of a percent */
	DIM_DURATION,	/* microseconds */
	DIM_BYTE_RATE,	/* bytes per second */
	DIM_COUNT_RATE, /* events per second */
};

enum scope {
	SCOPE_HOST,
	SCOPE_NODE,
	SCOPE_SERVICE,
	SCOPE_CANARY,
	SCOPE_COUNT_,
};

/* What is known of one metric of one subject. INFINITE is larger than every known value: a level
 * that does not fall never empties. */
enum reading_state {
	READING_UNKNOWN,
	READING_KNOWN,
	READING_INFINITE,
};

/* Without padding: a service has thirty of them, and a host a thousand services. */
struct __attribute__((packed)) reading {
	int64_t value; /* meaningful when KNOWN */
	uint8_t state; /* enum reading_state */
};

static inline struct reading reading_of(int64_t value)
{
	return (struct reading){ .value = value, .state = READING_KNOWN };
}

/* An amount that is known; else 0. */
static inline uint64_t reading_amount(struct reading r)
{
	return r.state == READING_KNOWN && r.value > 0 ? (uint64_t)r.value : 0;
}

#define READING_NONE	((struct reading){ .state = READING_UNKNOWN })
#define READING_FOREVER ((struct reading){ .state = READING_INFINITE })

/* Ordered by scope; within a scope the position is the index into the subject's readings. */
enum metric_id {
	METRIC_MEM_TOTAL,
	METRIC_MEM_FREE,
	METRIC_MEM_AVAILABLE,
	METRIC_MEM_TIME_TO_EMPTY,
	METRIC_SWAP_TOTAL,
	METRIC_SWAP_FREE,
	METRIC_PSI_CPU_SOME,
	METRIC_PSI_IO_SOME,
	METRIC_PSI_IO_FULL,
	METRIC_PSI_MEMORY_SOME,
	METRIC_PSI_MEMORY_FULL,
	METRIC_PSI_MEMORY_SOME_NOW,
	METRIC_PSI_MEMORY_FULL_NOW,
	METRIC_PSI_MEMORY_SOME_SHARED,
	METRIC_PSI_MEMORY_FULL_SHARED,
	METRIC_HOST_OOM_KILLS,
	METRIC_HOST_ALLOC_FAILURES,
	METRIC_HOST_ALLOCSTALL_RATE,
	METRIC_HOST_DIRECT_RECLAIM_RATE,
	METRIC_HOST_RECLAIM_EFFICIENCY,
	METRIC_HOST_REFAULT_ANON_RATE,
	METRIC_HOST_REFAULT_FILE_RATE,
	METRIC_HOST_SWAP_IN_RATE,
	METRIC_HOST_SWAP_OUT_RATE,
	METRIC_HOST_MAJOR_FAULT_RATE,
	METRIC_HOST_COMPACT_STALL_RATE,
	METRIC_HOST_COMPACT_FAIL_RATE,
	METRIC_HOST_MIGRATE_RATE,
	METRIC_HOST_MIGRATE_FAIL_RATE,
	METRIC_MEM_DIRTY,
	METRIC_MEM_DIRTY_LIMIT,
	METRIC_MEM_DIRTY_BACKGROUND_LIMIT,
	METRIC_MEM_WRITEBACK,
	METRIC_MEM_ANON,
	METRIC_MEM_FILE,
	METRIC_MEM_SHMEM,
	METRIC_MEM_HUGETLB,
	METRIC_MEM_KERNEL,
	METRIC_MEM_KERNEL_GROWTH,
	METRIC_MEM_SLAB_RECLAIMABLE,
	METRIC_MEM_SLAB_UNRECLAIMABLE,
	METRIC_MEM_SLAB_TOP,
	METRIC_MEM_SLAB_TOP_GROWTH,
	METRIC_MEM_PAGE_TABLES,
	METRIC_MEM_VMALLOC,
	METRIC_MEM_PERCPU,
	METRIC_MEM_KERNEL_STACK,
	METRIC_MEM_UNACCOUNTED,
	METRIC_MEM_ARC,
	METRIC_MEM_ARC_RECLAIMABLE,
	METRIC_MEM_ZRAM,
	METRIC_MEM_RESERVE,
	METRIC_MEM_PROTECTED,
	METRIC_MEM_LIMIT,
	METRIC_MEM_LIMIT_HEADROOM,
	METRIC_HOST_CROWD,
	METRIC_HOST_END_,

	METRIC_NODE_TOTAL = METRIC_HOST_END_,
	METRIC_NODE_FREE,
	METRIC_NODE_CLEAN,
	METRIC_NODE_HEADROOM,
	METRIC_NODE_TIME_TO_EMPTY,
	METRIC_NODE_CONFINED,
	METRIC_NODE_MOVABLE,
	METRIC_NODE_DIRTY,
	METRIC_NODE_ANON,
	METRIC_NODE_SHMEM,
	METRIC_NODE_SLAB_RECLAIMABLE,
	METRIC_NODE_SLAB_UNRECLAIMABLE,
	METRIC_NODE_HUGETLB_FREE,
	METRIC_NODE_UNUSABLE_ORDER_2,
	METRIC_NODE_UNUSABLE_ORDER_3,
	METRIC_NODE_UNUSABLE_ORDER_9,
	METRIC_NODE_END_,

	METRIC_SERVICE_CURRENT = METRIC_NODE_END_,
	METRIC_SERVICE_ANON,
	METRIC_SERVICE_SWAP,
	METRIC_SERVICE_HIGH,
	METRIC_SERVICE_MAX,
	METRIC_SERVICE_PSI_SOME,
	METRIC_SERVICE_PSI_FULL,
	METRIC_SERVICE_EVENTS_HIGH,
	METRIC_SERVICE_EVENTS_MAX,
	METRIC_SERVICE_EVENTS_OOM,
	METRIC_SERVICE_OOM_KILLS,
	METRIC_SERVICE_FILE,
	METRIC_SERVICE_SHMEM,
	METRIC_SERVICE_DIRTY,
	METRIC_SERVICE_SLAB,
	METRIC_SERVICE_MIN,
	METRIC_SERVICE_LOW,
	METRIC_SERVICE_SWAP_MAX,
	METRIC_SERVICE_LIMIT,
	METRIC_SERVICE_HEADROOM,
	METRIC_SERVICE_TIME_TO_LIMIT,
	METRIC_SERVICE_REFAULT_RATE,
	METRIC_SERVICE_EVENTS_HIGH_RATE,
	METRIC_SERVICE_EVENTS_MAX_RATE,
	METRIC_SERVICE_PSI_SELF,
	METRIC_SERVICE_OOM_GROUP,
	METRIC_SERVICE_PROCESSES,
	METRIC_SERVICE_CONFINED,
	METRIC_SERVICE_RESTARTS,
	METRIC_SERVICE_RESTARTS_AFTER_OOM,
	METRIC_SERVICE_CROWD,
	METRIC_SERVICE_END_,

	METRIC_CANARY_SIZE = METRIC_SERVICE_END_,
	METRIC_CANARY_HELD,
	METRIC_CANARY_DEAD,
	METRIC_CANARY_DEATHS,
	METRIC_CANARY_KERNEL_KILLS,
	METRIC_CANARY_END_,

	METRIC_COUNT_ = METRIC_CANARY_END_,
	METRIC_NONE = -1,
};

#define METRIC_HOST_COUNT    ((size_t)METRIC_HOST_END_)
#define METRIC_NODE_COUNT    ((size_t)(METRIC_NODE_END_ - METRIC_HOST_END_))
#define METRIC_SERVICE_COUNT ((size_t)(METRIC_SERVICE_END_ - METRIC_NODE_END_))
#define METRIC_CANARY_COUNT  ((size_t)(METRIC_CANARY_END_ - METRIC_SERVICE_END_))

struct metric {
	const char *name; /* "node.headroom" */
	enum scope scope;
	enum dimension dimension;
	enum metric_id whole; /* what a percentage beside it is a percentage of, or METRIC_NONE */
	const char *source;   /* kernel file and field, or the formula's place */
	const char *meaning;  /* one sentence */
};

/* The row of the catalogue; never NULL for a valid id. */
const struct metric *metric_get(enum metric_id id);
/* METRIC_NONE if there is no metric of that name. */
enum metric_id metric_find(const char *name);

/* Position among the readings of a subject of its scope. Here, as nearly all ids are known when it
 * is compiled, and readings are set and asked for all the time. */
static inline size_t metric_index(enum metric_id id)
{
	if (id >= METRIC_SERVICE_END_)
		return (size_t)id - METRIC_SERVICE_END_;
	if (id >= METRIC_NODE_END_)
		return (size_t)id - METRIC_NODE_END_;
	if (id >= METRIC_HOST_END_)
		return (size_t)id - METRIC_HOST_END_;
	return (size_t)id;
}

const char *dimension_name(enum dimension d); /* "bytes", "percent", "count", "duration", ... */
const char *scope_name(enum scope s);	      /* "host", "node", "service", "canary" */

struct strbuf;
/* A value in its dimension's spelling: "1.5 GiB", "12.3%", "20s", "100 MiB/s", "infinity",
 * "unknown". */
void reading_format(struct reading r, enum dimension d, struct strbuf *out);
