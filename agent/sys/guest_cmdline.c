/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/guest_cmdline.h"

#include "sys/guest_tally.h"
#include "sys/proc_pid.h"

#include <string.h>

static void add_bound(struct guest_tally *tally, const struct idset *nodes)
{
	struct guest_cmdline *guest = tally->guest;

	tally->bound_backends++;
	if (guest->has_bind)
		idset_intersect(&guest->bound, nodes);
	else
		guest->bound = *nodes;
	guest->has_bind = true;
	idset_unite(&guest->bound_union, nodes);
}

/* A sum that cannot be is not known. */
static void add_bytes(uint64_t *sum, uint64_t bytes)
{
	if (__builtin_add_overflow(*sum, bytes, sum))
		*sum = 0;
}

void guest_tally_add(struct guest_tally *tally, const struct guest_memory *memory)
{
	struct guest_cmdline *guest = tally->guest;

	guest->backend_count++;
	guest->hugetlb |= memory->hugetlb;
	guest->shared_memory |= memory->share;
	guest->prealloc |= memory->prealloc;
	add_bytes(&tally->backend_bytes, memory->size_bytes);
	if (memory->plugged)
		add_bytes(&tally->plugged_bytes, memory->size_bytes);
	if (memory->policy == GUEST_MEMORY_BIND && memory->nodes_known &&
	    !idset_is_empty(&memory->nodes))
		add_bound(tally, &memory->nodes);
	if (tally->each)
		tally->each(tally->context, memory);
}

static enum guest_monitor monitor_of(struct span program)
{
	const char *slash = program.length ? memrchr(program.data, '/', program.length) : NULL;
	struct span name = slash ? span_skip(program, (size_t)(slash + 1 - program.data)) : program;

	if (span_starts(name, "qemu-system-") || span_is(name, "qemu-kvm") || span_is(name, "kvm"))
		return GUEST_MONITOR_QEMU;
	/* As released, the file is called after version and machine. */
	if (span_is(name, "cloud-hypervisor") || span_starts(name, "cloud-hypervisor-"))
		return GUEST_MONITOR_CLOUD_HYPERVISOR;
	if (span_is(name, "firecracker") || span_starts(name, "firecracker-v"))
		return GUEST_MONITOR_FIRECRACKER;
	return GUEST_MONITOR_NONE;
}

int guest_cmdline_parse_memories(const char *text, size_t length,
				 void (*each)(void *context, const struct guest_memory *memory),
				 void *context, struct guest_cmdline *ret)
{
	struct guest_cmdline guest = { 0 };
	struct guest_tally tally = { .guest = &guest, .each = each, .context = context };
	struct span rest = span_of(text, length), program;

	if (!proc_cmdline_next(&rest, &program))
		return 0;
	guest.monitor = monitor_of(program);
	tally.arguments = rest;
	switch (guest.monitor) {
	case GUEST_MONITOR_NONE:
		return 0;
	case GUEST_MONITOR_QEMU:
		guest_qemu_parse(&tally);
		break;
	case GUEST_MONITOR_CLOUD_HYPERVISOR:
		guest_cloud_hypervisor_parse(&tally);
		break;
	case GUEST_MONITOR_FIRECRACKER:
		guest_firecracker_parse(&tally);
		break;
	}
	if (guest.memory_bytes == 0)
		guest.memory_bytes = tally.backend_bytes;
	else
		add_bytes(&guest.memory_bytes, tally.plugged_bytes);
	guest.all_bound = guest.backend_count > 0 && tally.bound_backends == guest.backend_count;
	*ret = guest;
	return 1;
}

int guest_cmdline_parse(const char *text, size_t length, struct guest_cmdline *ret)
{
	return guest_cmdline_parse_memories(text, length, NULL, NULL, ret);
}
