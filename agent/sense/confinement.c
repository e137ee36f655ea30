/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/confinement.h"

#include "sense/state.h"

#include <string.h>

/* A process decides from this part of the largest one's size on. */
#define DECIDING_PART 4

static const struct process *processes_of(const struct sense *s, size_t index)
{
	return s->processes.processes + s->registry.entries[index].first_slot;
}

static const struct process_slot *slots_of(const struct sense *s, size_t index)
{
	return s->processes.slots + s->registry.entries[index].first_slot;
}

static bool has_monitor(const struct sense *s, size_t index)
{
	const struct process_slot *slots = slots_of(s, index);

	for (size_t i = 0; i < s->registry.services[index].process_count; i++)
		if (slots[i].guest != GUEST_NONE)
			return true;
	return false;
}

/* The size of the largest one that may decide: processes are in order of size. */
static uint64_t largest_bytes(const struct sense *s, size_t index, bool monitors)
{
	const struct process_slot *slots = slots_of(s, index);

	for (size_t i = 0; i < s->registry.services[index].process_count; i++)
		if (!monitors || slots[i].guest != GUEST_NONE)
			return processes_of(s, index)[i].rss_bytes;
	return 0;
}

static bool decides(const struct sense *s, size_t index, size_t i, bool monitors, uint64_t largest)
{
	if (monitors && slots_of(s, index)[i].guest == GUEST_NONE)
		return false;
	return processes_of(s, index)[i].rss_bytes >= largest / DECIDING_PART;
}

bool confinement_decides(const struct sense *s, size_t index, size_t slot)
{
	bool monitors = has_monitor(s, index);

	return decides(s, index, slot - s->registry.entries[index].first_slot, monitors,
		       largest_bytes(s, index, monitors));
}

/* The nodes with memory that the cpuset leaves. */
static struct idset cpuset_nodes(const struct sense *s, const struct process *process)
{
	struct idset set = { { 0 } };

	if (process->mems_allowed)
		set = *process->mems_allowed;
	idset_intersect(&set, &s->snapshot.memory_nodes);
	return set;
}

bool confinement_is_fixed(const struct sense *s, const struct process *process)
{
	struct idset set = cpuset_nodes(s, process);

	return s->nodes.count == 1 || (process->mems_allowed && idset_count(&set) == 1);
}

/* False: not known yet. */
static bool narrow(const struct sense *s, const struct process *process, struct idset *allowed)
{
	struct idset set = cpuset_nodes(s, process);

	if (!process->mems_allowed)
		return false;
	if (!confinement_is_fixed(s, process)) {
		if (!process->bound)
			return false;
		idset_intersect(&set, process->bound);
	}
	idset_intersect(allowed, &set);
	return true;
}

static unsigned reasons_of(const struct sense *s, const struct process *process)
{
	struct idset set = cpuset_nodes(s, process);
	unsigned reasons = process->bound ? process->bound_by : 0;

	if (process->mems_allowed && !idset_equal(&set, &s->snapshot.memory_nodes))
		reasons |= CONFINED_BY_CPUSET;
	return reasons;
}

static void find_allowed(struct sense *s, size_t index)
{
	struct service *service = &s->registry.services[index];
	bool monitors = has_monitor(s, index), any = false;
	uint64_t largest = largest_bytes(s, index, monitors);
	struct idset allowed = s->snapshot.memory_nodes;

	service->allowed_known = true;
	service->confined_by = 0;
	for (size_t i = 0; s->nodes.count > 1 && i < service->process_count; i++) {
		if (!decides(s, index, i, monitors, largest))
			continue;
		any = true;
		service->confined_by |= (uint8_t)reasons_of(s, &processes_of(s, index)[i]);
		if (!narrow(s, &processes_of(s, index)[i], &allowed))
			service->allowed_known = false;
	}
	service->allowed = node_sets_put(&s->processes.node_sets, &allowed);
	service->allowed_known &= service->allowed && (any || s->nodes.count == 1);
}

static bool is_confined(const struct sense *s, const struct service *service)
{
	return service->allowed_known && s->nodes.count > 1 &&
	       !idset_equal(service->allowed, &s->snapshot.memory_nodes);
}

static void find_guest(struct sense *s, size_t index)
{
	const struct process_slot *slots = slots_of(s, index);
	struct service *service = &s->registry.services[index];
	bool monitors = has_monitor(s, index);
	uint64_t largest = largest_bytes(s, index, monitors);

	service->guest = s->registry.entries[index].path_guest;
	service->hold = HOLD_NONE;
	service->declared_bytes = 0;
	service->is_pooled = service->is_tied = false;
	service->is_idle = service->process_count > 0;
	for (size_t i = 0; i < service->process_count; i++) {
		service->declared_bytes = plus(service->declared_bytes, slots[i].declared_bytes);
		if (!decides(s, index, i, monitors, largest))
			continue;
		if (slots[i].guest != GUEST_NONE)
			service->guest = (enum guest_type)slots[i].guest;
		service->is_pooled |= slots[i].is_pooled;
		service->is_tied |= slots[i].is_tied;
		service->is_idle &= slots[i].is_idle;
		if (slots[i].is_pinned || slots[i].is_held_pinned)
			service->hold = HOLD_PINNED;
		else if (slots[i].is_incoming && service->hold == HOLD_NONE)
			service->hold = HOLD_INCOMING_MIGRATION;
		else if (slots[i].is_outgoing && service->hold == HOLD_NONE)
			service->hold = HOLD_OUTGOING_MIGRATION;
	}
}

void confinement_of_service(struct sense *s, size_t index)
{
	struct service *service = &s->registry.services[index];

	find_guest(s, index);
	find_allowed(s, index);
	service->readings[metric_index(METRIC_SERVICE_CONFINED)] =
		service->allowed_known ? reading_of(is_confined(s, service)) : READING_NONE;
	s->confinement.is_stale = true;
	service_sensor_touch(s, index);
}

static int64_t room_of(const struct node *node)
{
	struct reading headroom = node->readings[metric_index(METRIC_NODE_HEADROOM)];
	struct reading free = node->readings[metric_index(METRIC_NODE_FREE)];

	if (headroom.state == READING_KNOWN)
		return headroom.value;
	return free.state == READING_KNOWN ? free.value : 0;
}

/* The roomiest of the nodes it may use, or -1. */
static int roomiest(const struct sense *s, const struct idset *allowed)
{
	int best = -1;

	for (size_t i = 0; i < s->nodes.count; i++)
		if (idset_has(allowed, s->nodes.nodes[i].id) &&
		    (best < 0 || room_of(&s->nodes.nodes[i]) > room_of(&s->nodes.nodes[best])))
			best = (int)i;
	return best;
}

/* How much the guest of a service may still take, as far as it is declared. Huge pages of a pool
 * are taken from nobody else, and what is used of them is no part of the cgroup's use. */
static uint64_t declared_growth(const struct sense *s, size_t index)
{
	const struct service *service = &s->registry.services[index];
	struct reading current = service->readings[metric_index(METRIC_SERVICE_CURRENT)];
	uint64_t declared = service->declared_bytes;

	if (current.state != READING_KNOWN)
		return 0;
	for (size_t i = 0; i < service->process_count; i++)
		if (slots_of(s, index)[i].is_pooled)
			declared = less(declared, slots_of(s, index)[i].declared_bytes);
	return less(declared, (uint64_t)current.value);
}

static void add_count(struct node *node, enum metric_id id, int64_t amount)
{
	struct reading *r = &node->readings[metric_index(id)];

	if (r->state == READING_KNOWN)
		r->value = plus_signed(r->value, amount);
}

static void count_confined(struct sense *s, size_t index)
{
	const struct service *service = &s->registry.services[index];
	int node;

	/* What a canary holds is there to be given up: it suffers from nothing. */
	if (!is_confined(s, service) || canary_sensor_has(s, service))
		return;
	node = roomiest(s, service->allowed);
	if (node >= 0) {
		add_count(&s->nodes.nodes[node], METRIC_NODE_CONFINED, 1);
		s->nodes.nodes[node].declared_growth_bytes =
			plus(s->nodes.nodes[node].declared_growth_bytes, declared_growth(s, index));
		return;
	}
	for (size_t i = 0; i < s->nodes.count; i++)
		if (!service->shares || service->shares[i].bytes > 0)
			add_count(&s->nodes.nodes[i], METRIC_NODE_CONFINED, 1);
}

static bool may_be_moved(const struct sense *s, const struct service *service)
{
	enum nodes_mode mode = s->policies->policies[service->policy].nodes;

	return (mode == NODES_RELIEVE || mode == NODES_HOME) && service->hold == HOLD_NONE &&
	       !service->is_self;
}

static bool may_live_elsewhere(const struct service *service, unsigned id)
{
	struct idset here = { { 0 } };

	idset_add(&here, id);
	return service->allowed_known && !idset_is_subset(service->allowed, &here);
}

/* Has it memory that is somewhere, who knows where? A cgroup for which the memory controller is not
 * enabled has none of its own. */
static bool is_anywhere(const struct sense *s, const struct service *service)
{
	struct reading current = service->readings[metric_index(METRIC_SERVICE_CURRENT)];

	return !service->shares && (current.state == READING_KNOWN ||
				    s->layout->controllers[CGROUP_MEMORY] != CGROUP_V2);
}

static void count_movable(struct sense *s, size_t index)
{
	const struct service *service = &s->registry.services[index];

	if (!may_be_moved(s, service))
		return;
	for (size_t i = 0; i < s->nodes.count; i++) {
		struct node *node = &s->nodes.nodes[i];

		if (is_anywhere(s, service))
			node->readings[metric_index(METRIC_NODE_MOVABLE)] = READING_NONE;
		else if (service->shares && may_live_elsewhere(service, node->id))
			add_count(node, METRIC_NODE_MOVABLE,
				  reading_of_bytes(service->shares[i].movable_bytes).value);
	}
}

void confinement_of_nodes(struct sense *s)
{
	if (!s->confinement.is_stale)
		return;
	s->confinement.is_stale = false;
	for (size_t i = 0; i < s->nodes.count; i++) {
		struct node *node = &s->nodes.nodes[i];

		node->readings[metric_index(METRIC_NODE_CONFINED)] = reading_of(0);
		node->readings[metric_index(METRIC_NODE_MOVABLE)] = reading_of(0);
		node->declared_growth_bytes = 0;
	}
	for (size_t i = 0; i < s->registry.count; i++) {
		count_confined(s, i);
		count_movable(s, i);
	}
}
