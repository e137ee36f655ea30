/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/meminfo.h"

#include "sys/nodes.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>

#define KIB 1024

static const struct {
	const char *name;
	bool kib;
} keys[MEMINFO_COUNT_] = {
	[MEMINFO_TOTAL] = { "MemTotal:", true },
	[MEMINFO_FREE] = { "MemFree:", true },
	[MEMINFO_AVAILABLE] = { "MemAvailable:", true },
	[MEMINFO_BUFFERS] = { "Buffers:", true },
	[MEMINFO_CACHED] = { "Cached:", true },
	[MEMINFO_ACTIVE_ANON] = { "Active(anon):", true },
	[MEMINFO_INACTIVE_ANON] = { "Inactive(anon):", true },
	[MEMINFO_ACTIVE_FILE] = { "Active(file):", true },
	[MEMINFO_INACTIVE_FILE] = { "Inactive(file):", true },
	[MEMINFO_UNEVICTABLE] = { "Unevictable:", true },
	[MEMINFO_MLOCKED] = { "Mlocked:", true },
	[MEMINFO_SWAP_TOTAL] = { "SwapTotal:", true },
	[MEMINFO_SWAP_FREE] = { "SwapFree:", true },
	[MEMINFO_DIRTY] = { "Dirty:", true },
	[MEMINFO_WRITEBACK] = { "Writeback:", true },
	[MEMINFO_ANON_PAGES] = { "AnonPages:", true },
	[MEMINFO_SHMEM] = { "Shmem:", true },
	[MEMINFO_SLAB_RECLAIMABLE] = { "SReclaimable:", true },
	[MEMINFO_SLAB_UNRECLAIMABLE] = { "SUnreclaim:", true },
	[MEMINFO_USED] = { "MemUsed:", true },
	[MEMINFO_FILE_PAGES] = { "FilePages:", true },
	[MEMINFO_HUGE_TOTAL] = { "HugePages_Total:", false },
	[MEMINFO_HUGE_FREE] = { "HugePages_Free:", false },
	[MEMINFO_HUGE_PAGE_SIZE] = { "Hugepagesize:", true },
	[MEMINFO_HUGETLB] = { "Hugetlb:", true },
};

static int find_key(struct span name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (span_is(name, keys[i].name))
			return (int)i;
	return -1;
}

/* "Node 0 MemFree:  426312 kB" or "MemFree:  426312 kB"; anything behind that makes it another
 * line. */
static void parse_line(struct span line, struct meminfo *m)
{
	struct span word, number, unit, extra;
	uint64_t value;
	int key;

	if (!span_next_word(&line, &word))
		return;
	if (span_is(word, "Node") &&
	    (!span_next_word(&line, &word) || !span_next_word(&line, &word)))
		return;
	key = find_key(word);
	if (key < 0 || (m->present >> key & 1))
		return;
	if (!span_next_word(&line, &number) || span_u64(number, &value) < 0)
		return;
	if (keys[key].kib) {
		if (!span_next_word(&line, &unit) || !span_is(unit, "kB") ||
		    __builtin_mul_overflow(value, (uint64_t)KIB, &value))
			return;
	}
	if (span_next_word(&line, &extra))
		return;
	m->values[key] = value;
	m->present |= UINT64_C(1) << key;
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

int meminfo_open(const struct sysroot *root)
{
	return sysroot_open_file(root, "proc/meminfo");
}

int meminfo_open_node(const struct sysroot *root, unsigned node)
{
	return nodes_open_file(root, node, "meminfo", "proc/meminfo");
}
