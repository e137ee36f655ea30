/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * inotify(7), as far as cgroups need it: one descriptor for many files and directories. The kernel
 * reports a change of memory.events and cgroup.events as a modification of the file, at most every
 * 10 ms (CGROUP_FILE_NOTIFY_MIN_INTV), and cgroups made or removed on the directory above.
 *
 * A watch of a file of a cgroup that is removed neither fires nor ends by itself, as the link count
 * of such an inode never becomes 0: it is to be removed, or it stays for ever and keeps the inode.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/types.h>

struct sysroot;

/* No more watches for this user (fs.inotify.max_user_watches). */
#define WATCH_EXHAUSTED 1

/* Non-blocking, to be polled for input. fd or -errno; -ENOSYS: no inotify here, on a captured tree
 * too; -EMFILE: fs.inotify.max_user_instances. */
int watch_open(const struct sysroot *root);

/* Watches a file of a directory, or with "" the directory itself, for the events of `mask` (IN_*).
 * dir_fd may be O_PATH. 0 and *ret_wd, above 0; the same one again for what is watched already;
 * WATCH_EXHAUSTED; -ENOENT: there is none (any more); else -errno. */
int watch_add(int watch_fd, int dir_fd, const char *name, uint32_t mask, int *ret_wd);
/* One that ended by itself is no fault. */
void watch_remove(int watch_fd, int wd);

/* Half of what one user may watch: programs of the same user need some too. SIZE_MAX where the
 * kernel does not say. */
size_t watch_allowance(const struct sysroot *root);

struct watch_event {
	int wd; /* -1: some were lost (IN_Q_OVERFLOW), look at everything */
	uint32_t mask;
	const char *name; /* in a watched directory, during the call; else "" */
};

/* Calls `each` for all that is there now, without waiting. 0, also when nothing is; -errno. */
int watch_read(int watch_fd, void (*each)(void *context, const struct watch_event *event),
	       void *context);
