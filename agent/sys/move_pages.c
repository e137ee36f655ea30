/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/move_pages.h"

#include "sys/sysroot.h"

#include <errno.h>
#include <numa.h>
#include <numaif.h>

static int check_request(const struct sysroot *root, pid_t pid, size_t count)
{
	if (!root->live)
		return -EROFS;
	/* To the kernel pid 0 is the caller. */
	if (pid <= 0 || count == 0 || count > MOVE_PAGES_MAX)
		return -EINVAL;
	return 0;
}

static void fill(int *status, size_t count)
{
	for (size_t i = 0; i < count; i++)
		status[i] = MOVE_PAGES_UNTOUCHED;
}

/* libnuma takes the addresses as not const, as the call itself did before it was documented;
 * neither writes to them. */
static long call(pid_t pid, void *const *pages, size_t count, const int *nodes, int *status,
		 int flags)
{
	union {
		void *const *in;
		void **out;
	} addresses = { .in = pages };
	long r = numa_move_pages(pid, count, addresses.out, nodes, status, flags);

	return r < 0 ? -errno : r;
}

int move_pages_query(const struct sysroot *root, pid_t pid, void *const *pages, size_t count,
		     int *ret_status)
{
	int r = check_request(root, pid, count);

	if (r < 0)
		return r;
	fill(ret_status, count);
	return (int)call(pid, pages, count, NULL, ret_status, 0);
}

int move_pages_to(const struct sysroot *root, pid_t pid, void *const *pages, size_t count,
		  unsigned node, bool all, int *ret_status)
{
	int nodes[MOVE_PAGES_MAX];
	int r = check_request(root, pid, count);

	if (r < 0)
		return r;
	if (node > INT_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		nodes[i] = (int)node;
	fill(ret_status, count);
	return (int)call(pid, pages, count, nodes, ret_status,
			 all ? MPOL_MF_MOVE_ALL : MPOL_MF_MOVE);
}
