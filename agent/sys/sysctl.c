/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/sysctl.h"

#include "sys/kernel_number.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

static int make_path(const char *name, char ret[PATH_MAX])
{
	int n = snprintf(ret, PATH_MAX, "proc/sys/%s", name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int sysctl_read(const struct sysroot *root, const char *name, int64_t *ret)
{
	_cleanup_(closep) int fd = -1;
	char path[PATH_MAX];
	int r = make_path(name, path);

	if (r < 0)
		return r;
	fd = sysroot_open_file(root, path);
	return fd < 0 ? fd : kernel_number_read(fd, ret);
}

int sysctl_write(const struct sysroot *root, const char *name, int64_t value)
{
	_cleanup_(closep) int fd = -1;
	char path[PATH_MAX];
	int r = make_path(name, path);

	if (r < 0)
		return r;
	if (!root->live)
		return -EROFS;
	fd = sysroot_open_path(root, path, O_WRONLY);
	return fd < 0 ? fd : kernel_number_write(fd, value);
}
