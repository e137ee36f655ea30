/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Notifications of cgroup v1's memory controller: an eventfd is named to cgroup.event_control with
 * the file it is about. Documentation/admin-guide/cgroup-v1/memory.rst, chapters 9 to 11
 * (2.6.34; memory.pressure_level since 3.10). One eventfd may be named for many cgroups: it then
 * says that one of them has something, not which. A registration lasts as long as the cgroup and
 * the eventfd do, and the end of the cgroup may fire once.
 */

#include <stdint.h>

struct sysroot;

/* Non-blocking, to be polled for input. fd or -errno; -ENOSYS on a captured tree. */
int cgroup_v1_event_new(const struct sysroot *root);
/* Takes what has been counted; 0: nothing. */
uint64_t cgroup_v1_event_take(int event_fd);

/* The kernel has no such file here, or refuses: read the files instead. */
#define CGROUP_V1_EVENT_REFUSED 1

enum cgroup_v1_level {
	CGROUP_V1_LOW,
	CGROUP_V1_MEDIUM, /* pages are swapped or written out */
	CGROUP_V1_CRITICAL,
};

/* dir_fd: a cgroup of the v1 memory hierarchy, O_PATH will do. 0; CGROUP_V1_EVENT_REFUSED; -ENOENT,
 * -ENODEV: the cgroup is gone; else -errno. */

/* Reclaim goes badly in this cgroup or below it; where the kernel cannot be told to hear of what is
 * below (before 4.13), it tells of this one. */
int cgroup_v1_event_pressure(int dir_fd, int event_fd, enum cgroup_v1_level level);
/* It runs out, or is out of that again. */
int cgroup_v1_event_oom(int dir_fd, int event_fd);
/* Its usage crosses this many bytes, up or down. */
int cgroup_v1_event_usage(int dir_fd, int event_fd, uint64_t bytes);
