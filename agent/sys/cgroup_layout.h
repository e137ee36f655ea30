/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where this machine keeps its cgroups. Three layouts are met: unified (v2 at /sys/fs/cgroup),
 * hybrid (controllers on v1, systemd's tree and PSI on a v2 mount without them), legacy (v1 only);
 * and mixes of them in containers. So the question is asked for each controller, not for the
 * machine: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 *
 * A live machine is asked through libcgroup and, where that cannot answer (a container whose
 * cgroup.controllers is empty is an error to it), through /proc/self/mountinfo; a captured one
 * through its mountinfo, and if that was not captured through the files that are there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

struct sysroot;

#define CGROUP_MOUNT_BYTES 256

enum cgroup_controller {
	CGROUP_MEMORY,
	CGROUP_CPUSET,
	CGROUP_IO, /* blkio on v1 */
	CGROUP_CPU,
	CGROUP_PIDS,
	CGROUP_FREEZER, /* v1; on v2 a core file */
	CGROUP_HUGETLB,
	CGROUP_CONTROLLER_COUNT_,
};

enum cgroup_version {
	CGROUP_ABSENT,
	CGROUP_V1,
	CGROUP_V2,
};

struct cgroup_mount {
	char path[CGROUP_MOUNT_BYTES]; /* below the root, no leading slash; empty: none */
	/* The part of the hierarchy that is mounted there, "/" usually: a container without a
	 * cgroup namespace sees only its own. */
	char subtree[CGROUP_MOUNT_BYTES];
};

struct cgroup_layout {
	struct cgroup_mount v2;
	struct cgroup_mount v1[CGROUP_CONTROLLER_COUNT_];
	enum cgroup_version controllers[CGROUP_CONTROLLER_COUNT_];
	bool asked_libcgroup; /* the v1 and v2 answers were confirmed by the library */
	bool live;
	int v2_fd; /* O_PATH of the v2 mount, -1: no v2 */
};

/* 0 even where there are no cgroups at all (all absent); -errno when something broke. */
int cgroup_layout_open(const struct sysroot *root, struct cgroup_layout *ret);
void cgroup_layout_done(struct cgroup_layout *layout);

/* Pure: the mounts that /proc/self/mountinfo names. Leaves `controllers` of v2 to
 * cgroup_layout_parse_controllers(). */
void cgroup_layout_parse_mounts(const char *text, size_t length, struct cgroup_layout *layout);
/* Pure: the words of <v2 mount>/cgroup.controllers. */
void cgroup_layout_parse_controllers(const char *text, size_t length, struct cgroup_layout *layout);

/* One line for people: "cgroup v2", "cgroup v1 (memory), v2 without it", "no cgroups". */
const char *cgroup_layout_describe(const struct cgroup_layout *layout);

/* A cgroup's directory. The descriptor is O_PATH: it names this very directory, so a new cgroup of
 * the same name is not reached through it. The inode is the kernel's cgroup id on v2 (5.5, 64 bit),
 * unique until reboot; 0 in a captured tree, where it would say nothing. */
struct cgroup_dir {
	int fd;
	uint64_t inode;
};

/* path below the v2 mount without leading slash; "" is the root. Components ".." and "." and
 * control characters are refused (-EINVAL); links are not followed. -ENOENT: there is none (any
 * more); -EOPNOTSUPP: no v2 here. */
int cgroup_dir_open(const struct cgroup_layout *layout, const char *path, struct cgroup_dir *ret);
int cgroup_dir_open_child(const struct cgroup_layout *layout, int dir_fd, const char *name,
			  struct cgroup_dir *ret);

static inline void cgroup_dir_done(struct cgroup_dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
}

/* Opens a file in it; links are not followed, O_CLOEXEC is added. fd or -errno; -ENODEV and
 * -ENOENT: the cgroup is gone or the file is not there. */
int cgroup_open_file(int dir_fd, const char *name, int flags);
/* Reads a file of it whole, as sysroot_read(). */
ssize_t cgroup_read_file(int dir_fd, const char *name, char *buffer, size_t size);

/* Calls `each` for every child cgroup (allocates: not for the tick). A result other than 0 ends the
 * walk and is returned. Children that come or go meanwhile may be missed. */
int cgroup_each_child(int dir_fd, int (*each)(void *context, const char *name), void *context);
