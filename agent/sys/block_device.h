/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which disk a path means, as the I/O controllers count disks: a device node is itself, any other
 * file the device of its filesystem, and a partition the disk that it is a part of
 * (Documentation/admin-guide/cgroup-v2.rst, io.max: "$MAJ:$MIN of the device").
 */

#include <stdint.h>

struct sysroot;

/* makedev() of it. 0; -ENODEV: the filesystem is on no disk (tmpfs, a network); -EOPNOTSUPP: a
 * captured machine; -errno of looking at the path. May wait for a filesystem that does not answer:
 * for when a configuration is loaded. */
int block_device_find(const struct sysroot *root, const char *path, uint64_t *ret);
