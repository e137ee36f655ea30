/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/huge_pool.h"

#include "sys/kernel_number.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#define NODE_DIRECTORY "sys/devices/system/node"
#define HOST_DIRECTORY "sys/kernel/mm"
#define KIB	       1024

static bool has_node_directory(const struct sysroot *root)
{
	_cleanup_(closep) int fd = sysroot_open_path(root, NODE_DIRECTORY, O_PATH | O_DIRECTORY);

	return fd >= 0;
}

static int open_pool(const struct sysroot *root, unsigned node, uint64_t page_bytes, int flags)
{
	const uint64_t kib = page_bytes / KIB;
	char directory[64], path[PATH_MAX];

	if (kib == 0 || page_bytes % KIB != 0)
		return -EINVAL;
	if (has_node_directory(root))
		snprintf(directory, sizeof(directory), NODE_DIRECTORY "/node%u", node);
	else if (node == 0)
		snprintf(directory, sizeof(directory), HOST_DIRECTORY);
	else
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/hugepages/hugepages-%llukB/nr_hugepages", directory,
		 (unsigned long long)kib);
	return flags == O_RDONLY ? sysroot_open_file(root, path)
				 : sysroot_open_path(root, path, flags);
}

int huge_pool_read(const struct sysroot *root, unsigned node, uint64_t page_bytes,
		   int64_t *ret_pages)
{
	_cleanup_(closep) int fd = open_pool(root, node, page_bytes, O_RDONLY);

	return fd < 0 ? fd : kernel_number_read(fd, ret_pages);
}

int huge_pool_write(const struct sysroot *root, unsigned node, uint64_t page_bytes, int64_t pages)
{
	_cleanup_(closep) int fd = -1;

	if (!root->live)
		return -EROFS;
	if (pages < 0)
		return -EINVAL;
	fd = open_pool(root, node, page_bytes, O_WRONLY);
	return fd < 0 ? fd : kernel_number_write(fd, pages);
}
