/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What memory is spent on, the kernel's own included: meminfo's amounts, slab caches and their
 * growth, the ARC, zram, the reserve. In calm rounds only, each file at its own pace.
 *
 * mem.unaccounted is what is left of MemTotal when everything is taken off that has a name, each
 * page once and rather too little than too much:
 *
 *   MemFree, the huge page pool, Slab, PageTables, SecPageTables, Percpu, Bounce, Balloon, GPU*;
 *   the larger of (AnonPages, Cached, Buffers) and (Active, Inactive, Unevictable): two views of
 *     the same pages, neither of which has all. Shmem is in Cached; Mlocked is in Unevictable; what
 *     is in SwapCached is in AnonPages while it is mapped and on the lists anyhow;
 *   the larger of VmallocUsed and KernelStack: stacks come from vmalloc on most machines since 4.9,
 *     and where they do not the smaller one stays unaccounted. Before 5.3 the kernel does not tell
 *     what vmalloc holds, which then is unaccounted too;
 *   what zram and zswap hold, which meminfo names not at all or since 5.19.
 *
 * The ARC stays in: part of it is in Slab and vmalloc, and to take that off twice would hide what
 * drivers leak. So do pages on the CPUs' own free lists, some MiB for each CPU, network buffers,
 * and all that a driver took for itself. On a healthy host a few percent are unaccounted for.
 *
 * mem.arc-reclaimable is beside mem.available, not in it. The kernel knows nothing of the ARC,
 * which gives way when it is told to and at its own pace: memory that a burst cannot have. A rule
 * that wants to count it in adds the two.
 */

#include "core/detail.h"
#include "model/growth.h"
#include "sense/sensor.h"
#include "util/idset.h"

struct meminfo;

/* Caches whose growth is followed: the largest. */
#define KERNEL_SLABS 16

struct kernel_slab {
	char name[SLAB_NAME_BYTES]; /* "": unused */
	struct growth growth;
};

struct kernel_sensor {
	int slabinfo_fd; /* or why there is none */
	int arcstats_fd; /* likewise */
	int zram_error;	 /* 0: `zram` has all devices */
	struct idset zram;
	bool zram_listed;  /* and not read since */
	usec_t amounts_at; /* 0: never */
	bool amounts_due;  /* a step was about them */
	usec_t slabs_at;
	uint64_t slab_bytes;	  /* meminfo's, at the last reading of meminfo */
	uint64_t slab_bytes_then; /* at the last reading of slabinfo */
	bool amounts_failed;
	struct growth growth; /* of mem.kernel */
	struct kernel_slab slabs[KERNEL_SLABS];
};

extern const struct sensor kernel_sensor;

/* Bytes in huge page pools of all sizes, which before 4.16 meminfo does not add up. */
uint64_t kernel_sensor_pool_bytes(const struct sense *sense, const struct meminfo *m);
/* The growth of one cache as far as it is known. */
bool kernel_sensor_slab_growth(const struct sense *sense, const char *name, int64_t *ret_bytes,
			       usec_t *ret_usec);
