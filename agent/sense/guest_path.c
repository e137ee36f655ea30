/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/guest_path.h"

#include "sys/span.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

/* systemd.unit(5), "String Escaping for Inclusion in Unit Names"; a name has no slash to undo. */
static void unescape(const char *unit, size_t length, char *text, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < length && n + 1 < size; i++) {
		int high = -1, low = -1;

		if (unit[i] == '\\' && i + 3 < length && unit[i + 1] == 'x') {
			high = span_hex_digit(unit[i + 2]);
			low = span_hex_digit(unit[i + 3]);
		}
		if (high >= 0 && low >= 0 && (high | low)) {
			text[n++] = (char)(high << 4 | low);
			i += 3;
		} else {
			text[n++] = unit[i];
		}
	}
	text[n] = '\0';
}

static bool ends_with(const char *text, size_t length, const char *suffix)
{
	size_t n = strlen(suffix);

	return length > n && memcmp(text + length - n, suffix, n) == 0;
}

struct driver {
	const char *name;   /* as libvirt spells it in cgroups */
	const char *suffix; /* of those it makes by itself */
	enum guest_type type;
};

static const struct driver drivers[] = {
	{ "qemu", ".libvirt-qemu", GUEST_QEMU },
	{ "ch", ".libvirt-ch", GUEST_CLOUD_HYPERVISOR },
};

/* "qemu-12-web" -> "web". NULL if it is not of that form. */
static const char *behind_number(const char *text, const char *driver)
{
	size_t length = strlen(driver);
	const char *p = text + length + 1;

	if (strncmp(text, driver, length) != 0 || text[length] != '-')
		return NULL;
	if (!isdigit((unsigned char)*p))
		return NULL;
	while (isdigit((unsigned char)*p))
		p++;
	return *p == '-' && p[1] ? p + 1 : NULL;
}

/* A path's end, taken apart. */
struct place {
	const char *path;
	size_t above_length; /* of what is before the last component, without the slash */
	const char *unit;
	size_t unit_length;
};

static struct place place_of(const char *path, size_t length)
{
	const char *slash = length > 0 ? memrchr(path, '/', length) : NULL;
	size_t at = slash ? (size_t)(slash - path) + 1 : 0;

	return (struct place){
		.path = path,
		.above_length = slash ? at - 1 : 0,
		.unit = path + at,
		.unit_length = length - at,
	};
}

/* Does what is above the last component end in these? */
static bool is_below(const struct place *place, const char *above)
{
	size_t length = strlen(above);

	if (place->above_length < length)
		return false;
	if (memcmp(place->path + place->above_length - length, above, length) != 0)
		return false;
	return place->above_length == length ||
	       place->path[place->above_length - length - 1] == '/';
}

struct finding {
	enum guest_type type;
	enum guest_manager manager;
	char name[NAME_MAX + 1]; /* as the guest's manager has it */
};

static bool take_name(struct finding *found, const char *name, size_t length)
{
	if (length == 0 || length >= sizeof(found->name))
		return false;
	memmove(found->name, name, length);
	found->name[length] = '\0';
	return true;
}

/* The name with its driver and number before it. */
static bool take_numbered(struct finding *found, const struct driver *driver, const char *text)
{
	const char *name = behind_number(text, driver->name);

	found->type = driver->type;
	return name && take_name(found, name, strlen(name));
}

static bool find_scope(const struct place *place, struct finding *found)
{
	static const char machine[] = "machine-", scope[] = ".scope";
	char text[NAME_MAX + 1];
	size_t prefix = sizeof(machine) - 1;

	if (place->unit_length <= prefix || memcmp(place->unit, machine, prefix) != 0 ||
	    !ends_with(place->unit + prefix, place->unit_length - prefix, scope))
		return false;
	unescape(place->unit + prefix, place->unit_length - prefix - sizeof(scope) + 1, text,
		 sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (take_numbered(found, &drivers[i], text))
			return true;
	return false;
}

static bool find_plain(const struct place *place, struct finding *found)
{
	char text[NAME_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		if (!ends_with(place->unit, place->unit_length, drivers[i].suffix))
			continue;
		unescape(place->unit, place->unit_length - strlen(drivers[i].suffix), text,
			 sizeof(text));
		/* 1.0.5 to 1.3.0 put no number before the name. */
		return take_numbered(found, &drivers[i], text) ||
		       take_name(found, text, strlen(text));
	}
	return false;
}

static bool find_oldest(const struct place *place, struct finding *found)
{
	found->type = GUEST_QEMU;
	return is_below(place, "libvirt/qemu") && take_name(found, place->unit, place->unit_length);
}

static bool find_proxmox(const struct place *place, struct finding *found)
{
	static const char scope[] = ".scope";
	size_t digits = 0;

	while (digits < place->unit_length && isdigit((unsigned char)place->unit[digits]))
		digits++;
	found->type = GUEST_QEMU;
	found->manager = GUEST_MANAGER_PROXMOX;
	return is_below(place, "qemu.slice") && place->unit_length == digits + sizeof(scope) - 1 &&
	       memcmp(place->unit + digits, scope, sizeof(scope) - 1) == 0 &&
	       take_name(found, place->unit, digits);
}

static bool find_jail(const struct place *place, struct finding *found)
{
	found->type = GUEST_FIRECRACKER;
	found->manager = GUEST_MANAGER_JAILER;
	return is_below(place, "firecracker") && take_name(found, place->unit, place->unit_length);
}

static bool find_at(const struct place *place, struct finding *found)
{
	static bool (*const finders[])(const struct place *place, struct finding *found) = {
		find_scope, find_plain, find_oldest, find_proxmox, find_jail,
	};

	for (size_t i = 0; i < ARRAY_SIZE(finders); i++) {
		*found = (struct finding){ .manager = GUEST_MANAGER_LIBVIRT };
		if (finders[i](place, found))
			return true;
	}
	return false;
}

static bool is_numbered(const struct place *place, const char *prefix)
{
	size_t length = strlen(prefix);

	if (place->unit_length <= length || memcmp(place->unit, prefix, length) != 0)
		return false;
	for (size_t i = length; i < place->unit_length; i++)
		if (!isdigit((unsigned char)place->unit[i]))
			return false;
	return true;
}

/* One of the cgroups that libvirt makes within a guest's. */
static bool is_part(const struct place *place)
{
	static const char emulator[] = "emulator", libvirt[] = "libvirt";

	return (place->unit_length == sizeof(emulator) - 1 &&
		memcmp(place->unit, emulator, sizeof(emulator) - 1) == 0) ||
	       (place->unit_length == sizeof(libvirt) - 1 &&
		memcmp(place->unit, libvirt, sizeof(libvirt) - 1) == 0) ||
	       is_numbered(place, "vcpu") || is_numbered(place, "iothread");
}

/* A guest's name may be that of a part, so the path as it is comes first. */
static bool find_guest(const char *path, struct finding *found)
{
	struct place place = place_of(path, strlen(path));

	for (;;) {
		if (find_at(&place, found))
			return true;
		if (!is_part(&place) || place.above_length == 0)
			return false;
		place = place_of(path, place.above_length);
	}
}

enum guest_type guest_path_parse(const char *path, char *name, size_t size)
{
	const char *slash = strrchr(path, '/'), *unit = slash ? slash + 1 : path;
	struct strbuf out = { .data = name, .size = size };
	struct finding found;
	bool guest = find_guest(path, &found);

	strbuf_reset(&out);
	strbuf_add_name(&out, guest ? found.name : unit);
	return guest ? found.type : GUEST_NONE;
}

enum guest_manager guest_path_manager(const char *path)
{
	struct finding found;

	return find_guest(path, &found) ? found.manager : GUEST_MANAGER_UNKNOWN;
}
