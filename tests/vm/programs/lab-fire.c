// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Preloaded into the agent: from the moment that a test asks for it, nothing is to be had any more.
 * Every request for memory or a process fails, and is counted.
 *
 * LAB_FIRE names a file of struct fire, shared with whoever lights it and wants to know what was
 * asked for. LAB_FIRE_JOURNAL, if set, is a socket that stands in for journald's.
 */

#include "lab-fire.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* The C library's own, under the names that it keeps for this. */
void *__libc_malloc(size_t size);		      /* NOLINT(bugprone-reserved-identifier) */
void *__libc_calloc(size_t count, size_t size);	      /* NOLINT(bugprone-reserved-identifier) */
void *__libc_realloc(void *p, size_t size);	      /* NOLINT(bugprone-reserved-identifier) */
void *__libc_memalign(size_t alignment, size_t size); /* NOLINT(bugprone-reserved-identifier) */

static struct fire *fire;
static pid_t main_pid;
static pid_t (*real_fork)(void);
static int (*real_connect)(int fd, const struct sockaddr *address, socklen_t length);

__attribute__((constructor)) static void take_part(void)
{
	const char *path = getenv("LAB_FIRE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *page;

	*(void **)&real_fork = dlsym(RTLD_NEXT, "fork");
	*(void **)&real_connect = dlsym(RTLD_NEXT, "connect");
	main_pid = getpid();
	if (fd < 0)
		return;
	page = (void *)syscall(SYS_mmap, NULL, sizeof(*fire), PROT_READ | PROT_WRITE, MAP_SHARED,
			       fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		return;
	/* The first program alone: what comes after it, to clean up, is not on fire. */
	if (((struct fire *)page)->is_there)
		return;
	fire = page;
	fire->is_there = 1;
}

/* Is what is asked for to be refused? */
static int refuses(enum fire_request request)
{
	if (!fire || !fire->lit)
		return 0;
	if (getpid() == main_pid)
		__atomic_add_fetch(&fire->by_main[request], 1, __ATOMIC_RELAXED);
	else
		__atomic_add_fetch(&fire->by_others[request], 1, __ATOMIC_RELAXED);
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return refuses(FIRE_HEAP) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return refuses(FIRE_HEAP) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	return refuses(FIRE_HEAP) ? NULL : __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return refuses(FIRE_HEAP) ? NULL : __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size);

void *memalign(size_t alignment, size_t size)
{
	return aligned_alloc(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *p = aligned_alloc(alignment, size);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

void *mmap(void *start, size_t length, int protection, int flags, int fd, off_t offset)
{
	if (refuses(FIRE_MAPPING))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, start, length, protection, flags, fd, offset);
}

pid_t fork(void)
{
	return refuses(FIRE_FORK) ? -1 : real_fork();
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	const char *journal = getenv("LAB_FIRE_JOURNAL");
	struct sockaddr_un other = { .sun_family = AF_UNIX };

	if (!journal || !address || address->sa_family != AF_UNIX ||
	    strcmp(((const struct sockaddr_un *)address)->sun_path, JOURNAL_SOCKET) != 0)
		return real_connect(fd, address, length);
	strncpy(other.sun_path, journal, sizeof(other.sun_path) - 1);
	return real_connect(fd, (const struct sockaddr *)&other, sizeof(other));
}
