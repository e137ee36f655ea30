/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What libcgroup knows of the live machine's mount table. A file of its own, as the library's
 * header takes names that sys/cgroup_layout.h uses.
 *
 * The library keeps its table in 2.4 MB of static memory, of which it writes a third at the first
 * call: more than all the rest of the agent needs. So a child asks it once, and what it said is
 * kept. Not thread-safe, at start only.
 *
 * And what it writes for a worker, which has a table of its own from its first write on. Values are
 * only ever added to a cgroup that is new to the library: one that it has read before, it would
 * write back in whole.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* False: it cannot answer here. It fails on a v2 mount without controllers, which is how containers
 * look. */
bool cgroup_library_init(void);
/* The mount point of a controller, v1 or v2, as an absolute path. False: not mounted, or longer
 * than size. */
bool cgroup_library_mount_point(const char *controller, char *buffer, size_t size);

/* Writes one file of a cgroup, named by its path below the mount of the controller ("memory",
 * "blkio"), which has to be `mount` ("/sys/fs/cgroup/memory"): in this process, so in one that may
 * have the library's table and may hang in the write. The library reaches the cgroup by its path:
 * the caller has to see to it that it is the one that is meant. 0; -ENOSYS: it cannot, or does not
 * say why not, and the file has to be written by hand; -EINVAL: `path` is none; else the kernel's
 * -errno. */
int cgroup_library_write(const char *controller, const char *mount, const char *path,
			 const char *file, const char *value);

/* For cgroups of our own, named likewise; 0 or -errno likewise. Makes it and those above, each with
 * that controller, where they are not there. */
int cgroup_library_make(const char *controller, const char *mount, const char *path);
/* Puts a process of one thread there. */
int cgroup_library_enter(const char *controller, const char *mount, const char *path, pid_t pid);
/* One that nobody is in, and nothing below; any other stays, and that is 0 as well. */
int cgroup_library_remove(const char *controller, const char *mount, const char *path);
