/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Memory nodes as the kernel lists them in /sys/devices/system/node (drivers/base/node.c). Ids may
 * have gaps, a node may have memory and no CPU (CXL), or CPUs and no memory. A kernel without NUMA
 * has no such directory: the machine then is node 0.
 */

#include "util/idset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sysroot;

struct nodes {
	struct idset online;
	struct idset has_memory;
	struct idset has_cpu;
	bool numa; /* the kernel has node directories */
};

/* Fills in what older kernels do not print (has_memory before 3.8: has_normal_memory, else online).
 * 0 or -errno of reading what is there. */
int nodes_read(const struct sysroot *root, struct nodes *ret);

/* Opens nodeN/NAME; where the kernel has no node directories at all, node 0's is `host_path`. fd or
 * -errno; -ENOENT: no such node or file. */
int nodes_open_file(const struct sysroot *root, unsigned node, const char *name,
		    const char *host_path);

/* The SLIT row of a node, one number for each online node in the order of ids; 10 is local, 0
 * unknown. Returns how many there are (only capacity are stored), or -EINVAL (cut, or not a number;
 * values above 255 do not exist). */
int nodes_parse_distances(const char *text, size_t length, uint8_t *ret_row, size_t capacity);
/* The distance between two nodes, 0 if unknown. */
uint8_t nodes_distance(const struct sysroot *root, const struct nodes *nodes, unsigned from,
		       unsigned to);

/* The huge page pools of a node, of all sizes together, and the largest of them. */
struct huge_pools {
	uint64_t bytes;	     /* free or used: memory that no ordinary allocation can have */
	uint64_t free_bytes; /* the part of them that nobody uses */
	/* Of the size of which there is most; 0: there is none of any. */
	uint64_t page_bytes;
	uint64_t pages;
	uint64_t pages_free;
	uint64_t pages_reserved; /* of all nodes together: promised to mappings, not used yet */
};

/* Lists directories, so for calm rounds. On a machine without node directories node 0's pools are
 * the host's. 0; -ENOENT: no pools are shown here; other -errno. */
int nodes_huge_pools(const struct sysroot *root, unsigned node, struct huge_pools *ret);
