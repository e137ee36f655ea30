/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The machine's file tree, live or captured. Every kernel file is opened through one of these,
 * never by a path from the root, so that a fixture directory can stand for the machine (and cannot
 * be left by a link). A captured tree is read-only: the effects in sys/ refuse it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sysroot {
	int fd;
	bool live; /* the running machine, not a captured tree */
};

/* directory NULL: the live machine. -errno of open(2). */
int sysroot_open(const char *directory, struct sysroot *ret);
void sysroot_done(struct sysroot *root);

/* Opens a path below the root; links cannot lead out of it. O_CLOEXEC is added. fd or -errno. */
int sysroot_open_path(const struct sysroot *root, const char *path, int flags);

/* The same for a kernel file to read and keep: a regular one, never waiting for whatever else a
 * captured tree may hold under that name (-EINVAL). */
int sysroot_open_file(const struct sysroot *root, const char *path);
/* Below a directory that is open already, following no link at all. -EINVAL for "..", ".", an
 * absolute path or control characters; "" is the directory itself. */
int sysroot_open_beneath(int dir_fd, const char *path, int flags);

/* Reads a whole kernel file into buffer, always terminated. The length, or -errno; -EFBIG when it
 * did not fit (the buffer then holds the beginning). */
ssize_t sysroot_read(const struct sysroot *root, const char *path, char *buffer, size_t size);
/* The same for a descriptor that stays open, from its beginning (pread). Counters that one read
 * gives are of one moment only as far as the kernel prints them in one go. */
ssize_t sysroot_read_fd(int fd, char *buffer, size_t size);
/* The same for a file that the kernel gives as one record, where a read that leaves room is the
 * end and no further one is needed to see it (single_open(), fs/seq_file.c, and what sysfs, cgroup
 * files and sysctls do): proc/meminfo, proc/stat, proc/pressure, proc/PID/{stat,status,cgroup},
 * sysfs, and each file of a cgroup but the lists of processes. Not for files of many records:
 * proc/{vmstat,zoneinfo,buddyinfo,slabinfo,swaps}, proc/self/mountinfo, maps, numa_maps, smaps,
 * cgroup.procs. */
ssize_t sysroot_read_once_fd(int fd, char *buffer, size_t size);
/* The same for a file of many records none of which is longer than `record_bytes`: a short read is
 * the end where another record would have had room in the page that the kernel fills. Lines of
 * proc/vmstat are shorter than 64 bytes. */
ssize_t sysroot_read_lines_fd(int fd, char *buffer, size_t size, size_t record_bytes);
/* Gives a kernel file one value in one write, which it takes whole or not at all. 0 or -errno. Its
 * caller has seen that the tree is live. */
int sysroot_write_fd(int fd, const char *text);
