/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/vmstat.h"

#include "sys/nodes.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Names of older kernels that mean something else than today's. */
enum old_key {
	STEAL_OLD = VMSTAT_COUNT_, /* by zone: what all reclaim got */
	STEAL_KSWAPD_OLD,
	REFAULT_OLD,
	KEYS_,
};

/* By name: the file has close to 200 lines, and a node's is read at every tick. */
static const struct key {
	const char *name;
	int key;
	bool by_zone; /* also name_normal, name_dma32, ... */
} keys[] = {
	{ "allocstall", VMSTAT_ALLOCSTALL, true },
	{ "compact_fail", VMSTAT_COMPACT_FAIL, false },
	{ "compact_stall", VMSTAT_COMPACT_STALL, false },
	{ "compact_success", VMSTAT_COMPACT_SUCCESS, false },
	{ "kswapd_steal", STEAL_KSWAPD_OLD, false },
	{ "nr_active_anon", VMSTAT_ACTIVE_ANON, false },
	{ "nr_active_file", VMSTAT_ACTIVE_FILE, false },
	{ "nr_anon_pages", VMSTAT_ANON_PAGES, false },
	{ "nr_dirty", VMSTAT_DIRTY, false },
	{ "nr_dirty_background_threshold", VMSTAT_DIRTY_BACKGROUND_THRESHOLD, false },
	{ "nr_dirty_threshold", VMSTAT_DIRTY_THRESHOLD, false },
	{ "nr_foll_pin_acquired", VMSTAT_PIN_ACQUIRED, false },
	{ "nr_foll_pin_released", VMSTAT_PIN_RELEASED, false },
	{ "nr_free_pages", VMSTAT_FREE_PAGES, false },
	{ "nr_inactive_anon", VMSTAT_INACTIVE_ANON, false },
	{ "nr_inactive_file", VMSTAT_INACTIVE_FILE, false },
	{ "nr_shmem", VMSTAT_SHMEM, false },
	{ "nr_slab_reclaimable", VMSTAT_SLAB_RECLAIMABLE, false },
	{ "nr_slab_unreclaimable", VMSTAT_SLAB_UNRECLAIMABLE, false },
	{ "nr_writeback", VMSTAT_WRITEBACK, false },
	{ "oom_kill", VMSTAT_OOM_KILL, false },
	{ "pgmajfault", VMSTAT_PGMAJFAULT, false },
	{ "pgmigrate_fail", VMSTAT_PGMIGRATE_FAIL, false },
	{ "pgmigrate_success", VMSTAT_PGMIGRATE_SUCCESS, false },
	{ "pgscan_direct", VMSTAT_PGSCAN_DIRECT, true },
	{ "pgscan_khugepaged", VMSTAT_PGSCAN_KHUGEPAGED, false },
	{ "pgscan_kswapd", VMSTAT_PGSCAN_KSWAPD, true },
	{ "pgscan_proactive", VMSTAT_PGSCAN_PROACTIVE, false },
	{ "pgsteal", STEAL_OLD, true },
	{ "pgsteal_direct", VMSTAT_PGSTEAL_DIRECT, true },
	{ "pgsteal_khugepaged", VMSTAT_PGSTEAL_KHUGEPAGED, false },
	{ "pgsteal_kswapd", VMSTAT_PGSTEAL_KSWAPD, true },
	{ "pgsteal_proactive", VMSTAT_PGSTEAL_PROACTIVE, false },
	{ "pswpin", VMSTAT_PSWPIN, false },
	{ "pswpout", VMSTAT_PSWPOUT, false },
	{ "workingset_refault", REFAULT_OLD, false },
	{ "workingset_refault_anon", VMSTAT_REFAULT_ANON, false },
	{ "workingset_refault_file", VMSTAT_REFAULT_FILE, false },
};

static const char *const zone_suffixes[] = { "_dma",  "_dma32",	  "_normal",
					     "_high", "_movable", "_device" };

struct counts {
	uint64_t present;
	uint64_t values[KEYS_];
	bool reclaim_of_services;
};

/* What all names begin with, and those that may be split by zone: for most lines of the file this
 * settles it. */
static const char *const beginnings[] = { "all", "com", "ksw", "nr_", "oom",
					  "pgm", "pgs", "psw", "wor" };

static bool begins_like(struct span name, const char *beginning)
{
	return memcmp(name.data, beginning, 3) == 0;
}

static bool may_be_key(struct span name)
{
	if (name.length < 3)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++)
		if (begins_like(name, beginnings[i]))
			return true;
	return false;
}

static const struct key *find_key(struct span name)
{
	return bsearch(&name, keys, ARRAY_SIZE(keys), sizeof(keys[0]), span_compare_row);
}

/* *ret_part: the line is one of several that make up the value. */
static const struct key *find_line(struct span name, bool *ret_part)
{
	const struct key *key;

	*ret_part = false;
	if (!may_be_key(name))
		return NULL;
	key = find_key(name);
	if (key || !(begins_like(name, "all") || begins_like(name, "pgs")))
		return key;
	for (size_t i = 0; i < ARRAY_SIZE(zone_suffixes); i++) {
		if (!span_ends(name, zone_suffixes[i]))
			continue;
		name.length -= strlen(zone_suffixes[i]);
		key = find_key(name);
		*ret_part = key && key->by_zone;
		return *ret_part ? key : NULL;
	}
	return NULL;
}

static bool has(const struct counts *c, int key)
{
	return (c->present >> key) & 1;
}

static void put(struct counts *c, int key, uint64_t value)
{
	c->values[key] = value;
	c->present |= UINT64_C(1) << key;
}

/* The key that the line is a part of, or -1. */
static int parse_line(struct span line, struct counts *c)
{
	struct span name, number, extra;
	const struct key *key;
	uint64_t value;
	bool part;

	if (!span_next_word(&line, &name))
		return -1;
	key = find_line(name, &part);
	if (!key || !span_next_word(&line, &number) || span_next_word(&line, &extra) ||
	    span_u64(number, &value) < 0)
		return -1;
	/* Reclaim is counted among the gauges, before the thresholds, since it is a node's; as an
	 * event it comes after them. */
	if (key->key == VMSTAT_DIRTY_THRESHOLD)
		c->reclaim_of_services = has(c, VMSTAT_PGSTEAL_DIRECT);
	if (part && __builtin_add_overflow(c->values[key->key], value, &value))
		value = UINT64_MAX;
	put(c, key->key, value);
	return part ? key->key : -1;
}

static void translate_old(struct counts *c)
{
	uint64_t all = c->values[STEAL_OLD], kswapd = c->values[STEAL_KSWAPD_OLD];

	if (has(c, STEAL_OLD) && has(c, STEAL_KSWAPD_OLD) && !has(c, VMSTAT_PGSTEAL_DIRECT) &&
	    !has(c, VMSTAT_PGSTEAL_KSWAPD)) {
		put(c, VMSTAT_PGSTEAL_KSWAPD, MIN_OF(kswapd, all));
		put(c, VMSTAT_PGSTEAL_DIRECT, all - MIN_OF(kswapd, all));
	}
	if (has(c, REFAULT_OLD) && !has(c, VMSTAT_REFAULT_FILE))
		put(c, VMSTAT_REFAULT_FILE, c->values[REFAULT_OLD]);
}

int vmstat_parse(const char *text, size_t length, struct vmstat *ret)
{
	struct span rest = span_of(text, length), line;
	struct counts c = { 0 };
	int open = -1;

	while (span_next_line(&rest, &line))
		open = parse_line(line, &c);
	/* The parts of a sum stand together and none is the file's last line: a text that ends with
	 * one was cut, and the sum would be too small. */
	if (open >= 0) {
		c.present &= ~(UINT64_C(1) << open);
		c.values[open] = 0;
	}
	translate_old(&c);
	c.present &= (UINT64_C(1) << VMSTAT_COUNT_) - 1;
	if (c.present == 0)
		return -EINVAL;
	ret->present = c.present;
	memcpy(ret->values, c.values, sizeof(ret->values));
	ret->reclaim_of_services = c.reclaim_of_services;
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
