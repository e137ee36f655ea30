/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the kernel could take from a service or a node without killing anybody: clean file pages,
 * which it drops, and with swap free, anonymous and shared memory, which it writes there. How much
 * of either it takes is its own choice; here it is by size.
 */

#include "core/policy.h"
#include "core/snapshot.h"

struct reclaimable {
	uint64_t clean_bytes;
	uint64_t swappable_bytes;
};

struct reclaimable reclaimable_of_service(const struct snapshot *snapshot,
					  const struct service *service);
struct reclaimable reclaimable_of_node(const struct snapshot *snapshot, const struct node *node);
/* Does what is in swap lie in compressed memory (zram)? As far as what that takes can be what was
 * put into swap; false where nothing was yet. */
bool reclaimable_swap_is_memory(const struct snapshot *snapshot);

/* Memory of a service that is not to be taken from it: what memory.min and memory.low protect, and
 * what its policy says they should. */
uint64_t reclaimable_guarded(const struct snapshot *snapshot, const struct policy_table *policies,
			     const struct service *service);
/* The same, and no less than of all services below it together. */
uint64_t reclaimable_protected(const struct snapshot *snapshot, const struct policy_table *policies,
			       const struct service *service);
