/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How people name cgroups: by the whole path, by its end ("db.scope", "db.scope/libvirt"), without
 * the suffix that systemd would add, or with systemd's escapes undone (machine-qemu-1-db.scope for
 * machine-qemu\x2d1\x2ddb.scope).
 */

#include <stdbool.h>

enum unit_match {
	UNIT_OTHER,
	UNIT_WITHIN,	/* what is asked for lies below it */
	UNIT_UNESCAPED, /* but for escapes or suffix */
	UNIT_END,	/* the end of its path */
	UNIT_PATH,	/* the whole of it */
};

/* path: of a cgroup, without a leading slash. The better the match the larger. */
enum unit_match unit_name_match(const char *path, const char *asked);
