/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Cgroups that are the agent's own, where no manager keeps any: made with their memory accounted,
 * entered, emptied and removed; by libcgroup, and by hand where that cannot. A cgroup is one
 * directory or two: that of the memory controller, and that of the tree of services
 * (cgroup_layout.h), so that it is found there.
 *
 * Named by their path in the tree. Allocates and may wait: for workers.
 */

#include <sys/types.h>

struct cgroup_layout;
struct sysroot;

/* It and those above it; what is there already stays as it is. On v2 the memory controller is
 * handed on to it from the top, and stays so. 0; -EOPNOTSUPP: no cgroup's memory is accounted here;
 * -EBUSY: one above it has processes of its own, and so cannot hand anything on; -EROFS, -EACCES,
 * -EPERM; other -errno. */
int cgroup_own_make(const struct sysroot *root, const struct cgroup_layout *layout,
		    const char *path);
/* Puts a process of one thread there. 0; -ESRCH: it is gone; other -errno. */
int cgroup_own_enter(const struct sysroot *root, const struct cgroup_layout *layout,
		     const char *path, pid_t pid);
/* SIGKILL to whoever is in it. 0: also where nobody is; -ENOENT: there is no such cgroup; -errno.
 */
int cgroup_own_kill(const struct sysroot *root, const struct cgroup_layout *layout,
		    const char *path);
/* 0: also where there is none; -EBUSY: somebody is in it, or something below it. */
int cgroup_own_remove(const struct sysroot *root, const struct cgroup_layout *layout,
		      const char *path);
