/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_own.h"

#include "sense/service_walk.h"
#include "sense/state.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <string.h>
#include <unistd.h>

static void read_own_path(const struct sense *s, pid_t pid, char path[OWN_PATH_BYTES])
{
	_cleanup_(closep) int fd = -1;
	const char *subtree = cgroup_layout_tree(s->layout)->subtree;
	size_t length;

	path[0] = '\0';
	if (!s->root->live)
		return;
	fd = proc_pid_open(s->root, pid);
	if (fd < 0 ||
	    proc_cgroup_read(fd, cgroup_layout_tree_name(s->layout), path, OWN_PATH_BYTES) <= 0) {
		path[0] = '\0';
		return;
	}
	/* Where a part of the hierarchy is mounted, paths count from that part. */
	subtree += strspn(subtree, "/");
	length = strlen(subtree);
	if (length > 0 && strncmp(path, subtree, length) == 0 && path[length] == '/')
		memmove(path, path + length + 1, strlen(path + length + 1) + 1);
}

void service_own_read(const struct sense *s, struct service_own *ret)
{
	read_own_path(s, getpid(), ret->paths[0]);
	read_own_path(s, 1, ret->paths[1]);
}

bool service_own_holds(const struct service_own *own, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(own->paths); i++)
		if (strcmp(own->paths[i], path) == 0 || service_path_is_below(own->paths[i], path))
			return true;
	return false;
}
