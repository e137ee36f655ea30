/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/guest_cmdline.h"

#include "sys/proc_pid.h"
#include "sys/span.h"
#include "util/macro.h"
#include "util/text.h"

#include <ctype.h>
#include <string.h>

/*
 * QEMU's own syntax: options in pairs of arguments, values as "key=value,..." where a comma within
 * a value is doubled and the first key may be left out, or as one JSON object. The few options
 * without a value must be known, or the one after them would be taken for their value.
 */

struct pair {
	struct span key; /* empty: left out */
	struct span value;
};

static bool next_pair(struct span *text, struct pair *ret)
{
	struct span field;
	size_t n = 0;

	if (text->length == 0)
		return false;
	while (n < text->length) {
		if (text->data[n] == ',') {
			if (n + 1 >= text->length || text->data[n + 1] != ',')
				break;
			n++;
		}
		n++;
	}
	field = span_of(text->data, n);
	*text = span_skip(*text, n + 1);
	ret->value = field;
	ret->key = span_of(field.data, 0);
	if (memchr(field.data, '=', field.length)) {
		span_next_field(&field, '=', &ret->key);
		ret->value = field;
	}
	return true;
}

/* With doubled commas made single. Cut where it does not fit. */
static void copy_value(struct span value, char *buffer, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < value.length && n + 1 < size; i++) {
		buffer[n++] = value.data[i];
		if (value.data[i] == ',' && i + 1 < value.length && value.data[i + 1] == ',')
			i++;
	}
	buffer[n] = '\0';
}

/* "512", "512M", "1.5G", "524288k"; a bare number is in units of `unit` (a suffix, or 0: bytes). */
static uint64_t parse_size(struct span s, char unit)
{
	char text[32];
	uint64_t bytes;
	size_t n;

	if (s.length == 0 || s.length + 2 > sizeof(text) || !span_copy(s, text, sizeof(text)))
		return 0;
	n = s.length;
	text[n - 1] = (char)toupper((unsigned char)text[n - 1]);
	if (text[n - 1] == 'B') {
		text[--n] = '\0';
	} else if (unit && isdigit((unsigned char)text[n - 1])) {
		text[n] = unit;
		text[n + 1] = '\0';
	}
	return text_to_bytes(text, &bytes) == 0 ? bytes : 0;
}

static bool is_on(struct span s)
{
	return span_is(s, "on") || span_is(s, "yes") || span_is(s, "true") ||
	       span_is(s, "on-fault") || s.length == 0;
}

static bool contains(struct span s, const char *part)
{
	size_t length = strlen(part);

	for (size_t i = 0; i + length <= s.length; i++)
		if (memcmp(s.data + i, part, length) == 0)
			return true;
	return false;
}

static struct span skip_space(struct span s)
{
	size_t n = 0;

	while (n < s.length && strchr(" \t\r\n", s.data[n]) && s.data[n] != '\0')
		n++;
	return span_skip(s, n);
}

/* The length of the string that starts at s ("..."), or 0 if it does not end. */
static size_t json_string_length(struct span s)
{
	for (size_t i = 1; i < s.length; i++) {
		if (s.data[i] == '\\')
			i++;
		else if (s.data[i] == '"')
			return i + 1;
	}
	return 0;
}

/* The length of the value that starts at s, nested ones included, up to the comma or brace behind
 * it. */
static size_t json_value_length(struct span s)
{
	size_t n = 0, depth = 0;

	while (n < s.length) {
		char c = s.data[n];

		if (c == '"') {
			size_t length = json_string_length(span_skip(s, n));

			if (length == 0)
				return 0;
			n += length;
			continue;
		}
		if (c == '[' || c == '{')
			depth++;
		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			return n;
		if (c == ']' || c == '}')
			depth--;
		n++;
	}
	return 0;
}

static struct span unquote(struct span s)
{
	if (s.length >= 2 && s.data[0] == '"')
		return span_of(s.data + 1, s.length - 2);
	return s;
}

/* Takes the next member; `text` starts behind the opening brace. */
static bool next_member(struct span *text, struct pair *ret)
{
	struct span s = skip_space(*text);
	size_t length;

	if (span_starts(s, ","))
		s = skip_space(span_skip(s, 1));
	length = span_starts(s, "\"") ? json_string_length(s) : 0;
	if (length == 0)
		return false;
	ret->key = unquote(span_of(s.data, length));
	s = skip_space(span_skip(s, length));
	if (!span_starts(s, ":"))
		return false;
	s = skip_space(span_skip(s, 1));
	length = json_value_length(s);
	if (length == 0)
		return false;
	ret->value = unquote(span_trim(span_of(s.data, length)));
	*text = span_skip(s, length);
	return true;
}

/* Either form: a list of pairs whose first key may be left out (then `implied`), or a JSON object.
 */
static bool next_property(struct span *text, bool json, const char *implied, struct pair *ret)
{
	if (json)
		return next_member(text, ret);
	if (!next_pair(text, ret))
		return false;
	if (ret->key.length == 0)
		ret->key = span_of(implied, strlen(implied));
	return true;
}

static struct span open_properties(struct span value, bool *ret_json)
{
	*ret_json = span_starts(value, "{");
	return *ret_json ? span_skip(value, 1) : value;
}

/* "0-1", "[0, 1]"; the key may come several times. False when it cannot be read. */
static bool add_nodes(struct span value, struct idset *nodes)
{
	struct idset more;
	struct span item;

	if (!span_starts(value, "[")) {
		if (value.length == 0 || span_idset(value, &more) < 0)
			return false;
		idset_unite(nodes, &more);
		return true;
	}
	if (value.length < 2 || !span_ends(value, "]"))
		return false;
	value = span_of(value.data + 1, value.length - 2);
	while (span_next_field(&value, ',', &item)) {
		if (span_idset(skip_space(span_trim(item)), &more) < 0)
			return false;
		idset_unite(nodes, &more);
	}
	return true;
}

struct tally {
	struct guest_cmdline *guest;
	unsigned bound_backends;
	uint64_t backend_bytes;
};

static void take_bound(struct tally *tally, const struct idset *nodes)
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

static void take_object(struct tally *tally, struct span value)
{
	struct guest_cmdline *guest = tally->guest;
	bool json, bind = false, readable = true, backend = false;
	struct span text = open_properties(value, &json);
	struct idset nodes = { 0 };
	uint64_t bytes = 0;
	struct pair p;

	while (next_property(&text, json, "qom-type", &p)) {
		if (span_is(p.key, "qom-type")) {
			backend = span_starts(p.value, "memory-backend-");
			guest->confidential |= span_is(p.value, "sev-guest") ||
					       span_is(p.value, "sev-snp-guest") ||
					       span_is(p.value, "tdx-guest");
		} else if (span_is(p.key, "policy")) {
			bind = span_is(p.value, "bind");
		} else if (span_is(p.key, "host-nodes")) {
			readable &= add_nodes(p.value, &nodes);
		} else if (span_is(p.key, "size")) {
			bytes = parse_size(p.value, 0);
		} else if (span_is(p.key, "share")) {
			guest->shared_memory |= is_on(p.value);
		} else if (span_is(p.key, "hugetlb")) {
			guest->hugetlb |= is_on(p.value);
		} else if (span_is(p.key, "mem-path")) {
			guest->hugetlb |= contains(p.value, "hugepages");
		}
	}
	if (!backend)
		return;
	guest->backend_count++;
	if (__builtin_add_overflow(tally->backend_bytes, bytes, &tally->backend_bytes))
		tally->backend_bytes = 0;
	if (bind && readable && !idset_is_empty(&nodes))
		take_bound(tally, &nodes);
}

static void take_device(struct tally *tally, struct span value)
{
	bool json;
	struct span text = open_properties(value, &json);
	struct pair p;

	while (next_property(&text, json, "driver", &p))
		if (span_is(p.key, "driver") && span_starts(p.value, "vfio-") &&
		    !span_starts(p.value, "vfio-user"))
			tally->guest->vfio_devices++;
}

static void take_name(struct tally *tally, struct span value)
{
	struct pair p;

	while (next_property(&value, false, "guest", &p))
		if (span_is(p.key, "guest"))
			copy_value(p.value, tally->guest->name, sizeof(tally->guest->name));
}

static void take_memory(struct tally *tally, struct span value)
{
	struct pair p;

	while (next_property(&value, false, "size", &p))
		if (span_is(p.key, "size"))
			tally->guest->memory_bytes = parse_size(p.value, 'M');
}

static void take_incoming(struct tally *tally, struct span value)
{
	(void)value;
	tally->guest->incoming = true;
}

static void take_lock(struct tally *tally, struct span value)
{
	struct pair p;

	while (next_pair(&value, &p))
		if (span_is(p.key, "mem-lock") || span_is(p.key, "mlock"))
			tally->guest->memory_locked = is_on(p.value);
}

static void take_mem_path(struct tally *tally, struct span value)
{
	tally->guest->hugetlb |= contains(value, "hugepages");
}

static const struct {
	const char *name;
	void (*take)(struct tally *tally, struct span value);
} qemu_options[] = {
	{ "device", take_device },     { "incoming", take_incoming }, { "m", take_memory },
	{ "mem-path", take_mem_path }, { "name", take_name },	      { "object", take_object },
	{ "overcommit", take_lock },   { "realtime", take_lock },
};

/* qemu-options.hx, the options of all releases so far that take no value. */
static const char qemu_flags[] =
	"S alt-grab async-teardown ctrl-grab curses daemonize enable-fips enable-kvm "
	"enable-sync-profile full-screen h help localtime mem-prealloc no-acpi no-fd-bootchk "
	"no-frame no-hpet no-kvm no-kvm-irqchip no-kvm-pit no-kvm-pit-reinjection no-quit "
	"no-reboot no-shutdown no-user-config nodefaults nodefconfig nographic old-param "
	"only-migratable portrait preconfig rtc-td-hack s sdl semihosting show-cursor singlestep "
	"snapshot tdf usb version win2k-hack xen-attach xen-create xen-domid-restrict";

static bool is_qemu_flag(struct span name)
{
	struct span flags = span_of(qemu_flags, sizeof(qemu_flags) - 1), flag;

	while (span_next_word(&flags, &flag))
		if (flag.length == name.length && memcmp(flag.data, name.data, name.length) == 0)
			return true;
	return false;
}

static void parse_qemu(struct span text, struct tally *tally)
{
	struct span option, value;

	while (proc_cmdline_next(&text, &option)) {
		/* An image without an option before it. */
		if (!span_starts(option, "-"))
			continue;
		option = span_skip(option, span_starts(option, "--") ? 2 : 1);
		if (is_qemu_flag(option))
			continue;
		if (!proc_cmdline_next(&text, &value))
			return;
		for (size_t i = 0; i < ARRAY_SIZE(qemu_options); i++)
			if (span_is(option, qemu_options[i].name))
				qemu_options[i].take(tally, value);
	}
}

/* cloud-hypervisor: "--memory size=4G,hugepages=on", "--memory-zone id=a,size=1G,host_numa_node=0",
 * which is bound to that node, "--device path=...", which is VFIO. An option may have several
 * values. */
static void take_cloud_value(struct tally *tally, struct span option, struct span value)
{
	bool zone = span_is(option, "--memory-zone");
	struct guest_cmdline *guest = tally->guest;
	struct idset nodes = { 0 };
	struct pair p;

	if (span_is(option, "--device")) {
		guest->vfio_devices++;
		return;
	}
	if (!zone && !span_is(option, "--memory"))
		return;
	guest->backend_count += zone;
	while (next_pair(&value, &p)) {
		uint64_t bytes;

		if (span_is(p.key, "size")) {
			bytes = parse_size(p.value, 0);
			if (__builtin_add_overflow(guest->memory_bytes, bytes,
						   &guest->memory_bytes))
				guest->memory_bytes = 0;
		} else if (span_is(p.key, "hugepages")) {
			guest->hugetlb |= is_on(p.value);
		} else if (span_is(p.key, "shared")) {
			guest->shared_memory |= is_on(p.value);
		} else if (zone && span_is(p.key, "host_numa_node") && add_nodes(p.value, &nodes)) {
			take_bound(tally, &nodes);
		}
	}
}

static void parse_cloud_hypervisor(struct span text, struct tally *tally)
{
	struct span argument, option = { 0 };

	while (proc_cmdline_next(&text, &argument)) {
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
}

static void parse_firecracker(struct span text, struct tally *tally)
{
	struct span option, value;

	while (proc_cmdline_next(&text, &option)) {
		if (!span_is(option, "--id") || !proc_cmdline_next(&text, &value))
			continue;
		copy_value(value, tally->guest->name, sizeof(tally->guest->name));
	}
}

static enum guest_monitor monitor_of(struct span program)
{
	const char *slash = program.length ? memrchr(program.data, '/', program.length) : NULL;
	struct span name = slash ? span_skip(program, (size_t)(slash + 1 - program.data)) : program;

	if (span_starts(name, "qemu-system-") || span_is(name, "qemu-kvm") || span_is(name, "kvm"))
		return GUEST_MONITOR_QEMU;
	if (span_is(name, "cloud-hypervisor"))
		return GUEST_MONITOR_CLOUD_HYPERVISOR;
	return span_is(name, "firecracker") ? GUEST_MONITOR_FIRECRACKER : GUEST_MONITOR_NONE;
}

int guest_cmdline_parse(const char *text, size_t length, struct guest_cmdline *ret)
{
	struct guest_cmdline guest = { 0 };
	struct tally tally = { .guest = &guest };
	struct span rest = span_of(text, length), program;

	if (!proc_cmdline_next(&rest, &program))
		return 0;
	guest.monitor = monitor_of(program);
	switch (guest.monitor) {
	case GUEST_MONITOR_NONE:
		return 0;
	case GUEST_MONITOR_QEMU:
		parse_qemu(rest, &tally);
		break;
	case GUEST_MONITOR_CLOUD_HYPERVISOR:
		parse_cloud_hypervisor(rest, &tally);
		break;
	case GUEST_MONITOR_FIRECRACKER:
		parse_firecracker(rest, &tally);
		break;
	}
	if (guest.memory_bytes == 0)
		guest.memory_bytes = tally.backend_bytes;
	guest.all_bound = guest.backend_count > 0 && tally.bound_backends == guest.backend_count;
	*ret = guest;
	return 1;
}
