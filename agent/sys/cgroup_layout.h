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

/* The hierarchy whose directories are the services: the one that systemd, or whoever makes cgroups
 * here, keeps all of them in. */
enum cgroup_tree {
	CGROUP_TREE_NONE,
	CGROUP_TREE_V2,
	CGROUP_TREE_NAMED,  /* v1: systemd's own, without a controller */
	CGROUP_TREE_MEMORY, /* v1: the memory controller's */
};

struct cgroup_layout {
	struct cgroup_mount v2;
	struct cgroup_mount v1[CGROUP_CONTROLLER_COUNT_];
	struct cgroup_mount named; /* v1, name=systemd */
	enum cgroup_version controllers[CGROUP_CONTROLLER_COUNT_];
	bool asked_libcgroup; /* the v1 and v2 answers were confirmed by the library */
	bool local_events; /* memory.events without what is below (v1; v2's memory_localevents) */
	bool live;
	int v2_fd; /* O_PATH of the v2 mount, -1: no v2 */
	enum cgroup_tree tree;
	/* O_PATH; of no meaning without a tree, and may be the same as another one here. */
	int tree_fd;
	int memory_fd; /* of the hierarchy that has the memory controller, -1: there is none */
};

/* 0 even where there are no cgroups at all (all absent); -errno when something broke. */
int cgroup_layout_open(const struct sysroot *root, struct cgroup_layout *ret);
/* The same by what is mounted alone: the library takes ten milliseconds. */
int cgroup_layout_open_quick(const struct sysroot *root, struct cgroup_layout *ret);
void cgroup_layout_done(struct cgroup_layout *layout);

/* Pure: the mounts that /proc/self/mountinfo names. Leaves `controllers` of v2 to
 * cgroup_layout_parse_controllers(). */
void cgroup_layout_parse_mounts(const char *text, size_t length, struct cgroup_layout *layout);
/* Pure: the words of <v2 mount>/cgroup.controllers. */
void cgroup_layout_parse_controllers(const char *text, size_t length, struct cgroup_layout *layout);

/* Where services are looked for; a mount without path if nowhere. */
const struct cgroup_mount *cgroup_layout_tree(const struct cgroup_layout *layout);
/* The same as proc/PID/cgroup names it, for proc_cgroup_read(): NULL is v2. */
const char *cgroup_layout_tree_name(const struct cgroup_layout *layout);
