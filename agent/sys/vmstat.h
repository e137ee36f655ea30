/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * /proc/vmstat and nodeN/vmstat: "name value" lines, mm/vmstat.c (2.6.32 to 7.2). Gauges (nr_*) are
 * in pages; the rest counts events since boot. A node's file has gauges and numa_*, and reclaim
 * events in the newest kernels only (7.2). Names that the kernel splits by zone are summed:
 * allocstall_normal + allocstall_movable + ... (since 4.8), pgscan_direct_normal + ... (before).
 *
 * Before 3.5 pgsteal_* by zone is what all reclaim got and kswapd_steal what kswapd got of it; they
 * come out as pgsteal_kswapd and pgsteal_direct. Before 5.9 there is one workingset_refault, of
 * file pages.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sysroot;

enum vmstat_key {
	VMSTAT_FREE_PAGES,
	VMSTAT_ACTIVE_FILE,
	VMSTAT_INACTIVE_FILE,
	VMSTAT_ACTIVE_ANON,
	VMSTAT_INACTIVE_ANON,
	VMSTAT_ANON_PAGES,
	VMSTAT_SHMEM,
	VMSTAT_DIRTY,
	VMSTAT_WRITEBACK,
	VMSTAT_SLAB_RECLAIMABLE,
	VMSTAT_SLAB_UNRECLAIMABLE,
	VMSTAT_OOM_KILL,   /* 4.13 */
	VMSTAT_ALLOCSTALL, /* all zones */
	VMSTAT_PGSCAN_KSWAPD,
	VMSTAT_PGSCAN_DIRECT, /* without pgscan_direct_throttle */
	VMSTAT_PGSTEAL_KSWAPD,
	VMSTAT_PGSTEAL_DIRECT,
	VMSTAT_PGSCAN_KHUGEPAGED, /* after 6.1; before, it counted as direct */
	VMSTAT_PGSTEAL_KHUGEPAGED,
	VMSTAT_PGSCAN_PROACTIVE, /* after 6.12; memory.reclaim */
	VMSTAT_PGSTEAL_PROACTIVE,
	VMSTAT_PGMAJFAULT,
	VMSTAT_PSWPIN,
	VMSTAT_PSWPOUT,
	VMSTAT_PGMIGRATE_SUCCESS,
	VMSTAT_PGMIGRATE_FAIL,
	VMSTAT_COMPACT_STALL,
	VMSTAT_COMPACT_FAIL,
	VMSTAT_COMPACT_SUCCESS,
	VMSTAT_PIN_ACQUIRED, /* nr_foll_pin_acquired, 5.7 */
	VMSTAT_PIN_RELEASED,
	VMSTAT_REFAULT_FILE,		   /* 3.15 */
	VMSTAT_REFAULT_ANON,		   /* 5.9 */
	VMSTAT_DIRTY_THRESHOLD,		   /* 2.6.37 */
	VMSTAT_DIRTY_BACKGROUND_THRESHOLD, /* likewise */
	VMSTAT_COUNT_,
};

struct vmstat {
	uint64_t present; /* bits 1 << enum vmstat_key */
	uint64_t values[VMSTAT_COUNT_];
	/* pgscan_* and pgsteal_* have what services reclaim at their own limits too: seen in 7.2.
	 */
	bool reclaim_of_services;
};

static inline bool vmstat_has(const struct vmstat *v, enum vmstat_key key)
{
	return (v->present >> key) & 1;
}

/* 0; -EINVAL when no known line is there. */
int vmstat_parse(const char *text, size_t length, struct vmstat *ret);

/* Descriptors to keep and read with sysroot_read_fd(); 16 KiB hold either file. fd or -errno. */
int vmstat_open(const struct sysroot *root);
/* Where the kernel has no node directories at all, node 0 is the machine: its file then is the
 * host's. -ENOENT: no such node. */
int vmstat_open_node(const struct sysroot *root, unsigned node);
