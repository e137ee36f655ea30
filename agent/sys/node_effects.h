/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the kernel does at once for the asking, and what cannot be undone: compaction and reclaim of
 * a node, reclaimable slab of the host. Documentation/admin-guide/sysctl/vm.rst,
 * Documentation/ABI/stable/sysfs-devices-node. All of them may take seconds: workers only. -EROFS
 * on a captured tree.
 */

#include <stdint.h>

struct sysroot;

/* 0 when the kernel has tried, whatever came of it. On a machine without node directories node 0 is
 * the host. -ENOENT: no such node, or a kernel that was built without it. */
int node_effect_compact(const struct sysroot *root, unsigned node);
/* 0; -EAGAIN: less than that; -EBUSY: somebody else has it done; -ENOENT: no such node, or a kernel
 * that cannot (before 6.18 or so). */
int node_effect_reclaim(const struct sysroot *root, unsigned node, uint64_t bytes);
/* Dentries, inodes and other slab that can be had back; page cache is left alone. */
int host_effect_drop_slab(const struct sysroot *root);
