/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_effects.h"

#include "sys/cgroup_dir.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define KILL_FILE "cgroup.kill"

int cgroup_effect_write(const struct sysroot *root, int dir_fd, uint64_t inode, const char *file,
			const char *value)
{
	_cleanup_(closep) int fd = -1;
	struct stat st;

	if (!root->live)
		return -EROFS;
	/* An empty write is accepted and does nothing. */
	if (inode == 0 || value[0] == '\0')
		return -EINVAL;
	if (fstat(dir_fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_ino != inode)
		return -ESTALE;
	fd = cgroup_open_file(dir_fd, file, O_WRONLY);
	return fd < 0 ? fd : sysroot_write_fd(fd, value);
}

int cgroup_effect_kill(const struct sysroot *root, int dir_fd, uint64_t inode)
{
	return cgroup_effect_write(root, dir_fd, inode, KILL_FILE, "1");
}

int cgroup_effect_can_kill(int dir_fd)
{
	return faccessat(dir_fd, KILL_FILE, W_OK, AT_EACCESS) < 0 ? -errno : 0;
}
