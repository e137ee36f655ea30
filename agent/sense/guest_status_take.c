/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/guest_status_take.h"

#include "sys/span.h"
#include "util/strbuf.h"

#include <string.h>

static enum memory_policy mode_policy(enum guest_numa_mode mode)
{
	static const enum memory_policy policies[] = {
		[GUEST_NUMA_NONE] = MEMORY_POLICY_DEFAULT,
		[GUEST_NUMA_STRICT] = MEMORY_POLICY_BIND,
		[GUEST_NUMA_PREFERRED] = MEMORY_POLICY_PREFERRED,
		[GUEST_NUMA_INTERLEAVE] = MEMORY_POLICY_INTERLEAVE,
		/* By cpuset: the memory itself has none. */
		[GUEST_NUMA_RESTRICTIVE] = MEMORY_POLICY_DEFAULT,
		[GUEST_NUMA_UNKNOWN] = MEMORY_POLICY_UNKNOWN,
	};

	return policies[mode];
}

static void take_memory(struct guest_start *start, const struct guest_status *status)
{
	if (status->memory_bytes > 0)
		start->memory_bytes = status->memory_bytes;
	if (status->memory_max_bytes > 0)
		start->memory_max_bytes = status->memory_max_bytes;
	start->memory_locked |= status->memory_locked;
	start->hugetlb |= status->hugetlb;
	start->shared |= status->shared;
	start->prealloc |= status->prealloc;
	start->unmerged |= status->unmerged;
	start->confidential |= status->confidential;
	/* Devices come and go; these are the ones it has now. */
	start->vfio_devices = status->host_devices;
}

static void take_vcpus(struct guest_start *start, const struct guest_status *status)
{
	if (status->vcpus > 0)
		start->vcpus = status->vcpus;
	if (status->vcpus_max > 0)
		start->vcpus_max = status->vcpus_max;
}

static void take_state(struct guest_detail *detail, const struct guest_status *status)
{
	struct strbuf state = STRBUF(detail->state);

	strbuf_add_name(&state, status->state);
	if (status->reason[0]) {
		strbuf_add(&state, " (");
		strbuf_add_name(&state, status->reason);
		strbuf_add(&state, ")");
	}
	switch (status->migration) {
	case GUEST_MIGRATION_NONE:
		detail->moving = GUEST_MOVE_NONE;
		break;
	case GUEST_MIGRATION_INCOMING:
		detail->moving = GUEST_MOVE_INCOMING;
		break;
	case GUEST_MIGRATION_OUTGOING:
		detail->moving = GUEST_MOVE_OUTGOING;
		break;
	}
}

void guest_status_take(struct guest_detail *detail, const struct guest_status *status)
{
	struct guest_start *start = &detail->start;

	start->sources |= GUEST_FROM_STATUS;
	detail->manager = GUEST_MANAGER_LIBVIRT;
	if (status->name[0])
		(void)span_copy(span_of(status->name, strlen(status->name)), start->name,
				sizeof(start->name));
	if (status->uuid[0])
		(void)span_copy(span_of(status->uuid, strlen(status->uuid)), start->uuid,
				sizeof(start->uuid));
	take_memory(start, status);
	take_vcpus(start, status);
	take_state(detail, status);
	detail->balloon_bytes = status->current_bytes;
	detail->plugged_bytes = status->plugged_bytes;
	detail->numa_restrictive = status->numa_mode == GUEST_NUMA_RESTRICTIVE;
	if (status->numa_mode != GUEST_NUMA_NONE && !detail->numa_restrictive)
		detail->numa_mode = mode_policy(status->numa_mode);
	detail->numa_auto = status->numa_auto;
	detail->numa_nodes = status->numa_nodes;
}

static void whole_memory(const struct guest_status *status, struct guest_backend *ret)
{
	ret->size_bytes = status->memory_bytes > status->plugged_bytes
				  ? status->memory_bytes - status->plugged_bytes
				  : 0;
	ret->policy = mode_policy(status->numa_mode);
	ret->nodes = status->numa_nodes;
}

bool guest_status_cell(const struct guest_status *status, unsigned *at, struct guest_backend *ret)
{
	struct guest_backend backend = {
		.kind = "cell",
		.nodes_known = true,
		.prealloc = status->prealloc,
		.share = status->shared,
		.hugetlb = status->hugetlb,
		.page_bytes = status->page_bytes,
	};
	struct strbuf id = STRBUF(backend.id);
	unsigned i = (*at)++;

	whole_memory(status, &backend);
	if (status->cell_count == 0) {
		(void)span_copy(span_of("memory", strlen("memory")), backend.kind,
				sizeof(backend.kind));
		*ret = backend;
		return i == 0 && status->memory_bytes > 0;
	}
	if (i >= status->cell_count)
		return false;
	strbuf_addf(&id, "%u", status->cells[i].id);
	backend.size_bytes = status->cells[i].bytes;
	backend.share |= status->cells[i].share;
	if (status->cells[i].mode != GUEST_NUMA_NONE) {
		backend.policy = mode_policy(status->cells[i].mode);
		backend.nodes = status->cells[i].nodes;
	}
	*ret = backend;
	return true;
}
