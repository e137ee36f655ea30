/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The cgroups in which the agent must not kill: its own and PID 1's.
 */

#include <stdbool.h>

struct sense;

/* As long as a path can be that the kernel takes. */
#define OWN_PATH_BYTES 4096

struct service_own {
	char paths[2][OWN_PATH_BYTES]; /* empty: not known, or a fixture */
};

void service_own_read(const struct sense *sense, struct service_own *ret);
/* Is it one of them, or above one? */
bool service_own_holds(const struct service_own *own, const char *path);
