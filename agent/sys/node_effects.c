/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/node_effects.h"

#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define NODE_DIRECTORY "sys/devices/system/node"

static int write_text(const struct sysroot *root, const char *path, const char *text)
{
	_cleanup_(closep) int fd = -1;

	if (!root->live)
		return -EROFS;
	fd = sysroot_open_path(root, path, O_WRONLY);
	return fd < 0 ? fd : sysroot_write_fd(fd, text);
}

static int write_node(const struct sysroot *root, unsigned node, const char *file, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), NODE_DIRECTORY "/node%u/%s", node, file);
	return write_text(root, path, text);
}

static bool has_nodes(const struct sysroot *root)
{
	_cleanup_(closep) int fd = sysroot_open_path(root, NODE_DIRECTORY, O_PATH | O_DIRECTORY);

	return fd >= 0;
}

int node_effect_compact(const struct sysroot *root, unsigned node)
{
	/* "1" is what all kernels take: up to 6.1 anything, from 6.12 on nothing else. */
	int r = write_node(root, node, "compact", "1\n");

	if (r == -ENOENT && node == 0 && !has_nodes(root))
		return write_text(root, "proc/sys/vm/compact_memory", "1\n");
	return r;
}

int node_effect_reclaim(const struct sysroot *root, unsigned node, uint64_t bytes)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu\n", (unsigned long long)bytes);
	return write_node(root, node, "reclaim", text);
}

int host_effect_drop_slab(const struct sysroot *root)
{
	/* Not 1 or 3, which take the page cache, and not 4, which silences the kernel's own word
	 * on it for good. */
	return write_text(root, "proc/sys/vm/drop_caches", "2\n");
}
