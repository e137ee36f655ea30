/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/canary.h"

#include "core/slice.h"
#include "util/strbuf.h"

#include <string.h>

void canary_add_place(const char *slice, bool has_systemd, struct strbuf *out)
{
	if (slice && slice[0] != '\0')
		slice_add_path(slice, out);
	else if (has_systemd)
		slice_add_path(SLICE_DEFAULT, out);
	else
		strbuf_add(out, CANARY_GROUP);
}

bool canary_is_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return strncmp(name, CANARY_UNIT_PREFIX, strlen(CANARY_UNIT_PREFIX)) == 0 &&
	       !slice_holds_unit(path, (size_t)(name - path));
}
