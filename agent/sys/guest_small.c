/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The monitors that are small: cloud-hypervisor, whose options may have several values ("--device
 * path=a path=b") and whose memory zones are bound to the node they name, and firecracker, whose
 * command line leaves nearly all to a file or to its socket.
 */

#include "sys/guest_option.h"
#include "sys/guest_tally.h"
#include "sys/proc_pid.h"
#include "sys/span.h"
#include "util/macro.h"

#include <string.h>

#define VCPUS_MAX 65536

static void add_size(uint64_t *sum, struct span value)
{
	if (__builtin_add_overflow(*sum, guest_option_size(value, 0), sum))
		*sum = 0;
}

static void take_cloud_property(struct guest_tally *tally, struct guest_memory *memory,
				const struct guest_pair *p)
{
	if (span_is(p->key, "id"))
		guest_option_copy(p->value, memory->id, sizeof(memory->id));
	else if (span_is(p->key, "size"))
		memory->size_bytes = guest_option_size(p->value, 0);
	else if (span_is(p->key, "hotplug_size"))
		add_size(&tally->guest->memory_max_bytes, p->value);
	else if (span_is(p->key, "hotplugged_size"))
		add_size(&memory->size_bytes, p->value);
	else if (span_is(p->key, "hugepages"))
		memory->hugetlb = guest_option_is_on(p->value);
	else if (span_is(p->key, "hugepage_size"))
		memory->page_bytes = guest_option_size(p->value, 0);
	else if (span_is(p->key, "shared"))
		memory->share = guest_option_is_on(p->value);
	else if (span_is(p->key, "prefault"))
		memory->prealloc = guest_option_is_on(p->value);
	else if (span_is(p->key, "host_numa_node") && guest_option_nodes(p->value, &memory->nodes))
		memory->policy = GUEST_MEMORY_BIND;
}

/* "size=0" stands before zones, which then are all there is. */
static void take_cloud_memory(struct guest_tally *tally, struct span value, const char *kind)
{
	struct guest_memory memory = { .nodes_known = true };
	struct guest_pair p;

	(void)span_copy(span_of(kind, strlen(kind)), memory.kind, sizeof(memory.kind));
	while (guest_pair_next(&value, &p))
		take_cloud_property(tally, &memory, &p);
	if (memory.size_bytes > 0)
		guest_tally_add(tally, &memory);
}

static void take_cloud_vcpus(struct guest_tally *tally, struct span value)
{
	struct guest_pair p;
	uint64_t n;

	while (guest_pair_next(&value, &p)) {
		if (span_u64(p.value, &n) < 0 || n > VCPUS_MAX)
			continue;
		if (span_is(p.key, "boot"))
			tally->guest->vcpus = (unsigned)n;
		else if (span_is(p.key, "max"))
			tally->guest->vcpus_max = (unsigned)n;
	}
	tally->guest->vcpus_max = MAX_OF(tally->guest->vcpus, tally->guest->vcpus_max);
}

static void take_cloud_value(struct guest_tally *tally, struct span option, struct span value)
{
	struct guest_pair p;

	if (span_is(option, "--memory"))
		take_cloud_memory(tally, value, "memory");
	else if (span_is(option, "--memory-zone"))
		take_cloud_memory(tally, value, "zone");
	else if (span_is(option, "--cpus"))
		take_cloud_vcpus(tally, value);
	else if (span_is(option, "--device"))
		tally->guest->vfio_devices++;
	else if (span_is(option, "--platform"))
		while (guest_pair_next(&value, &p)) {
			if (span_is(p.key, "uuid"))
				guest_option_copy(p.value, tally->guest->uuid,
						  sizeof(tally->guest->uuid));
			else if (span_is(p.key, "tdx") || span_is(p.key, "sev_snp"))
				tally->guest->confidential |= guest_option_is_on(p.value);
		}
}

void guest_cloud_hypervisor_parse(struct guest_tally *tally)
{
	struct span arguments = tally->arguments, argument, option = { 0 };

	while (proc_cmdline_next(&arguments, &argument)) {
		struct span name = argument;

		if (!span_starts(argument, "-")) {
			take_cloud_value(tally, option, argument);
			continue;
		}
		if (!memchr(argument.data, '=', argument.length)) {
			option = argument;
			continue;
		}
		span_next_field(&argument, '=', &name);
		option = name;
		take_cloud_value(tally, option, argument);
	}
	/* What may be plugged in comes on top. */
	if (tally->guest->memory_max_bytes > 0 &&
	    __builtin_add_overflow(tally->guest->memory_max_bytes, tally->backend_bytes,
				   &tally->guest->memory_max_bytes))
		tally->guest->memory_max_bytes = 0;
}

static void take_firecracker(struct guest_tally *tally, struct span option, struct span value)
{
	struct guest_cmdline *guest = tally->guest;

	if (span_is(option, "--id"))
		guest_option_copy(value, guest->name, sizeof(guest->name));
	else if (span_is(option, "--config-file") &&
		 !span_copy(value, guest->config_path, sizeof(guest->config_path)))
		guest->config_path[0] = '\0';
}

void guest_firecracker_parse(struct guest_tally *tally)
{
	struct span arguments = tally->arguments, argument, option = { 0 };

	while (proc_cmdline_next(&arguments, &argument)) {
		if (span_starts(argument, "--") && memchr(argument.data, '=', argument.length)) {
			span_next_field(&argument, '=', &option);
			take_firecracker(tally, option, argument);
			option = span_of("", 0);
		} else if (span_starts(argument, "--")) {
			option = argument;
		} else {
			take_firecracker(tally, option, argument);
		}
	}
}
