/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * /proc/meminfo and nodeN/meminfo: fs/proc/meminfo.c, drivers/base/node.c (2.6.32 to 7.x),
 * documented in Documentation/filesystems/proc.rst. "kB" there are units of 1,024; everything here
 * is in bytes. Which lines exist depends on the kernel and on the file, so each value says whether
 * it was there: MemAvailable (3.14, and el7) is never in a node's file, MemUsed and FilePages only
 * there.
 *
 * In a container LXCFS may show values that cannot be (MemAvailable above MemTotal, SwapFree above
 * SwapTotal): such a value is dropped, counted in `rejected`, and is then not present.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sysroot;

enum meminfo_key {
	MEMINFO_TOTAL,
	MEMINFO_FREE,
	MEMINFO_AVAILABLE,
	MEMINFO_BUFFERS,
	MEMINFO_CACHED,
	MEMINFO_ACTIVE_ANON,
	MEMINFO_INACTIVE_ANON,
	MEMINFO_ACTIVE_FILE,
	MEMINFO_INACTIVE_FILE,
	MEMINFO_UNEVICTABLE,
	MEMINFO_MLOCKED,
	MEMINFO_SWAP_TOTAL,
	MEMINFO_SWAP_FREE,
	MEMINFO_DIRTY,
	MEMINFO_WRITEBACK,
	MEMINFO_ANON_PAGES,
	MEMINFO_SHMEM,
	MEMINFO_SLAB_RECLAIMABLE,
	MEMINFO_SLAB_UNRECLAIMABLE,
	MEMINFO_USED,		/* node file only */
	MEMINFO_FILE_PAGES,	/* node file only */
	MEMINFO_HUGE_TOTAL,	/* pages of the default huge page size, a count */
	MEMINFO_HUGE_FREE,	/* likewise */
	MEMINFO_HUGE_PAGE_SIZE, /* host file only */
	MEMINFO_HUGETLB,	/* all sizes together (4.16); host file only */
	MEMINFO_ACTIVE,		/* with the next one all of the LRU but Unevictable */
	MEMINFO_INACTIVE,
	MEMINFO_SWAP_CACHED, /* also in AnonPages as far as it is mapped */
	MEMINFO_SLAB,
	MEMINFO_KERNEL_STACK, /* since 4.9 usually part of VmallocUsed */
	MEMINFO_PAGE_TABLES,
	MEMINFO_SEC_PAGE_TABLES, /* of guests and IOMMUs (6.1, 6.8) */
	/* Memory since 5.3; 0 from 4.4 to 5.2; before, address space in use, whether there is
	 * memory behind it or a device. Use meminfo_vmalloc(). */
	MEMINFO_VMALLOC_USED,
	MEMINFO_VMALLOC_CHUNK, /* 0 since 4.4 */
	MEMINFO_PERCPU,	       /* 4.19, and el7 */
	MEMINFO_BOUNCE,
	MEMINFO_ZSWAP,	     /* the compressed pool (5.19) */
	MEMINFO_BALLOON,     /* what this machine gave back to its own host (after 6.12) */
	MEMINFO_GPU_ACTIVE,  /* after 6.12 */
	MEMINFO_GPU_RECLAIM, /* likewise */
	MEMINFO_COUNT_,
};

struct meminfo {
	uint64_t present; /* bits 1 << enum meminfo_key */
	uint64_t values[MEMINFO_COUNT_];
	unsigned rejected; /* values that cannot be and were dropped */
};

static inline bool meminfo_has(const struct meminfo *m, enum meminfo_key key)
{
	return (m->present >> key) & 1;
}

/* 0 where there is none. */
static inline uint64_t meminfo_amount(const struct meminfo *m, enum meminfo_key key)
{
	return meminfo_has(m, key) ? m->values[key] : 0;
}

/* Bytes of memory behind vmalloc; false where the kernel does not tell. */
bool meminfo_vmalloc(const struct meminfo *m, uint64_t *ret_bytes);

/* 0; -EINVAL when not even MemTotal is there (empty, cut to nothing, another file). */
int meminfo_parse(const char *text, size_t length, struct meminfo *ret);

/* Descriptors to keep and read with sysroot_read_fd(); 4 KiB hold either file. fd or -errno. */
int meminfo_open(const struct sysroot *root);
/* Where the kernel has no node directories at all, node 0 is the machine: its file then is the
 * host's. -ENOENT: no such node. */
int meminfo_open_node(const struct sysroot *root, unsigned node);
/* The whole file by such a descriptor. 0, or -errno as above. */
int meminfo_read(int fd, struct meminfo *ret);
/* What is free by such a descriptor. 0; -ENODATA: it does not say; -errno. */
int meminfo_read_free(int fd, uint64_t *ret_bytes);
/* The same and the clean pages of files, which whoever allocates is given as well, after a moment's
 * reclaim: on a host that has run for a while nearly all that is not in use. */
int meminfo_read_room(int fd, uint64_t *ret_bytes);
