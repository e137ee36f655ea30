/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which CPUs are whose, as nodeN/cpulist has them now: those that are online. CPU numbers go beyond
 * what a set of nodes holds, so they are kept as ranges; the kernel is built for 8,192 of them at
 * most. Lists are the kernel's ("0-3,8"). What is in one and in no node is offline, and counts for
 * nothing.
 */

#include "sys/span.h"
#include "util/idset.h"

#include <stddef.h>
#include <stdint.h>

struct strbuf;
struct sysroot;

/* Nodes whose CPUs alternate have a range for each CPU. */
#define NODE_CPUS_RANGES_MAX 2048

struct cpu_range {
	uint16_t first;
	uint16_t last;
	uint16_t node;
};

struct node_cpus {
	struct idset nodes; /* that have any */
	size_t count;
	struct cpu_range ranges[NODE_CPUS_RANGES_MAX];
};

/* Without the heap. 0, also where no node has any that are known; -E2BIG: more ranges than are
 * kept; -errno. */
int node_cpus_read(const struct sysroot *root, struct node_cpus *ret);
/* The node of a CPU, or -1. */
int node_cpus_find(const struct node_cpus *cpus, unsigned cpu);
/* Nodes that have any CPU of the list, and those that have one that is not in it; either may be
 * NULL. 0; -EINVAL: it is no list. */
int node_cpus_divide(const struct node_cpus *cpus, struct span list, struct idset *ret_in,
		     struct idset *ret_out);
/* The nodes whose CPUs the list has, all of each; an empty one has none. 0; -EINVAL: it is no list;
 * -ENODATA: it has a part of some node, or none that is online. */
int node_cpus_match(const struct node_cpus *cpus, struct span list, struct idset *ret);
/* More than any kernel has. */
#define CPU_LIST_BITS 16384
/* A bit for each CPU of the list, the lowest first. The length that is used; -EINVAL, -ERANGE. */
int cpu_list_mask(struct span list, uint8_t ret_mask[CPU_LIST_BITS / 8]);
/* Appends the list of all CPUs of these nodes. 0; -ENODEV: they have none. */
int node_cpus_format(const struct node_cpus *cpus, const struct idset *nodes, struct strbuf *out);
