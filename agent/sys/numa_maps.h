/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * /proc/PID/numa_maps, line by line: memory policy and pages by node of each mapping.
 * fs/proc/task_mmu.c show_numa_map() and mm/mempolicy.c mpol_to_str(), 2.6.32 to 7.x. Reading takes
 * the target's mmap_lock and walks its page tables (0.2 s and more for a large guest): workers
 * only.
 *
 * The kernel builds the policy in 64 bytes: a long node list is cut there and its last number may
 * lack digits. Such a list is not used; `nodes_known` says so.
 */

#include "sys/line_reader.h"
#include "sys/span.h"
#include "util/idset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum numa_policy {
	NUMA_POLICY_DEFAULT,
	NUMA_POLICY_LOCAL,
	NUMA_POLICY_PREFER,	 /* one node first */
	NUMA_POLICY_PREFER_MANY, /* 5.15 */
	NUMA_POLICY_BIND,	 /* these nodes only: the one that confines */
	NUMA_POLICY_INTERLEAVE,
	NUMA_POLICY_WEIGHTED_INTERLEAVE, /* 6.9 */
	NUMA_POLICY_UNKNOWN,		 /* a later kernel's */
};

struct numa_map {
	uint64_t address;
	enum numa_policy policy;
	/* Of the policy. A relative list (bind=relative:) counts positions within the cpuset, not
	 * nodes: not known. */
	struct idset nodes;
	bool nodes_known;
	bool file;	  /* has file= */
	struct span path; /* of it, with blanks and the like as the kernel escapes them; valid as
			     `rest` */
	bool heap;
	bool stack;
	bool huge;		  /* hugetlbfs */
	uint64_t page_size_bytes; /* what the counts below are in; 0 where not printed: before 4.1,
				     or nothing is resident */
	uint64_t anon_pages;
	uint64_t dirty_pages;
	uint64_t mapped_pages;
	uint64_t mapmax; /* most mappings of one page; above 1: shared */
	uint64_t writeback_pages;
	struct span rest; /* for numa_map_next_node(); valid until the next line */
};

/* The one node that its policy prefers; -1: none, or any of several. Where the kernel has "prefer
 * (many)" libnuma says one node that way too. */
int numa_map_preferred(const struct numa_map *map);

/* 0 or -EINVAL. A line that `cut` says was longer than the reader's buffer is parsed as far as it
 * goes. */
int numa_map_parse(struct span line, bool cut, struct numa_map *ret);
/* 1 and the next mapping, 0 at the end, -errno. Lines that are not of the form are skipped. */
int numa_maps_next(struct line_reader *reader, struct numa_map *ret);
/* Iterates "N<node>=<pages>": start with a copy of map->rest; false at the end. */
bool numa_map_next_node(struct span *rest, unsigned *ret_node, uint64_t *ret_pages);
