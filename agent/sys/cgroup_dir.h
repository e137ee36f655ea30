/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The directories of cgroups, by their path in the tree of services, and the files in them.
 */

#include "sys/cgroup_layout.h"

#include <limits.h>
#include <sys/types.h>
#include <unistd.h>

/* A cgroup's directory. The descriptor is O_PATH: it names this very directory, so a new cgroup of
 * the same name is not reached through it. The inode is the kernel's cgroup id on v2 (5.5, 64 bit),
 * unique until reboot; 0 in a captured tree, where it would say nothing. */
struct cgroup_dir {
	int fd;
	uint64_t inode;
};

/* path below the tree's mount without leading slash; "" is the root. Components ".." and "." and
 * control characters are refused (-EINVAL); links are not followed. -ENOENT: there is none (any
 * more); -EOPNOTSUPP: no cgroups here. */
int cgroup_dir_open(const struct cgroup_layout *layout, const char *path, struct cgroup_dir *ret);

/* The directory that accounts the memory of the cgroup at this path of the tree, which is another
 * one where the tree and the memory controller are in different hierarchies; O_PATH. "" is the root
 * of what is visible of the latter. -ENOENT: its
 * memory is accounted further up (on v1 a unit without memory accounting) or it is gone;
 * -EOPNOTSUPP: no memory controller. */
int cgroup_memory_open(const struct cgroup_layout *layout, const char *path);
/* Are both one hierarchy, so that the directory of a cgroup has its memory files too? */
bool cgroup_memory_is_in_tree(const struct cgroup_layout *layout);
/* Likewise for any controller, whose hierarchy is looked up each time. -ENOENT: the cgroup at this
 * path has no directory of its own there; -EOPNOTSUPP: nobody has that controller. */
int cgroup_controller_open(const struct sysroot *root, const struct cgroup_layout *layout,
			   enum cgroup_controller controller, const char *path);
/* The path below that controller's mount, without leading slash; *ret may be `path` itself. */
int cgroup_controller_path(const struct cgroup_layout *layout, enum cgroup_controller controller,
			   const char *path, char buffer[PATH_MAX], const char **ret);

static inline void cgroup_dir_done(struct cgroup_dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
}

/* Opens a file in it; links are not followed, O_CLOEXEC is added. fd or -errno; -ENODEV and
 * -ENOENT: the cgroup is gone or the file is not there. */
int cgroup_open_file(int dir_fd, const char *name, int flags);
/* Reads a file of it whole, as sysroot_read_once_fd(): not the lists of processes. */
ssize_t cgroup_read_file(int dir_fd, const char *name, char *buffer, size_t size);

/* Calls `each` for every child cgroup (allocates: not for the tick). A result other than 0 ends the
 * walk and is returned. Children that come or go meanwhile may be missed. */
int cgroup_each_child(int dir_fd, int (*each)(void *context, const char *name), void *context);
