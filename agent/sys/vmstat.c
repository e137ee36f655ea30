/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/vmstat.h"

#include "sys/nodes.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	bool by_zone; /* also name_normal, name_dma32, ... */
} keys[VMSTAT_COUNT_] = {
	[VMSTAT_FREE_PAGES] = { "nr_free_pages", false },
	[VMSTAT_ACTIVE_FILE] = { "nr_active_file", false },
	[VMSTAT_INACTIVE_FILE] = { "nr_inactive_file", false },
	[VMSTAT_ACTIVE_ANON] = { "nr_active_anon", false },
	[VMSTAT_INACTIVE_ANON] = { "nr_inactive_anon", false },
	[VMSTAT_ANON_PAGES] = { "nr_anon_pages", false },
	[VMSTAT_SHMEM] = { "nr_shmem", false },
	[VMSTAT_DIRTY] = { "nr_dirty", false },
	[VMSTAT_WRITEBACK] = { "nr_writeback", false },
	[VMSTAT_SLAB_RECLAIMABLE] = { "nr_slab_reclaimable", false },
	[VMSTAT_SLAB_UNRECLAIMABLE] = { "nr_slab_unreclaimable", false },
	[VMSTAT_OOM_KILL] = { "oom_kill", false },
	[VMSTAT_ALLOCSTALL] = { "allocstall", true },
	[VMSTAT_PGSCAN_KSWAPD] = { "pgscan_kswapd", true },
	[VMSTAT_PGSCAN_DIRECT] = { "pgscan_direct", true },
	[VMSTAT_PGSTEAL_KSWAPD] = { "pgsteal_kswapd", true },
	[VMSTAT_PGSTEAL_DIRECT] = { "pgsteal_direct", true },
	[VMSTAT_PGMAJFAULT] = { "pgmajfault", false },
	[VMSTAT_PSWPIN] = { "pswpin", false },
	[VMSTAT_PSWPOUT] = { "pswpout", false },
	[VMSTAT_PGMIGRATE_SUCCESS] = { "pgmigrate_success", false },
	[VMSTAT_PGMIGRATE_FAIL] = { "pgmigrate_fail", false },
	[VMSTAT_COMPACT_STALL] = { "compact_stall", false },
	[VMSTAT_COMPACT_FAIL] = { "compact_fail", false },
	[VMSTAT_COMPACT_SUCCESS] = { "compact_success", false },
	[VMSTAT_PIN_ACQUIRED] = { "nr_foll_pin_acquired", false },
	[VMSTAT_PIN_RELEASED] = { "nr_foll_pin_released", false },
};

static const char *const zone_suffixes[] = { "_dma",  "_dma32",	  "_normal",
					     "_high", "_movable", "_device" };

static bool is_zone_suffix(struct span s)
{
	for (size_t i = 0; i < ARRAY_SIZE(zone_suffixes); i++)
		if (span_is(s, zone_suffixes[i]))
			return true;
	return false;
}

static bool matches(struct span name, size_t key, bool *ret_part)
{
	if (!span_starts(name, keys[key].name))
		return false;
	name = span_skip(name, strlen(keys[key].name));
	*ret_part = name.length > 0;
	return !*ret_part || (keys[key].by_zone && is_zone_suffix(name));
}

/* The key that the line is a part of, or -1. */
static int parse_line(struct span line, struct vmstat *v)
{
	struct span name, number, extra;
	uint64_t value;

	if (!span_next_word(&line, &name) || !span_next_word(&line, &number) ||
	    span_next_word(&line, &extra) || span_u64(number, &value) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		bool part;

		if (!matches(name, i, &part))
			continue;
		if (!part)
			v->values[i] = value;
		else if (__builtin_add_overflow(v->values[i], value, &v->values[i]))
			v->values[i] = UINT64_MAX;
		v->present |= UINT64_C(1) << i;
		return part ? (int)i : -1;
	}
	return -1;
}

int vmstat_parse(const char *text, size_t length, struct vmstat *ret)
{
	struct span rest = span_of(text, length), line;
	struct vmstat v = { 0 };
	int open = -1;

	while (span_next_line(&rest, &line))
		open = parse_line(line, &v);
	/* The parts of a sum stand together and none is the file's last line: a text that ends with
	 * one was cut, and the sum would be too small. */
	if (open >= 0) {
		v.present &= ~(UINT64_C(1) << open);
		v.values[open] = 0;
	}
	if (v.present == 0)
		return -EINVAL;
	*ret = v;
	return 0;
}

int vmstat_open(const struct sysroot *root)
{
	return sysroot_open_file(root, "proc/vmstat");
}

int vmstat_open_node(const struct sysroot *root, unsigned node)
{
	return nodes_open_file(root, node, "vmstat", "proc/vmstat");
}
