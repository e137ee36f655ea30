/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/own_memory.h"

#include "sys/node_policy.h"
#include "sys/sysroot.h"

#include <errno.h>
#include <limits.h>
#include <numaif.h>
#include <sys/mman.h>
#include <unistd.h>

static void touch(const struct own_memory *memory)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	volatile char *bytes = memory->pages;

	for (size_t at = 0; at < memory->bytes; at += page)
		bytes[at] = 1;
}

int own_memory_take(const struct sysroot *root, unsigned node, size_t bytes, struct own_memory *ret)
{
	struct own_memory memory = { .bytes = bytes };
	int r;

	if (!root->live)
		return -EROFS;
	memory.pages =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory.pages == MAP_FAILED)
		return -errno;
	/* A kernel without huge pages has none to be asked not to use. */
	(void)madvise(memory.pages, bytes, MADV_NOHUGEPAGE);
	r = node_policy_set_pages(memory.pages, bytes, MPOL_PREFERRED, node);
	if (r < 0) {
		own_memory_done(&memory);
		return r;
	}
	touch(&memory);
	*ret = memory;
	return 0;
}

void own_memory_done(struct own_memory *memory)
{
	if (memory->pages)
		munmap(memory->pages, memory->bytes);
	*memory = (struct own_memory){ 0 };
}
