/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Descriptors that are held for the moment when there are no others: the way to a kill opens some,
 * for as long as it looks. They are the first that the process opens, so that their numbers lie
 * below whatever limit it is given later, and each is an open file of its own, so that closing them
 * helps where the whole system has run out as well.
 */

#include <stddef.h>

/* A walk over a cgroup holds two for each level, the file it reads, and three of a process; a kill
 * holds one as long as it runs. This is enough for a service whose processes lie nine levels below
 * it. */
#define SPARE_FDS_MAX 24

struct spare_fds {
	int fds[SPARE_FDS_MAX];
	size_t count;
};

/* Takes back as many as are to be had; nothing if all are there. A directory's descriptor. */
void spare_fds_take(struct spare_fds *spare, int dir_fd);
/* Lets go of all of them. */
void spare_fds_lend(struct spare_fds *spare);
