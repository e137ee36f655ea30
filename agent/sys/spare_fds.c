/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/spare_fds.h"

#include <fcntl.h>
#include <unistd.h>

void spare_fds_take(struct spare_fds *spare, int dir_fd)
{
	while (spare->count < SPARE_FDS_MAX) {
		int fd = openat(dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return;
		spare->fds[spare->count++] = fd;
	}
}

void spare_fds_lend(struct spare_fds *spare)
{
	while (spare->count > 0)
		close(spare->fds[--spare->count]);
}
