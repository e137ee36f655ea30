/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/guest_path.h"

#include "sys/span.h"
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

/* "qemu-12-web" -> "web". NULL if it is not of that form. */
static const char *behind_number(const char *text)
{
	const char *p;

	if (strncmp(text, "qemu-", 5) != 0)
		return NULL;
	p = text + 5;
	if (!isdigit((unsigned char)*p))
		return NULL;
	while (isdigit((unsigned char)*p))
		p++;
	return *p == '-' && p[1] ? p + 1 : NULL;
}

static bool libvirt_name(const char *unit, char *text, size_t size)
{
	static const char machine[] = "machine-", scope[] = ".scope", plain[] = ".libvirt-qemu";
	size_t length = strlen(unit);
	const char *name;

	if (strncmp(unit, machine, sizeof(machine) - 1) == 0 && ends_with(unit, length, scope)) {
		unit += sizeof(machine) - 1;
		length -= sizeof(machine) - 1 + sizeof(scope) - 1;
	} else if (ends_with(unit, length, plain)) {
		length -= sizeof(plain) - 1;
	} else {
		return false;
	}
	unescape(unit, length, text, size);
	name = behind_number(text);
	if (!name)
		return false;
	memmove(text, name, strlen(name) + 1);
	return true;
}

static bool proxmox_name(const char *path, const char *unit, char *text, size_t size)
{
	static const char slice[] = "qemu.slice/";
	size_t digits = strspn(unit, "0123456789");

	size_t above = (size_t)(unit - path), length = sizeof(slice) - 1;

	if (above < length || memcmp(unit - length, slice, length) != 0 ||
	    (above > length && unit[-1 - (ptrdiff_t)length] != '/'))
		return false;
	if (digits == 0 || digits >= size || strcmp(unit + digits, ".scope") != 0)
		return false;
	memcpy(text, unit, digits);
	text[digits] = '\0';
	return true;
}

enum guest_type guest_path_parse(const char *path, char *name, size_t size)
{
	const char *slash = strrchr(path, '/'), *unit = slash ? slash + 1 : path;
	struct strbuf out = { .data = name, .size = size };
	char text[NAME_MAX + 1];
	bool guest = libvirt_name(unit, text, sizeof(text)) ||
		     proxmox_name(path, unit, text, sizeof(text));

	strbuf_reset(&out);
	strbuf_add_name(&out, guest ? text : unit);
	return guest ? GUEST_QEMU : GUEST_NONE;
}
