/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/held_memory.h"

#include "sys/move_pages.h"
#include "sys/node_policy.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <numaif.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int held_memory_map(const struct sysroot *root, uint64_t bytes, struct held_memory *ret)
{
	const size_t page = page_bytes();
	struct held_memory memory = { 0 };
	void *pages;

	if (!root->live)
		return -EROFS;
	if (bytes == 0 || bytes > PTRDIFF_MAX - page)
		return -EINVAL;
	memory.bytes = ((size_t)bytes + page - 1) / page * page;
	pages = mmap(NULL, memory.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	if (pages == MAP_FAILED)
		return -errno;
	memory.pages = pages;
	*ret = memory;
	return 0;
}

void held_memory_done(struct held_memory *memory)
{
	if (memory->pages)
		munmap(memory->pages, memory->bytes);
	*memory = (struct held_memory){ 0 };
}

int held_memory_bind(struct held_memory *memory, unsigned node)
{
	int r = node_policy_set_pages(memory->pages, memory->bytes, MPOL_BIND, node);

	/* Of the task as well: by that the kernel tells who could relieve a node
	 * (oom_cpuset_eligible() in mm/oom_kill.c), and would else end those of other nodes first.
	 */
	if (r == 0)
		r = node_policy_set_thread(MPOL_BIND, node);
	if (r < 0)
		return r;
	memory->has_node = true;
	memory->node = node;
	return 0;
}

static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

int held_memory_lock(struct held_memory *memory)
{
	raise_limit();
	if (mlock2(memory->pages, memory->bytes, MLOCK_ONFAULT) == 0)
		return 0;
	if (errno != ENOSYS && errno != EINVAL)
		return -errno;
	return mlock(memory->pages, memory->bytes) < 0 ? -errno : 0;
}

/* What no other process has, where addresses are the same in all of them. */
static uintptr_t own_seed(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	uintptr_t seed = (uintptr_t)getpid();

	if (random)
		memcpy(&seed, random, sizeof(seed));
	return seed;
}

/* The first word of each page is what differs, and is never zero. */
void held_memory_write(struct held_memory *memory, size_t from, size_t bytes)
{
	const size_t page = page_bytes(), end = MIN_OF(memory->bytes, from + bytes);
	const uintptr_t seed = own_seed();

	for (size_t at = from; at < end; at += page) {
		volatile uintptr_t *word = (volatile uintptr_t *)(void *)(memory->pages + at);

		*word = ((uintptr_t)(memory->pages + at) ^ seed) | 1;
	}
}

/* 0 and how many of these are where they should be, or -errno. */
static int count_there(const struct sysroot *root, const struct held_memory *memory, size_t from,
		       size_t count, size_t *ret)
{
	void *pages[MOVE_PAGES_MAX];
	int status[MOVE_PAGES_MAX];
	int r;

	for (size_t i = 0; i < count; i++)
		pages[i] = memory->pages + from + i * page_bytes();
	r = move_pages_query(root, getpid(), pages, count, status);
	if (r < 0)
		return r;
	*ret = 0;
	for (size_t i = 0; i < count; i++)
		*ret += status[i] >= 0 && (!memory->has_node || status[i] == (int)memory->node);
	return 0;
}

int held_memory_check(const struct sysroot *root, const struct held_memory *memory,
		      uint64_t *ret_missing_bytes)
{
	const size_t page = page_bytes();
	uint64_t missing = 0;

	for (size_t at = 0; at < memory->bytes; at += MOVE_PAGES_MAX * page) {
		const size_t count = MIN_OF((memory->bytes - at) / page, (size_t)MOVE_PAGES_MAX);
		size_t there;
		int r = count_there(root, memory, at, count, &there);

		if (r < 0)
			return r;
		missing += (count - there) * page;
	}
	*ret_missing_bytes = missing;
	return 0;
}
