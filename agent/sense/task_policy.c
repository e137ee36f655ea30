/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/task_policy.h"

void task_policy_see(struct task_policy_view *view, const struct numa_map *map)
{
	if (view->seen && map->policy != NUMA_POLICY_DEFAULT)
		return;
	view->seen = true;
	view->policy = map->policy;
	view->nodes = map->nodes;
	view->nodes_known = map->nodes_known;
}

enum task_policy task_policy_of(const struct task_policy_view *view)
{
	if (!view->seen)
		return TASK_POLICY_UNKNOWN;
	switch (view->policy) {
	case NUMA_POLICY_DEFAULT:
	case NUMA_POLICY_LOCAL:
	case NUMA_POLICY_PREFER:
	case NUMA_POLICY_PREFER_MANY:
		return TASK_POLICY_ANY;
	case NUMA_POLICY_BIND:
		return view->nodes_known ? TASK_POLICY_BIND : TASK_POLICY_UNKNOWN;
	case NUMA_POLICY_INTERLEAVE:
	case NUMA_POLICY_WEIGHTED_INTERLEAVE:
		return view->nodes_known ? TASK_POLICY_INTERLEAVE : TASK_POLICY_UNKNOWN;
	case NUMA_POLICY_UNKNOWN:
		break;
	}
	return TASK_POLICY_UNKNOWN;
}

enum memory_policy memory_policy_of(enum numa_policy policy)
{
	static const enum memory_policy policies[] = {
		[NUMA_POLICY_DEFAULT] = MEMORY_POLICY_DEFAULT,
		[NUMA_POLICY_LOCAL] = MEMORY_POLICY_LOCAL,
		[NUMA_POLICY_PREFER] = MEMORY_POLICY_PREFERRED,
		[NUMA_POLICY_PREFER_MANY] = MEMORY_POLICY_PREFERRED_MANY,
		[NUMA_POLICY_BIND] = MEMORY_POLICY_BIND,
		[NUMA_POLICY_INTERLEAVE] = MEMORY_POLICY_INTERLEAVE,
		[NUMA_POLICY_WEIGHTED_INTERLEAVE] = MEMORY_POLICY_WEIGHTED_INTERLEAVE,
		[NUMA_POLICY_UNKNOWN] = MEMORY_POLICY_UNKNOWN,
	};

	return policies[policy];
}
