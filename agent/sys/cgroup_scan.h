/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * All cgroups of the machine, cheaply: most of them have none below, which their count of links
 * tells, so they are asked for that and never opened. One call each, and four for a cgroup that has
 * others in it. Allocates: not for the tick; sys/cgroup_tree.h is the one without heap.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup_layout;

/* Deeper ones are not looked into: systemd, containers in containers and a guest's threads stay
 * below ten. */
#define CGROUP_SCAN_DEPTH_MAX 32

struct cgroup_scan {
	/* A cgroup: its path below the tree's mount, valid for this call only, and the inode as
	 * cgroup_dir_open() has it. A result other than 0 ends the scan. */
	int (*each)(void *context, const char *path, uint64_t inode);
	/* May be NULL. A directory, by its name in dir_fd or "" for the tree's root, before it is
	 * known whether anything is below. True: what is known of it is to be read again. */
	bool (*visit)(void *context, int dir_fd, const char *name, uint64_t inode);
	void *context;
};

/* 0, the callback's result that ended it, or -errno. What comes or goes meanwhile may be missed,
 * what may not be read is left out. *ret_unusable: cgroups that cannot be named, as control
 * characters are in their names. */
int cgroup_scan(const struct cgroup_layout *layout, const struct cgroup_scan *scan,
		size_t *ret_unusable);
