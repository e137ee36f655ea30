/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/pidfd.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on every architecture; kernel headers may be older than the kernel. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

int pidfd_open_if_any(pid_t pid, int *ret)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	/* EPERM is a seccomp filter's answer: the kernel itself asks for no privilege. */
	if (fd < 0 && errno != ENOSYS && errno != EPERM)
		return -errno;
	*ret = fd;
	return 0;
}
