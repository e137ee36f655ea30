/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The configuration file that firecracker is started with (--config-file): machine-config, as its
 * docs/getting-started.md shows. The file belongs to whoever runs the monitor, and may lie on
 * whatever that one mounted, so a read may take any time: for workers only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sysroot;

struct guest_config {
	uint64_t memory_bytes; /* 0: not said */
	unsigned vcpus;
	bool hugetlb;
	uint64_t page_bytes; /* of huge pages; 0: the default size, or none */
};

/* 0 or -EINVAL: no such configuration. */
int guest_config_parse(const char *text, size_t length, struct guest_config *ret);
/* Opens `path` as the process sees it (its root, its directory), never a link at its end or
 * anything but a regular file. On a captured tree it is a path of the tree. 0 or -errno. */
int guest_config_read(const struct sysroot *root, int pid_fd, const char *path,
		      struct guest_config *ret);
