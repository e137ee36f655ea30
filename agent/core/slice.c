/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/slice.h"

#include "util/macro.h"
#include "util/strbuf.h"

#include <string.h>

#define SUFFIX ".slice"

static size_t stem_length(const char *slice)
{
	return strlen(slice) - strlen(SUFFIX);
}

/* Would the kernel, or a tool, take a cgroup of that name for a file of a controller? systemd puts
 * a '_' before it (cg_needs_escape(), src/basic/cgroup-util.c). */
static bool is_escaped(const char *name, size_t length)
{
	static const char *const controllers[] = {
		"cgroup", "cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids",
	};

	if (length > 0 && (name[0] == '_' || name[0] == '.'))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		size_t end = strlen(controllers[i]);

		if (length >= end && memcmp(name, controllers[i], end) == 0 &&
		    (length == end || name[end] == '.'))
			return true;
	}
	return false;
}

void slice_add_path(const char *slice, struct strbuf *out)
{
	size_t length = stem_length(slice);

	for (size_t end = 1; end <= length; end++) {
		if (end < length && slice[end] != '-')
			continue;
		strbuf_addf(out, "%s%s%.*s" SUFFIX, out->length > 0 ? "/" : "",
			    is_escaped(slice, end) ? "_" : "", (int)end, slice);
	}
}

const char *slice_fault(const char *text, size_t *ret_offset)
{
	size_t length = stem_length(text);

	*ret_offset = 0;
	if (length == 1 && text[0] == '-')
		return "it is the root of all, which is nobody's to share";
	for (size_t i = 0; i < length; i++) {
		*ret_offset = i;
		if (text[i] == '@')
			return "a slice is no template and no instance";
		if (text[i] == '-' && (i == 0 || i + 1 == length || text[i + 1] == '-'))
			return "a dash stands between the names of slices, one below the other";
	}
	return NULL;
}

bool slice_is_within(const char *slice, const char *outer)
{
	size_t length = stem_length(outer);

	return strncmp(slice, outer, length) == 0 &&
	       (slice[length] == '-' || strcmp(slice + length, SUFFIX) == 0);
}

static bool is_unit(const char *name, size_t length)
{
	static const char *const types[] = { ".service", ".scope" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t end = strlen(types[i]);

		if (length > end && memcmp(name + length - end, types[i], end) == 0)
			return true;
	}
	return false;
}

bool slice_holds_unit(const char *path, size_t length)
{
	const char *end = path + length, *slash;

	for (; path < end; path = slash + 1) {
		slash = memchr(path, '/', (size_t)(end - path));
		if (!slash)
			slash = end;
		if (is_unit(path, (size_t)(slash - path)))
			return true;
	}
	return false;
}
