/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory of this very process: taken, looked at, given back. */

#include "test.h"

#include "sys/held_memory.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <limits.h>
#include <numaif.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGES 3000 /* more than are asked about at once */

static const struct sysroot live = { .fd = -1, .live = true };
static const struct sysroot captured = { .fd = -1 };
static size_t page;

static void take(struct held_memory *memory, size_t bytes)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	check_int(held_memory_map(&live, bytes, memory), 0);
}

static uint64_t missing_of(const struct held_memory *memory)
{
	uint64_t missing;
	int r = held_memory_check(&live, memory, &missing);

	if (r == -ENOSYS || r == -EPERM)
		test_skip("the kernel does not tell where pages are");
	check_int(r, 0);
	return missing;
}

#define MEMORY(name) _cleanup_(held_memory_done) struct held_memory name = { 0 }

TEST(what_was_not_written_is_not_there)
{
	MEMORY(memory);

	page = (size_t)sysconf(_SC_PAGESIZE);
	take(&memory, PAGES * page);
	check_int(missing_of(&memory), PAGES * page);
	held_memory_write(&memory, 0, 10 * page);
	check_int(missing_of(&memory), (PAGES - 10) * page);
	/* The end is where it is, whatever is asked for. */
	held_memory_write(&memory, 10 * page, SIZE_MAX / 2);
	check_int(missing_of(&memory), 0);
}

/* What has the same content may be merged. */
TEST(no_page_is_like_another)
{
	MEMORY(memory);
	MEMORY(other);

	page = (size_t)sysconf(_SC_PAGESIZE);
	take(&memory, 64 * page);
	take(&other, page);
	held_memory_write(&memory, 0, memory.bytes);
	held_memory_write(&other, 0, other.bytes);
	for (size_t i = 0; i < 64; i++) {
		check(memcmp(memory.pages + i * page, other.pages, page) != 0);
		for (size_t k = 0; k < i; k++)
			check(memcmp(memory.pages + i * page, memory.pages + k * page, page) != 0);
	}
}

TEST(amounts_are_whole_pages)
{
	MEMORY(memory);
	struct held_memory none = { 0 };

	take(&memory, 1);
	check_int(memory.bytes, page);
	check_int(held_memory_map(&live, 0, &none), -EINVAL);
	check_int(held_memory_map(&live, UINT64_MAX, &none), -EINVAL);
	check_int(held_memory_map(&live, (uint64_t)PTRDIFF_MAX, &none), -EINVAL);
	check_int(held_memory_map(&live, UINT64_C(1) << 62, &none), -ENOMEM);
	check_int(held_memory_map(&captured, page, &none), -EROFS);
	check(!none.pages);
	held_memory_done(&none);
}

TEST(a_node_that_is_none)
{
	MEMORY(memory);

	take(&memory, 1);
	check(held_memory_bind(&memory, 1023) < 0);
	check(held_memory_bind(&memory, UINT_MAX) == -EINVAL);
	check(!memory.has_node);
}

TEST(what_is_on_another_node_is_missing)
{
	MEMORY(memory);
	int r, mode;

	take(&memory, 1);
	r = held_memory_bind(&memory, 0);
	if (r < 0)
		test_skip("memory cannot be bound to node 0");
	held_memory_write(&memory, 0, memory.bytes);
	check_int(missing_of(&memory), 0);
	/* The kernel asks the task, not its mappings, whose end would help. */
	check_int(get_mempolicy(&mode, NULL, 0, NULL, 0), 0);
	check_int(mode, MPOL_BIND);
	memory.node = 1;
	check_int(missing_of(&memory), page);
}

TEST(it_is_locked_as_it_comes)
{
	MEMORY(memory);
	unsigned char there;

	take(&memory, 1);
	if (held_memory_lock(&memory) < 0)
		test_skip("nothing may be locked here");
	check_int(mincore(memory.pages, memory.bytes, &there), 0);
	held_memory_write(&memory, 0, memory.bytes);
	/* What is locked cannot be let go of. */
	check_int(madvise(memory.pages, memory.bytes, MADV_DONTNEED), -1);
	check_int(errno, EINVAL);
	check_int(missing_of(&memory), 0);
}

TEST(all_of_the_limit_is_used)
{
	struct rlimit before, limit;
	MEMORY(memory);

	take(&memory, 1);
	check_int(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	if (before.rlim_max < 2 * page)
		test_skip("nothing may be locked here");
	limit = before;
	limit.rlim_cur = 0;
	check_int(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	check_int(held_memory_lock(&memory), 0);
	check_int(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	check(limit.rlim_cur == before.rlim_max);
	(void)setrlimit(RLIMIT_MEMLOCK, &before);
}
