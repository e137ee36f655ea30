/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_v1_files.h"

#include "util/macro.h"

#include <errno.h>

enum {
	KEY_CACHE,
	KEY_RSS,
	KEY_SHMEM,
	KEY_DIRTY,
	KEY_WRITEBACK,
	KEY_ACTIVE_ANON,
	KEY_INACTIVE_ANON,
	KEY_ACTIVE_FILE,
	KEY_INACTIVE_FILE,
	KEY_UNEVICTABLE,
	KEY_PGMAJFAULT,
	KEY_REFAULT_ANON,
	KEY_REFAULT_FILE,
	KEY_SWAP,
	KEY_LIMIT,
	KEY_MEMSW_LIMIT,
	KEY_COUNT_,
};

static const char *const keys[KEY_COUNT_] = {
	[KEY_CACHE] = "total_cache",
	[KEY_RSS] = "total_rss",
	[KEY_SHMEM] = "total_shmem",
	[KEY_DIRTY] = "total_dirty",
	[KEY_WRITEBACK] = "total_writeback",
	[KEY_ACTIVE_ANON] = "total_active_anon",
	[KEY_INACTIVE_ANON] = "total_inactive_anon",
	[KEY_ACTIVE_FILE] = "total_active_file",
	[KEY_INACTIVE_FILE] = "total_inactive_file",
	[KEY_UNEVICTABLE] = "total_unevictable",
	[KEY_PGMAJFAULT] = "total_pgmajfault",
	[KEY_REFAULT_ANON] = "total_workingset_refault_anon",
	[KEY_REFAULT_FILE] = "total_workingset_refault_file",
	[KEY_SWAP] = "total_swap",
	[KEY_LIMIT] = "hierarchical_memory_limit",
	[KEY_MEMSW_LIMIT] = "hierarchical_memsw_limit",
};

/* What it is called in v2. */
static const struct {
	unsigned key;
	enum memory_stat stat;
} meanings[] = {
	{ KEY_CACHE, MEMORY_STAT_FILE },
	{ KEY_RSS, MEMORY_STAT_ANON },
	{ KEY_SHMEM, MEMORY_STAT_SHMEM },
	{ KEY_DIRTY, MEMORY_STAT_FILE_DIRTY },
	{ KEY_WRITEBACK, MEMORY_STAT_FILE_WRITEBACK },
	{ KEY_ACTIVE_ANON, MEMORY_STAT_ACTIVE_ANON },
	{ KEY_INACTIVE_ANON, MEMORY_STAT_INACTIVE_ANON },
	{ KEY_ACTIVE_FILE, MEMORY_STAT_ACTIVE_FILE },
	{ KEY_INACTIVE_FILE, MEMORY_STAT_INACTIVE_FILE },
	{ KEY_UNEVICTABLE, MEMORY_STAT_UNEVICTABLE },
	{ KEY_PGMAJFAULT, MEMORY_STAT_PGMAJFAULT },
	{ KEY_REFAULT_ANON, MEMORY_STAT_WORKINGSET_REFAULT_ANON },
	{ KEY_REFAULT_FILE, MEMORY_STAT_WORKINGSET_REFAULT_FILE },
};

static bool has(unsigned present, unsigned key)
{
	return present & (1u << key);
}

static void estimate_shmem(unsigned present, const uint64_t *values, struct memory_stat_values *ret)
{
	uint64_t listed;

	if (has(present, KEY_SHMEM) || !has(present, KEY_CACHE) || !has(present, KEY_ACTIVE_FILE) ||
	    !has(present, KEY_INACTIVE_FILE))
		return;
	listed = values[KEY_ACTIVE_FILE] + values[KEY_INACTIVE_FILE];
	ret->present |= 1u << MEMORY_STAT_SHMEM;
	ret->values[MEMORY_STAT_SHMEM] =
		values[KEY_CACHE] > listed ? values[KEY_CACHE] - listed : 0;
}

static uint64_t limit_of(uint64_t value)
{
	return value >= CGROUP_V1_UNLIMITED ? CGROUP_INFINITY : value;
}

int cgroup_v1_parse_stat(const char *text, size_t length, struct cgroup_v1_stat *ret)
{
	uint64_t values[KEY_COUNT_] = { 0 };
	unsigned present = cgroup_parse_flat(text, length, keys, ARRAY_SIZE(keys), values);
	struct cgroup_v1_stat stat = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		if (!has(present, meanings[i].key))
			continue;
		stat.stat.present |= 1u << meanings[i].stat;
		stat.stat.values[meanings[i].stat] = values[meanings[i].key];
	}
	if (stat.stat.present == 0)
		return -EINVAL;
	estimate_shmem(present, values, &stat.stat);
	stat.swap_known = has(present, KEY_SWAP);
	stat.swap_bytes = values[KEY_SWAP];
	stat.limit_known = has(present, KEY_LIMIT);
	stat.limit_bytes = limit_of(values[KEY_LIMIT]);
	stat.memsw_known = has(present, KEY_MEMSW_LIMIT);
	stat.memsw_limit_bytes = limit_of(values[KEY_MEMSW_LIMIT]);
	*ret = stat;
	return 0;
}

static const struct {
	const char *own;
	const char *hierarchical;
	size_t offset;
} share_lines[] = {
	{ "anon", "hierarchical_anon", offsetof(struct cgroup_node_share, anon_bytes) },
	{ "file", "hierarchical_file", offsetof(struct cgroup_node_share, file_bytes) },
	{ "unevictable", "hierarchical_unevictable",
	  offsetof(struct cgroup_node_share, anon_bytes) },
};

/* "file=12 N0=10 N1=2": the lines of one of the two kinds. Returns which were there, as bits. */
static unsigned parse_shares(struct span rest, bool hierarchical, uint64_t page_size_bytes,
			     struct cgroup_share_table *table)
{
	struct span line, head, name;
	unsigned saw = 0;

	while (span_next_line(&rest, &line)) {
		if (!span_next_word(&line, &head) || !span_next_field(&head, '=', &name))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(share_lines); i++)
			if (span_is(name, hierarchical ? share_lines[i].hierarchical
						       : share_lines[i].own) &&
			    !(saw & (1u << i)) &&
			    cgroup_parse_share_line(line, table, share_lines[i].offset,
						    page_size_bytes))
				saw |= 1u << i;
	}
	return saw;
}

int cgroup_v1_parse_numa_stat(const char *text, size_t length, uint64_t page_size_bytes,
			      struct cgroup_node_share *ret_shares, size_t capacity,
			      bool *ret_hierarchical)
{
	const unsigned all = (1u << ARRAY_SIZE(share_lines)) - 1;

	for (int own = 0; own < 2; own++) {
		struct cgroup_share_table table = { .shares = ret_shares, .capacity = capacity };

		if (parse_shares(span_of(text, length), !own, page_size_bytes, &table) != all ||
		    table.count + table.overflow > INT32_MAX)
			continue;
		*ret_hierarchical = !own;
		return (int)(table.count + table.overflow);
	}
	return -EINVAL;
}

int cgroup_v1_parse_oom(const char *text, size_t length, struct cgroup_v1_oom *ret)
{
	enum { DISABLED, UNDER_OOM, KILLS };
	static const char *const names[] = { "oom_kill_disable", "under_oom", "oom_kill" };
	uint64_t values[ARRAY_SIZE(names)] = { 0 };
	unsigned present = cgroup_parse_flat(text, length, names, ARRAY_SIZE(names), values);

	if (!has(present, UNDER_OOM))
		return -EINVAL;
	*ret = (struct cgroup_v1_oom){
		.kill_disabled = values[DISABLED] != 0,
		.under_oom = values[UNDER_OOM] != 0,
		.kills_known = has(present, KILLS),
		.kills = values[KILLS],
	};
	return 0;
}
