/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * "This is not any process." Memory that the kernel itself holds shows in no list of processes: a
 * host with 2.5 GB in one cache of inodes looks like a host whose programs need more memory than
 * they do. Given what the kernel's memory consists of, this tells which parts of it are to blame:
 * what holds much of the memory that is spent, and what grows so that the rest will be gone.
 *
 * Spent is what is neither free nor page cache: total - free - file. The reclaimable part of slab
 * counts as spent: a leak pins caches that are called reclaimable, and MemAvailable believes in
 * half of them. The ARC is not page cache to the kernel; what it can give back is left out here.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kernel_memory_kind {
	KERNEL_MEMORY_CACHE, /* one slab cache, named */
	KERNEL_MEMORY_SLAB,  /* all of them */
	KERNEL_MEMORY_PAGE_TABLES,
	KERNEL_MEMORY_VMALLOC,
	KERNEL_MEMORY_PERCPU,
	KERNEL_MEMORY_STACKS,
	KERNEL_MEMORY_ARC,
	KERNEL_MEMORY_ZRAM,
	KERNEL_MEMORY_UNACCOUNTED, /* the ARC within it is taken off here */
};

struct kernel_memory_part {
	enum kernel_memory_kind kind;
	const char *name; /* of a cache, else NULL */
	uint64_t bytes;
	uint64_t reclaimable_bytes; /* that its owner gives back by itself (the ARC) */
	bool growth_known;
	int64_t growth_bytes; /* over growth_usec */
	usec_t growth_usec;
};

struct kernel_memory_input {
	uint64_t total_bytes; /* less the huge page pool */
	uint64_t free_bytes;
	uint64_t file_bytes; /* page cache without shared memory */
	bool available_known;
	uint64_t available_bytes;
	/* Bytes a second by which available memory falls, over a span like that of the growths; 0:
	 * it does not, or unknown. */
	uint64_t fall_bytes_per_sec;
	const struct kernel_memory_part *parts;
	size_t part_count;
};

struct kernel_memory_finding {
	const struct kernel_memory_part *part; /* one of the input */
	uint64_t bytes;			       /* that it holds and will not give back */
	uint32_t spent_permyriad;	       /* of what is spent; hundredths of a percent */
	bool holds;			       /* much of what is spent */
	bool grows;			       /* and will have the rest within a day */
	int64_t growth_bytes_per_sec;	       /* when it grows */
	usec_t time_to_empty;		       /* likewise: of available memory, at that growth */
	bool explains_fall; /* likewise: at least half of the fall of available memory */
};

/* The first are the worst: those that grow, soonest first, then those that hold, largest first. The
 * number of findings, of which at most capacity are stored. */
size_t kernel_memory_find(const struct kernel_memory_input *input,
			  struct kernel_memory_finding *ret, size_t capacity);
