/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * QEMU's own syntax: options in pairs of arguments, values as "key=value,..." or as one JSON
 * object. The few options without a value must be known, or the one after them would be taken for
 * their value.
 */

#include "sys/guest_option.h"
#include "sys/guest_tally.h"
#include "sys/proc_pid.h"
#include "util/macro.h"

#include <string.h>

/* As many as a machine has slots (hw/mem/memory-device.c): those beyond are no DIMMs. */
#define PLUGGED_MAX 256

/* qemu-options.hx, the options of all releases so far that take no value. */
static const char flags[] =
	"S alt-grab async-teardown ctrl-grab curses daemonize enable-fips enable-kvm "
	"enable-sync-profile full-screen h help localtime mem-prealloc no-acpi no-fd-bootchk "
	"no-frame no-hpet no-kvm no-kvm-irqchip no-kvm-pit no-kvm-pit-reinjection no-quit "
	"no-reboot no-shutdown no-user-config nodefaults nodefconfig nographic old-param "
	"only-migratable portrait preconfig rtc-td-hack s sdl semihosting show-cursor singlestep "
	"snapshot tdf usb version win2k-hack xen-attach xen-create xen-domid-restrict";

static bool is_flag(struct span name)
{
	struct span rest = span_of(flags, sizeof(flags) - 1), flag;

	while (span_next_word(&rest, &flag))
		if (flag.length == name.length && memcmp(flag.data, name.data, name.length) == 0)
			return true;
	return false;
}

struct option {
	struct span name;
	struct span value; /* of length 0 with a flag */
};

static bool next_option(struct span *arguments, struct option *ret)
{
	while (proc_cmdline_next(arguments, &ret->name)) {
		/* An image without an option before it. */
		if (!span_starts(ret->name, "-"))
			continue;
		ret->name = span_skip(ret->name, span_starts(ret->name, "--") ? 2 : 1);
		ret->value = span_of("", 0);
		return is_flag(ret->name) || proc_cmdline_next(arguments, &ret->value);
	}
	return false;
}

static bool same(struct span a, struct span b)
{
	return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

static bool is_plug(struct span driver)
{
	return span_is(driver, "pc-dimm") || span_starts(driver, "virtio-mem");
}

/* Does this -device plug that memory in? */
static bool plugs(struct span device, struct span id)
{
	struct guest_value value = guest_value_open(device);
	bool plug = false, found = false;
	struct guest_pair p;

	while (guest_value_next(&value, "driver", &p)) {
		plug |= span_is(p.key, "driver") && is_plug(p.value);
		found |= span_is(p.key, "memdev") && same(p.value, id);
	}
	return plug && found;
}

static bool is_plugged(const struct guest_tally *tally, struct span id)
{
	struct span arguments = tally->arguments;
	struct option option;

	if (id.length == 0 || tally->guest->backend_count >= PLUGGED_MAX)
		return false;
	while (next_option(&arguments, &option))
		if (span_is(option.name, "device") && plugs(option.value, id))
			return true;
	return false;
}

static enum guest_memory_policy policy_of(struct span value)
{
	static const struct {
		const char *name;
		enum guest_memory_policy policy;
	} policies[] = {
		{ "default", GUEST_MEMORY_DEFAULT },
		{ "preferred", GUEST_MEMORY_PREFERRED },
		{ "bind", GUEST_MEMORY_BIND },
		{ "interleave", GUEST_MEMORY_INTERLEAVE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		if (span_is(value, policies[i].name))
			return policies[i].policy;
	return GUEST_MEMORY_UNKNOWN;
}

static const char backend_prefix[] = "memory-backend-";

static void set_kind(struct guest_memory *memory, struct span type)
{
	type = span_skip(type, sizeof(backend_prefix) - 1);
	(void)span_copy(type, memory->kind, sizeof(memory->kind));
	/* qapi/qom.json: these two are shared unless they are told otherwise. */
	memory->share = span_is(type, "memfd") || span_is(type, "shm");
}

static void take_property(struct guest_memory *memory, const struct guest_pair *p)
{
	if (span_is(p->key, "id"))
		guest_option_copy(p->value, memory->id, sizeof(memory->id));
	else if (span_is(p->key, "policy"))
		memory->policy = policy_of(p->value);
	else if (span_is(p->key, "host-nodes"))
		memory->nodes_known &= guest_option_nodes(p->value, &memory->nodes);
	else if (span_is(p->key, "size"))
		memory->size_bytes = guest_option_size(p->value, 0);
	else if (span_is(p->key, "share"))
		memory->share = guest_option_is_on(p->value);
	else if (span_is(p->key, "prealloc"))
		memory->prealloc = guest_option_is_on(p->value);
	else if (span_is(p->key, "hugetlb"))
		memory->hugetlb = guest_option_is_on(p->value);
	else if (span_is(p->key, "hugetlbsize"))
		memory->page_bytes = guest_option_size(p->value, 0);
	else if (span_is(p->key, "mem-path"))
		memory->hugetlb |= guest_option_contains(p->value, "hugepages");
}

/* The type first, as what the others mean depends on it. */
static struct span type_of(struct span object)
{
	struct guest_value value = guest_value_open(object);
	struct guest_pair p;

	while (guest_value_next(&value, "qom-type", &p))
		if (span_is(p.key, "qom-type"))
			return p.value;
	return span_of("", 0);
}

static void take_object(struct guest_tally *tally, struct span object)
{
	struct guest_value value = guest_value_open(object);
	struct guest_memory memory = { .nodes_known = true };
	struct span type = type_of(object), id = { 0 };
	struct guest_pair p;

	if (span_is(type, "sev-guest") || span_is(type, "sev-snp-guest") ||
	    span_is(type, "tdx-guest"))
		tally->guest->confidential = true;
	if (!span_starts(type, backend_prefix))
		return;
	set_kind(&memory, type);
	while (guest_value_next(&value, "qom-type", &p)) {
		if (span_is(p.key, "id"))
			id = p.value;
		take_property(&memory, &p);
	}
	memory.plugged = is_plugged(tally, id);
	guest_tally_add(tally, &memory);
}

static void take_device(struct guest_tally *tally, struct span device)
{
	struct guest_value value = guest_value_open(device);
	struct guest_pair p;

	while (guest_value_next(&value, "driver", &p))
		if (span_is(p.key, "driver") && span_starts(p.value, "vfio-") &&
		    !span_starts(p.value, "vfio-user"))
			tally->guest->vfio_devices++;
}

static void take_name(struct guest_tally *tally, struct span text)
{
	struct guest_value value = { .text = text };
	struct guest_pair p;

	while (guest_value_next(&value, "guest", &p))
		if (span_is(p.key, "guest"))
			guest_option_copy(p.value, tally->guest->name, sizeof(tally->guest->name));
}

static void take_uuid(struct guest_tally *tally, struct span value)
{
	guest_option_copy(value, tally->guest->uuid, sizeof(tally->guest->uuid));
}

/* The size without a suffix is in MiB, the maximum in bytes (system/vl.c). */
static void take_memory(struct guest_tally *tally, struct span text)
{
	struct guest_value value = { .text = text };
	struct guest_pair p;

	while (guest_value_next(&value, "size", &p))
		if (span_is(p.key, "size"))
			tally->guest->memory_bytes = guest_option_size(p.value, 'M');
		else if (span_is(p.key, "maxmem"))
			tally->guest->memory_max_bytes = guest_option_size(p.value, 0);
}

/* More than any machine type takes; what is above is nonsense. */
#define VCPUS_MAX 65536

static unsigned count_of(struct span value)
{
	uint64_t n;

	return span_u64(value, &n) == 0 && n <= VCPUS_MAX ? (unsigned)n : 0;
}

/* "4", "4,maxcpus=8", "sockets=2,cores=4": where the count is left out, the topology is it. */
static void take_vcpus(struct guest_tally *tally, struct span text)
{
	static const char *const levels[] = { "drawers", "books",    "sockets", "dies",
					      "modules", "clusters", "cores",	"threads" };
	struct guest_value value = { .text = text };
	struct guest_cmdline *guest = tally->guest;
	uint64_t product = 1;
	bool has_levels = false;
	struct guest_pair p;

	guest->vcpus = guest->vcpus_max = 0;
	while (guest_value_next(&value, "cpus", &p)) {
		if (span_is(p.key, "cpus"))
			guest->vcpus = count_of(p.value);
		else if (span_is(p.key, "maxcpus"))
			guest->vcpus_max = count_of(p.value);
		for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
			if (span_is(p.key, levels[i]) && product <= VCPUS_MAX) {
				product *= count_of(p.value);
				has_levels = true;
			}
	}
	if (guest->vcpus == 0)
		guest->vcpus = guest->vcpus_max;
	if (guest->vcpus == 0 && has_levels && product <= VCPUS_MAX)
		guest->vcpus = (unsigned)product;
	if (guest->vcpus_max == 0)
		guest->vcpus_max = guest->vcpus;
}

static void take_machine(struct guest_tally *tally, struct span value)
{
	struct guest_pair p;

	while (guest_pair_next(&value, &p))
		if (span_is(p.key, "mem-merge"))
			tally->guest->unmerged = !guest_option_is_on(p.value);
}

static void take_incoming(struct guest_tally *tally, struct span value)
{
	(void)value;
	tally->guest->incoming = true;
}

static void take_lock(struct guest_tally *tally, struct span value)
{
	struct guest_pair p;

	while (guest_pair_next(&value, &p))
		if (span_is(p.key, "mem-lock") || span_is(p.key, "mlock"))
			tally->guest->memory_locked = guest_option_is_on(p.value);
}

static void take_mem_path(struct guest_tally *tally, struct span value)
{
	tally->guest->hugetlb |= guest_option_contains(value, "hugepages");
}

static void take_prealloc(struct guest_tally *tally, struct span value)
{
	(void)value;
	tally->guest->prealloc = true;
}

void guest_qemu_parse(struct guest_tally *tally)
{
	static const struct {
		const char *name;
		void (*take)(struct guest_tally *tally, struct span value);
	} options[] = {
		{ "M", take_machine },
		{ "device", take_device },
		{ "incoming", take_incoming },
		{ "m", take_memory },
		{ "machine", take_machine },
		{ "mem-path", take_mem_path },
		{ "mem-prealloc", take_prealloc },
		{ "name", take_name },
		{ "object", take_object },
		{ "overcommit", take_lock },
		{ "realtime", take_lock },
		{ "smp", take_vcpus },
		{ "uuid", take_uuid },
	};
	struct span arguments = tally->arguments;
	struct option option;

	while (next_option(&arguments, &option))
		for (size_t i = 0; i < ARRAY_SIZE(options); i++)
			if (span_is(option.name, options[i].name))
				options[i].take(tally, option.value);
}
