/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/meminfo.h"

#include "sys/nodes.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <stdlib.h>

#define KIB 1024

/* By name: the file has over 50 lines and is read at every tick. */
static const struct key {
	const char *name;
	enum meminfo_key key;
	bool kib;
} keys[] = {
	{ "Active(anon):", MEMINFO_ACTIVE_ANON, true },
	{ "Active(file):", MEMINFO_ACTIVE_FILE, true },
	{ "Active:", MEMINFO_ACTIVE, true },
	{ "AnonPages:", MEMINFO_ANON_PAGES, true },
	{ "Balloon:", MEMINFO_BALLOON, true },
	{ "Bounce:", MEMINFO_BOUNCE, true },
	{ "Buffers:", MEMINFO_BUFFERS, true },
	{ "Cached:", MEMINFO_CACHED, true },
	{ "Dirty:", MEMINFO_DIRTY, true },
	{ "FilePages:", MEMINFO_FILE_PAGES, true },
	{ "GPUActive:", MEMINFO_GPU_ACTIVE, true },
	{ "GPUReclaim:", MEMINFO_GPU_RECLAIM, true },
	{ "HugePages_Free:", MEMINFO_HUGE_FREE, false },
	{ "HugePages_Total:", MEMINFO_HUGE_TOTAL, false },
	{ "Hugepagesize:", MEMINFO_HUGE_PAGE_SIZE, true },
	{ "Hugetlb:", MEMINFO_HUGETLB, true },
	{ "Inactive(anon):", MEMINFO_INACTIVE_ANON, true },
	{ "Inactive(file):", MEMINFO_INACTIVE_FILE, true },
	{ "Inactive:", MEMINFO_INACTIVE, true },
	{ "KernelStack:", MEMINFO_KERNEL_STACK, true },
	{ "MemAvailable:", MEMINFO_AVAILABLE, true },
	{ "MemFree:", MEMINFO_FREE, true },
	{ "MemTotal:", MEMINFO_TOTAL, true },
	{ "MemUsed:", MEMINFO_USED, true },
	{ "Mlocked:", MEMINFO_MLOCKED, true },
	{ "PageTables:", MEMINFO_PAGE_TABLES, true },
	{ "Percpu:", MEMINFO_PERCPU, true },
	{ "SReclaimable:", MEMINFO_SLAB_RECLAIMABLE, true },
	{ "SUnreclaim:", MEMINFO_SLAB_UNRECLAIMABLE, true },
	{ "SecPageTables:", MEMINFO_SEC_PAGE_TABLES, true },
	{ "Shmem:", MEMINFO_SHMEM, true },
	{ "Slab:", MEMINFO_SLAB, true },
	{ "SwapCached:", MEMINFO_SWAP_CACHED, true },
	{ "SwapFree:", MEMINFO_SWAP_FREE, true },
	{ "SwapTotal:", MEMINFO_SWAP_TOTAL, true },
	{ "Unevictable:", MEMINFO_UNEVICTABLE, true },
	{ "VmallocChunk:", MEMINFO_VMALLOC_CHUNK, true },
	{ "VmallocUsed:", MEMINFO_VMALLOC_USED, true },
	{ "Writeback:", MEMINFO_WRITEBACK, true },
	{ "Zswap:", MEMINFO_ZSWAP, true },
};

_Static_assert(ARRAY_SIZE(keys) == MEMINFO_COUNT_, "each key has its line");

static const struct key *find_key(struct span name)
{
	return bsearch(&name, keys, ARRAY_SIZE(keys), sizeof(keys[0]), span_compare_row);
}

/* "Node 0 MemFree:  426312 kB" or "MemFree:  426312 kB"; anything behind that makes it another
 * line. */
static void parse_line(struct span line, struct meminfo *m)
{
	struct span word, number, unit, extra;
	const struct key *key;
	uint64_t value;

	if (!span_next_word(&line, &word))
		return;
	if (span_is(word, "Node") &&
	    (!span_next_word(&line, &word) || !span_next_word(&line, &word)))
		return;
	key = find_key(word);
	if (!key || meminfo_has(m, key->key))
		return;
	if (!span_next_word(&line, &number) || span_u64(number, &value) < 0)
		return;
	if (key->kib) {
		if (!span_next_word(&line, &unit) || !span_is(unit, "kB") ||
		    __builtin_mul_overflow(value, (uint64_t)KIB, &value))
			return;
	}
	if (span_next_word(&line, &extra))
		return;
	m->values[key->key] = value;
	m->present |= UINT64_C(1) << key->key;
}

static void reject_above(struct meminfo *m, enum meminfo_key part, enum meminfo_key whole)
{
	if (!meminfo_has(m, part) || !meminfo_has(m, whole) || m->values[part] <= m->values[whole])
		return;
	m->present &= ~(UINT64_C(1) << part);
	m->values[part] = 0;
	m->rejected++;
}

int meminfo_parse(const char *text, size_t length, struct meminfo *ret)
{
	struct span rest = span_of(text, length), line;
	struct meminfo m = { 0 };

	while (span_next_line(&rest, &line))
		parse_line(line, &m);
	if (!meminfo_has(&m, MEMINFO_TOTAL))
		return -EINVAL;
	reject_above(&m, MEMINFO_AVAILABLE, MEMINFO_TOTAL);
	reject_above(&m, MEMINFO_FREE, MEMINFO_TOTAL);
	reject_above(&m, MEMINFO_SWAP_FREE, MEMINFO_SWAP_TOTAL);
	*ret = m;
	return 0;
}

bool meminfo_vmalloc(const struct meminfo *m, uint64_t *ret_bytes)
{
	if (!meminfo_has(m, MEMINFO_VMALLOC_USED) || m->values[MEMINFO_VMALLOC_USED] == 0 ||
	    m->values[MEMINFO_VMALLOC_CHUNK] != 0)
		return false;
	*ret_bytes = m->values[MEMINFO_VMALLOC_USED];
	return true;
}

int meminfo_open(const struct sysroot *root)
{
	return sysroot_open_file(root, "proc/meminfo");
}

int meminfo_open_node(const struct sysroot *root, unsigned node)
{
	return nodes_open_file(root, node, "meminfo", "proc/meminfo");
}
