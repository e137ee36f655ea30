/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The memory policy of a task, from what numa_maps prints for its mappings.
 *
 * A mapping without a policy of its own is shown with that of the task (fs/proc/task_mmu.c
 * show_numa_map(): of the process's main thread), and "default" stands for a task that has none; no
 * mapping's own policy is printed so. One "default" anywhere therefore says that the task has none.
 * Otherwise the first mapping tells it: the program's text, which nobody gives a policy.
 */

#include "core/detail.h"
#include "sys/numa_maps.h"

struct task_policy_view {
	bool seen;
	enum numa_policy policy;
	struct idset nodes;
	bool nodes_known;
};

/* Mappings in the order of the file. */
void task_policy_see(struct task_policy_view *view, const struct numa_map *map);
/* As the kernel asks when it chooses a victim: only bind and, in old kernels, interleave say
 * anything there. UNKNOWN: nothing seen, or its nodes cannot be told. */
enum task_policy task_policy_of(const struct task_policy_view *view);
enum memory_policy memory_policy_of(enum numa_policy policy);
