/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/reclaimable.h"

#include "act/candidate.h"
#include "core/policy_size.h"
#include "util/amount.h"
#include "util/macro.h"

static uint64_t host_bytes(const struct snapshot *snapshot, enum metric_id metric)
{
	return reading_amount(snapshot->host.readings[metric_index(metric)]);
}

static uint64_t node_bytes(const struct node *node, enum metric_id metric)
{
	return reading_amount(node->readings[metric_index(metric)]);
}

/* What compresses to less than an eighth is rare, and what does not compress takes some more.
 * Beyond these it is something else that is kept there. */
#define COMPRESSED_LEAST_PART 8
#define COMPRESSED_MORE_PART  4

bool reclaimable_swap_is_memory(const struct snapshot *snapshot)
{
	uint64_t used = less(host_bytes(snapshot, METRIC_SWAP_TOTAL),
			     host_bytes(snapshot, METRIC_SWAP_FREE));
	uint64_t memory = host_bytes(snapshot, METRIC_MEM_ZRAM);

	return memory > 0 && memory >= used / COMPRESSED_LEAST_PART &&
	       memory <= used + used / COMPRESSED_MORE_PART;
}

static uint64_t swap_room(const struct snapshot *snapshot, const struct service *service)
{
	uint64_t room = snapshot->host.swap_present ? host_bytes(snapshot, METRIC_SWAP_FREE) : 0;
	struct reading most = service->readings[metric_index(METRIC_SERVICE_SWAP_MAX)];

	if (most.state == READING_KNOWN)
		room = MIN_OF(room, less((uint64_t)MAX_OF(most.value, INT64_C(0)),
					 candidate_bytes(service, METRIC_SERVICE_SWAP)));
	return room;
}

struct reclaimable reclaimable_of_service(const struct snapshot *snapshot,
					  const struct service *service)
{
	uint64_t anon = candidate_bytes(service, METRIC_SERVICE_ANON) +
			candidate_bytes(service, METRIC_SERVICE_SHMEM);

	return (struct reclaimable){
		.clean_bytes = less(candidate_bytes(service, METRIC_SERVICE_FILE),
				    candidate_bytes(service, METRIC_SERVICE_DIRTY)),
		.swappable_bytes = MIN_OF(anon, swap_room(snapshot, service)),
	};
}

struct reclaimable reclaimable_of_node(const struct snapshot *snapshot, const struct node *node)
{
	uint64_t anon = node_bytes(node, METRIC_NODE_ANON) + node_bytes(node, METRIC_NODE_SHMEM);
	uint64_t room = snapshot->host.swap_present ? host_bytes(snapshot, METRIC_SWAP_FREE) : 0;

	return (struct reclaimable){
		.clean_bytes = node_bytes(node, METRIC_NODE_CLEAN),
		.swappable_bytes = MIN_OF(anon, room),
	};
}

/* INFINITE protects all that it has. */
static uint64_t in_bytes(struct reading r, uint64_t all)
{
	if (r.state == READING_INFINITE)
		return all;
	return reading_amount(r);
}

static uint64_t by_policy(const struct snapshot *snapshot, const struct policy_table *policies,
			  const struct service *service, enum setting_id id, uint64_t all)
{
	const struct policy_setting *setting;

	if (service->policy < 0 || (size_t)service->policy >= policies->count)
		return 0;
	setting = policy_setting(&policies->policies[service->policy], id);
	if (!setting)
		return 0;
	return in_bytes(policy_size_resolve(&setting->size, snapshot, service), all);
}

/* By one of memory.min and memory.low: as it is in force, set, or to be set. */
static uint64_t guarded_by(const struct snapshot *snapshot, const struct policy_table *policies,
			   const struct service *service, enum setting_id id, enum metric_id metric)
{
	uint64_t all = candidate_bytes(service, METRIC_SERVICE_CURRENT);
	uint64_t bytes = in_bytes(service->readings[metric_index(metric)], all);
	uint64_t wanted = by_policy(snapshot, policies, service, id, all), set = 0;

	if (service->settings)
		set = in_bytes(service->settings->memory[id], all);
	bytes = MAX_OF(bytes, set);
	return MAX_OF(bytes, wanted);
}

uint64_t reclaimable_guarded(const struct snapshot *snapshot, const struct policy_table *policies,
			     const struct service *service)
{
	uint64_t min =
		guarded_by(snapshot, policies, service, SETTING_MEMORY_MIN, METRIC_SERVICE_MIN);
	uint64_t low =
		guarded_by(snapshot, policies, service, SETTING_MEMORY_LOW, METRIC_SERVICE_LOW);

	return MAX_OF(min, low);
}

uint64_t reclaimable_protected(const struct snapshot *snapshot, const struct policy_table *policies,
			       const struct service *service)
{
	uint64_t own = reclaimable_guarded(snapshot, policies, service), below = 0;

	for (size_t i = 0; i < snapshot->service_count; i++)
		if (candidate_holds(service, &snapshot->services[i]))
			below += reclaimable_guarded(snapshot, policies, &snapshot->services[i]);
	return MAX_OF(own, below);
}
