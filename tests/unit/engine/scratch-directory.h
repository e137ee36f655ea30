/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A directory of the test's own, in memory where that can be. */

#include "test.h"

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

struct scratch_directory {
	char path[64];
	int fd;
};

static inline void scratch_directory_open(struct scratch_directory *d)
{
	snprintf(d->path, sizeof(d->path), "%s/oomwarden-engine-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	check(mkdtemp(d->path));
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(d->fd >= 0);
}

static inline int scratch_directory_remove_(const char *path, const struct stat *st, int type,
					    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void scratch_directory_close(struct scratch_directory *d)
{
	close(d->fd);
	(void)nftw(d->path, scratch_directory_remove_, 8, FTW_DEPTH | FTW_PHYS);
}
