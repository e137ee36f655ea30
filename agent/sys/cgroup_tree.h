/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The processes of a cgroup and of what is below it, without heap: what ends a process has to work
 * when memory is gone. Children may come and go during the walk; a caller that needs all of them
 * walks again until nothing is left.
 */

#include <stdint.h>
#include <sys/types.h>

struct sysroot;

/* Deeper trees are refused: systemd, a guest's threads and nested containers make fewer than ten.
 */
#define CGROUP_TREE_DEPTH_MAX  24
#define CGROUP_TREE_PATH_BYTES 4096

struct cgroup_walk {
	/* A child cgroup, its path relative to the start ("a/b"). 1: walk it, 0: leave it and what
	 * is below out, negative: ends the walk. NULL: walk all. */
	int (*enter)(void *context, const char *path);
	/* A process; a result other than 0 ends the walk. The processes of threaded cgroups are
	 * those of the cgroup above them, where the kernel lists them. */
	int (*process)(void *context, pid_t pid);
	void *context;
};

/* dir_fd may be O_PATH. 0; the callback's result that ended it; -ELOOP: too deep; -ENODEV: the
 * start itself is gone; else -errno. Children that vanish are no fault. */
int cgroup_walk(int dir_fd, const struct cgroup_walk *walk);

/* Adds one to a counter kept as extended attribute of the directory ("user.oomwarden_kill", 5.7),
 * for other tools to see. 0; -EROFS on a captured tree; -EOPNOTSUPP and other -errno where the
 * kernel cannot. */
int cgroup_count_mark(const struct sysroot *root, int dir_fd, const char *attribute);
