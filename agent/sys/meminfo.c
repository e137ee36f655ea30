/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/meminfo.h"

#include "sys/nodes.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>

#define KIB 1024
/* Holds either file. */
#define FILE_BYTES 4096

/* By name: the file has over 50 lines and is read at every tick. */
static const struct key {
	char name[20];
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

/* Most lines of the file are none of these: the first letter tells that of nearly all. */
static const struct key *find_key(struct span name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].name[0] < name.data[0])
			continue;
		if (keys[i].name[0] > name.data[0])
			break;
		if (name.length < sizeof(keys[i].name) && keys[i].name[name.length] == '\0' &&
		    memcmp(keys[i].name, name.data, name.length) == 0)
			return &keys[i];
	}
	return NULL;
}

/* "kB", or nothing where the key counts pages; anything behind that makes it another line. */
static bool has_unit(struct span rest, bool kib)
{
	rest = span_trim(rest);
	return kib ? rest.length == 2 && memcmp(rest.data, "kB", 2) == 0 : rest.length == 0;
}

/* "MemFree:  426312 kB" */
static void parse_line(struct span line, struct meminfo *m)
{
	const char *colon = memchr(line.data, ':', line.length);
	const struct key *key;
	struct span number;
	size_t length;
	uint64_t value;

	if (!colon)
		return;
	length = (size_t)(colon - line.data) + 1;
	key = find_key(span_of(line.data, length));
	if (!key || meminfo_has(m, key->key))
		return;
	line = span_of(line.data + length, line.length - length);
	if (!span_next_word(&line, &number) || span_u64(number, &value) < 0 ||
	    !has_unit(line, key->kib) ||
	    (key->kib && __builtin_mul_overflow(value, (uint64_t)KIB, &value)))
		return;
	m->values[key->key] = value;
	m->present |= UINT64_C(1) << key->key;
}

/* What each line of a node's file begins with, "Node 0 ": its length, 0 in the host's file. */
static size_t prefix_length(struct span text)
{
	struct span rest = text, word;

	if (!span_next_word(&rest, &word) || !span_is(word, "Node") ||
	    !span_next_word(&rest, &word))
		return 0;
	rest = span_skip_blanks(rest);
	return (size_t)(rest.data - text.data);
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
	size_t prefix = prefix_length(rest);
	struct meminfo m = { 0 };

	while (span_next_line(&rest, &line))
		if (line.length >= prefix && memcmp(line.data, text, prefix) == 0)
			parse_line(span_skip(line, prefix), &m);
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

int meminfo_read(int fd, struct meminfo *ret)
{
	char text[FILE_BYTES];
	ssize_t n = sysroot_read_fd(fd, text, sizeof(text));

	return n < 0 ? (int)n : meminfo_parse(text, (size_t)n, ret);
}

int meminfo_read_free(int fd, uint64_t *ret_bytes)
{
	struct meminfo info;
	int r = meminfo_read(fd, &info);

	if (r < 0)
		return r;
	if (!meminfo_has(&info, MEMINFO_FREE))
		return -ENODATA;
	*ret_bytes = info.values[MEMINFO_FREE];
	return 0;
}
