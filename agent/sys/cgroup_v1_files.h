/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The files of a v1 memory cgroup whose form differs from v2's, by the same names and units as
 * cgroup_files.h has: Documentation/admin-guide/cgroup-v1/memory.rst and mm/memcontrol.c of 3.10 to
 * 6.12. memory.usage_in_bytes, limit_in_bytes and failcnt are read by cgroup_parse_value().
 */

#include "sys/cgroup_files.h"

struct cgroup_v1_stat {
	/* The total_ keys: with everything below. File memory has shmem in it, as in v2. No kernel
	 * tells of slab here. */
	struct memory_stat_values stat;
	bool swap_known; /* swapaccount=1 */
	uint64_t swap_bytes;
	/* The least of its own and of those above it; CGROUP_INFINITY without one. */
	bool limit_known;
	uint64_t limit_bytes;
	bool memsw_known; /* of memory and swap together */
	uint64_t memsw_limit_bytes;
};

/*
 * 0; -EINVAL when there are no total_ keys. Before 4.13 shmem is not printed; it lives on the lists
 * of anonymous pages, so it is taken to be what the page cache has more than the lists of file
 * pages: file pages that are locked in memory count as shmem, as what cannot be dropped either.
 */
int cgroup_v1_parse_stat(const char *text, size_t length, struct cgroup_v1_stat *ret);

/*
 * memory.numa_stat, which is in pages here: one entry for each node, by id, as
 * cgroup_parse_numa_stat(). The lists that it counts have shmem and swap cache among the anonymous
 * pages, and what is locked in memory on a list of its own, which counts as anonymous here.
 * *ret_hierarchical: they include what is below; kernels before 3.13 give the cgroup's own only.
 */
int cgroup_v1_parse_numa_stat(const char *text, size_t length, uint64_t page_size_bytes,
			      struct cgroup_node_share *ret_shares, size_t capacity,
			      bool *ret_hierarchical);

/* memory.oom_control */
struct cgroup_v1_oom {
	bool kill_disabled; /* tasks wait for somebody to raise the limit */
	bool under_oom;	    /* some do now */
	bool kills_known;   /* 4.13 */
	uint64_t kills;	    /* of the cgroup's own processes */
};

/* 0; -EINVAL when it does not say whether there is an OOM. */
int cgroup_v1_parse_oom(const char *text, size_t length, struct cgroup_v1_oom *ret);
