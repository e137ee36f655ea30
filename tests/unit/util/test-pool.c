/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"
#include "util/pool.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES 64

/* Pages that take memory. */
static unsigned resident(void *pool, size_t bytes)
{
	unsigned char pages[PAGES] = { 0 };
	unsigned count = 0;

	check_int(mincore(pool, bytes, pages), 0);
	for (size_t i = 0; i < PAGES; i++)
		count += pages[i] & 1;
	return count;
}

TEST(takes_what_is_touched_and_no_more)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = PAGES * page;
	uint8_t *pool = pool_new(bytes);
	unsigned sum = 0;

	check(pool);
	check_int(resident(pool, bytes), 0);
	pool[5 * page] = 1;
	check_int(resident(pool, bytes), 1);
	for (size_t i = 0; i < bytes; i++)
		sum += pool[i];
	check_int(sum, 1);
	pool_free(pool, bytes);
}

TEST(more_than_there_can_be_is_refused)
{
	check(!pool_new(SIZE_MAX / 2));
	pool_free(NULL, 1);
}
