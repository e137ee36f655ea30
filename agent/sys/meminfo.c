/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/meminfo.h"

#include "sys/nodes.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/amount.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

#define KIB 1024
/* Holds either file. */
#define FILE_BYTES 4096

#define SIZE(name, key)                           \
	{                                         \
		name, sizeof(name) - 1, key, true \
	}
#define COUNT(name, key)                           \
	{                                          \
		name, sizeof(name) - 1, key, false \
	}

/* By name: the file has over 50 lines, and a node's may be read at every tick. */
static const struct key {
	char name[20];
	uint8_t length;
	uint8_t key;
	bool kib;
} keys[] = {
	SIZE("Active(anon):", MEMINFO_ACTIVE_ANON),
	SIZE("Active(file):", MEMINFO_ACTIVE_FILE),
	SIZE("Active:", MEMINFO_ACTIVE),
	SIZE("AnonPages:", MEMINFO_ANON_PAGES),
	SIZE("Balloon:", MEMINFO_BALLOON),
	SIZE("Bounce:", MEMINFO_BOUNCE),
	SIZE("Buffers:", MEMINFO_BUFFERS),
	SIZE("Cached:", MEMINFO_CACHED),
	SIZE("Dirty:", MEMINFO_DIRTY),
	SIZE("FilePages:", MEMINFO_FILE_PAGES),
	SIZE("GPUActive:", MEMINFO_GPU_ACTIVE),
	SIZE("GPUReclaim:", MEMINFO_GPU_RECLAIM),
	COUNT("HugePages_Free:", MEMINFO_HUGE_FREE),
	COUNT("HugePages_Total:", MEMINFO_HUGE_TOTAL),
	SIZE("Hugepagesize:", MEMINFO_HUGE_PAGE_SIZE),
	SIZE("Hugetlb:", MEMINFO_HUGETLB),
	SIZE("Inactive(anon):", MEMINFO_INACTIVE_ANON),
	SIZE("Inactive(file):", MEMINFO_INACTIVE_FILE),
	SIZE("Inactive:", MEMINFO_INACTIVE),
	SIZE("KernelStack:", MEMINFO_KERNEL_STACK),
	SIZE("MemAvailable:", MEMINFO_AVAILABLE),
	SIZE("MemFree:", MEMINFO_FREE),
	SIZE("MemTotal:", MEMINFO_TOTAL),
	SIZE("MemUsed:", MEMINFO_USED),
	SIZE("Mlocked:", MEMINFO_MLOCKED),
	SIZE("PageTables:", MEMINFO_PAGE_TABLES),
	SIZE("Percpu:", MEMINFO_PERCPU),
	SIZE("SReclaimable:", MEMINFO_SLAB_RECLAIMABLE),
	SIZE("SUnreclaim:", MEMINFO_SLAB_UNRECLAIMABLE),
	SIZE("SecPageTables:", MEMINFO_SEC_PAGE_TABLES),
	SIZE("Shmem:", MEMINFO_SHMEM),
	SIZE("Slab:", MEMINFO_SLAB),
	SIZE("SwapCached:", MEMINFO_SWAP_CACHED),
	SIZE("SwapFree:", MEMINFO_SWAP_FREE),
	SIZE("SwapTotal:", MEMINFO_SWAP_TOTAL),
	SIZE("Unevictable:", MEMINFO_UNEVICTABLE),
	SIZE("VmallocChunk:", MEMINFO_VMALLOC_CHUNK),
	SIZE("VmallocUsed:", MEMINFO_VMALLOC_USED),
	SIZE("Writeback:", MEMINFO_WRITEBACK),
	SIZE("Zswap:", MEMINFO_ZSWAP),
};

_Static_assert(ARRAY_SIZE(keys) == MEMINFO_COUNT_, "each key has its line");

/* No name is shorter. */
#define LETTERS 4

/* Takes the name and its colon off the line. */
static const struct key *find_key(struct span *line)
{
	size_t i = span_find_row(*line, LETTERS, keys, sizeof(keys[0]), ARRAY_SIZE(keys));

	for (; i < ARRAY_SIZE(keys) && memcmp(keys[i].name, line->data, LETTERS) == 0; i++) {
		const struct key *key = &keys[i];

		if (line->length < key->length || memcmp(line->data, key->name, key->length) != 0)
			continue;
		*line = span_skip(*line, key->length);
		return key;
	}
	return NULL;
}

/* "kB", or nothing where the key counts pages; anything behind that makes it another line. */
static bool has_unit(struct span rest, bool kib)
{
	struct span unit;

	if (kib &&
	    (!span_next_word(&rest, &unit) || unit.length != 2 || memcmp(unit.data, "kB", 2) != 0))
		return false;
	return !span_next_word(&rest, &unit);
}

/* "MemFree:  426312 kB" */
static void parse_line(struct span line, struct meminfo *m)
{
	const struct key *key = find_key(&line);
	struct span number;
	uint64_t value;

	if (!key || meminfo_has(m, (enum meminfo_key)key->key) || !span_next_word(&line, &number) ||
	    span_u64(number, &value) < 0 || !has_unit(line, key->kib) ||
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

int meminfo_read_room(int fd, uint64_t *ret_bytes)
{
	struct meminfo info;
	int r = meminfo_read(fd, &info);
	uint64_t file, written;

	if (r < 0)
		return r;
	if (!meminfo_has(&info, MEMINFO_FREE))
		return -ENODATA;
	file = plus(meminfo_amount(&info, MEMINFO_ACTIVE_FILE),
		    meminfo_amount(&info, MEMINFO_INACTIVE_FILE));
	written = plus(meminfo_amount(&info, MEMINFO_DIRTY),
		       meminfo_amount(&info, MEMINFO_WRITEBACK));
	*ret_bytes = plus(info.values[MEMINFO_FREE], less(file, written));
	return 0;
}
