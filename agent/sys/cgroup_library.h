/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What libcgroup knows of the live machine's mount table. A file of its own, as the library's
 * header takes names that sys/cgroup_layout.h uses.
 *
 * The library keeps its table in 2.4 MB of static memory, of which it writes a third at the first
 * call: more than all the rest of the agent needs. So a child asks it once, and what it said is
 * kept. Not thread-safe, at start only.
 */

#include <stdbool.h>
#include <stddef.h>

/* False: it cannot answer here. It fails on a v2 mount without controllers, which is how containers
 * look. */
bool cgroup_library_init(void);
/* The mount point of a controller, v1 or v2, as an absolute path. False: not mounted, or longer
 * than size. */
bool cgroup_library_mount_point(const char *controller, char *buffer, size_t size);
