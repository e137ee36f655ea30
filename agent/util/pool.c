/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "util/pool.h"

#include <sys/mman.h>

void *pool_new(size_t bytes)
{
	void *pool = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return pool == MAP_FAILED ? NULL : pool;
}

void pool_free(void *pool, size_t bytes)
{
	if (pool)
		(void)munmap(pool, bytes);
}
