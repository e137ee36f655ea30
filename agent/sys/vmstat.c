/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/vmstat.h"

#include "sys/nodes.h"
#include "sys/span.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* Names of older kernels that mean something else than today's. */
enum old_key {
	STEAL_OLD = VMSTAT_COUNT_, /* by zone: what all reclaim got */
	STEAL_KSWAPD_OLD,
	REFAULT_OLD,
	KEYS_,
};

#define KEY(name, key)                             \
	{                                          \
		name, sizeof(name) - 1, key, false \
	}
/* Also name_normal, name_dma32, ... */
#define BY_ZONE(name, key)                        \
	{                                         \
		name, sizeof(name) - 1, key, true \
	}

/* By name: the file has close to 200 lines, and a node's may be read at every tick. */
static const struct key {
	char name[30];
	uint8_t length;
	uint8_t key;
	bool by_zone;
} keys[] = {
	BY_ZONE("allocstall", VMSTAT_ALLOCSTALL),
	KEY("compact_fail", VMSTAT_COMPACT_FAIL),
	KEY("compact_stall", VMSTAT_COMPACT_STALL),
	KEY("compact_success", VMSTAT_COMPACT_SUCCESS),
	KEY("kswapd_steal", STEAL_KSWAPD_OLD),
	KEY("nr_active_anon", VMSTAT_ACTIVE_ANON),
	KEY("nr_active_file", VMSTAT_ACTIVE_FILE),
	KEY("nr_anon_pages", VMSTAT_ANON_PAGES),
	KEY("nr_dirty", VMSTAT_DIRTY),
	KEY("nr_dirty_background_threshold", VMSTAT_DIRTY_BACKGROUND_THRESHOLD),
	KEY("nr_dirty_threshold", VMSTAT_DIRTY_THRESHOLD),
	KEY("nr_foll_pin_acquired", VMSTAT_PIN_ACQUIRED),
	KEY("nr_foll_pin_released", VMSTAT_PIN_RELEASED),
	KEY("nr_free_pages", VMSTAT_FREE_PAGES),
	KEY("nr_inactive_anon", VMSTAT_INACTIVE_ANON),
	KEY("nr_inactive_file", VMSTAT_INACTIVE_FILE),
	KEY("nr_shmem", VMSTAT_SHMEM),
	KEY("nr_slab_reclaimable", VMSTAT_SLAB_RECLAIMABLE),
	KEY("nr_slab_unreclaimable", VMSTAT_SLAB_UNRECLAIMABLE),
	KEY("nr_writeback", VMSTAT_WRITEBACK),
	KEY("oom_kill", VMSTAT_OOM_KILL),
	KEY("pgmajfault", VMSTAT_PGMAJFAULT),
	KEY("pgmigrate_fail", VMSTAT_PGMIGRATE_FAIL),
	KEY("pgmigrate_success", VMSTAT_PGMIGRATE_SUCCESS),
	BY_ZONE("pgscan_direct", VMSTAT_PGSCAN_DIRECT),
	KEY("pgscan_khugepaged", VMSTAT_PGSCAN_KHUGEPAGED),
	BY_ZONE("pgscan_kswapd", VMSTAT_PGSCAN_KSWAPD),
	KEY("pgscan_proactive", VMSTAT_PGSCAN_PROACTIVE),
	BY_ZONE("pgsteal", STEAL_OLD),
	BY_ZONE("pgsteal_direct", VMSTAT_PGSTEAL_DIRECT),
	KEY("pgsteal_khugepaged", VMSTAT_PGSTEAL_KHUGEPAGED),
	BY_ZONE("pgsteal_kswapd", VMSTAT_PGSTEAL_KSWAPD),
	KEY("pgsteal_proactive", VMSTAT_PGSTEAL_PROACTIVE),
	KEY("pswpin", VMSTAT_PSWPIN),
	KEY("pswpout", VMSTAT_PSWPOUT),
	KEY("workingset_refault", REFAULT_OLD),
	KEY("workingset_refault_anon", VMSTAT_REFAULT_ANON),
	KEY("workingset_refault_file", VMSTAT_REFAULT_FILE),
};

static const char *const zone_suffixes[] = { "_dma",  "_dma32",	  "_normal",
					     "_high", "_movable", "_device" };

struct counts {
	uint64_t present;
	uint64_t values[KEYS_];
	bool reclaim_of_services;
};

/* No name is shorter. */
#define LETTERS 6

static bool begins_like(const struct key *key, const char *line)
{
	return memcmp(key->name, line, LETTERS) == 0;
}

static bool is_zone_suffix(struct span suffix)
{
	for (size_t i = 0; i < ARRAY_SIZE(zone_suffixes); i++)
		if (span_is(suffix, zone_suffixes[i]))
			return true;
	return false;
}

/* Takes the name off the line. *ret_part: it is one of several that make up the value. */
static const struct key *find_line(struct span *line, bool *ret_part)
{
	size_t i = span_find_row(*line, LETTERS, keys, sizeof(keys[0]), ARRAY_SIZE(keys));
	const char *start = line->data;
	struct span name;

	if (i == ARRAY_SIZE(keys) || !begins_like(&keys[i], start) || !span_next_word(line, &name))
		return NULL;
	for (; i < ARRAY_SIZE(keys) && begins_like(&keys[i], start); i++) {
		const struct key *key = &keys[i];

		if (name.length < key->length || memcmp(name.data, key->name, key->length) != 0)
			continue;
		*ret_part = name.length > key->length;
		if (!*ret_part || (key->by_zone && is_zone_suffix(span_skip(name, key->length))))
			return key;
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
	struct span number, extra;
	const struct key *key;
	uint64_t value;
	bool part;

	key = find_line(&line, &part);
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
