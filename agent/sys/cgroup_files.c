/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/cgroup_files.h"

#include "util/macro.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

int cgroup_parse_value(const char *text, size_t length, uint64_t *ret)
{
	struct span rest = span_of(text, length), line;
	uint64_t value;
	int r;

	if (!span_next_line(&rest, &line) || rest.length > 0)
		return -EINVAL;
	line = span_trim(line);
	if (span_is(line, "max")) {
		*ret = CGROUP_INFINITY;
		return 0;
	}
	r = span_u64(line, &value);
	if (r < 0)
		return r;
	*ret = value >= CGROUP_V1_UNLIMITED ? CGROUP_INFINITY : value;
	return 0;
}

unsigned cgroup_parse_flat(const char *text, size_t length, const char *const *names, size_t count,
			   uint64_t *values)
{
	unsigned present = 0;
	struct span rest = span_of(text, length), line, name, number, extra;
	uint64_t value;

	while (span_next_line(&rest, &line)) {
		if (!span_next_word(&line, &name) || !span_next_word(&line, &number) ||
		    span_next_word(&line, &extra) || span_u64(number, &value) < 0)
			continue;
		for (size_t i = 0; i < count; i++) {
			if (!span_is(name, names[i]))
				continue;
			values[i] = value;
			present |= 1u << i;
			break;
		}
	}
	return present;
}

int cgroup_parse_memory_events(const char *text, size_t length, struct memory_events *ret)
{
	static const char *const names[MEMORY_EVENT_COUNT_] = {
		[MEMORY_EVENT_LOW] = "low",
		[MEMORY_EVENT_HIGH] = "high",
		[MEMORY_EVENT_MAX] = "max",
		[MEMORY_EVENT_OOM] = "oom",
		[MEMORY_EVENT_OOM_KILL] = "oom_kill",
		[MEMORY_EVENT_OOM_GROUP_KILL] = "oom_group_kill",
	};
	struct memory_events events = { 0 };

	events.present = cgroup_parse_flat(text, length, names, ARRAY_SIZE(names), events.values);
	if (events.present == 0)
		return -EINVAL;
	*ret = events;
	return 0;
}

int cgroup_parse_memory_stat(const char *text, size_t length, struct memory_stat_values *ret)
{
	static const char *const names[MEMORY_STAT_COUNT_] = {
		[MEMORY_STAT_ANON] = "anon",
		[MEMORY_STAT_FILE] = "file",
		[MEMORY_STAT_SHMEM] = "shmem",
		[MEMORY_STAT_FILE_DIRTY] = "file_dirty",
		[MEMORY_STAT_FILE_WRITEBACK] = "file_writeback",
		[MEMORY_STAT_ACTIVE_ANON] = "active_anon",
		[MEMORY_STAT_INACTIVE_ANON] = "inactive_anon",
		[MEMORY_STAT_ACTIVE_FILE] = "active_file",
		[MEMORY_STAT_INACTIVE_FILE] = "inactive_file",
		[MEMORY_STAT_UNEVICTABLE] = "unevictable",
		[MEMORY_STAT_SLAB_RECLAIMABLE] = "slab_reclaimable",
		[MEMORY_STAT_SLAB_UNRECLAIMABLE] = "slab_unreclaimable",
		[MEMORY_STAT_KERNEL_STACK] = "kernel_stack",
		[MEMORY_STAT_SOCK] = "sock",
		[MEMORY_STAT_PGMAJFAULT] = "pgmajfault",
		[MEMORY_STAT_WORKINGSET_REFAULT_ANON] = "workingset_refault_anon",
		[MEMORY_STAT_WORKINGSET_REFAULT_FILE] = "workingset_refault_file",
		[MEMORY_STAT_WORKINGSET_REFAULT] = "workingset_refault",
	};
	struct memory_stat_values stat = { 0 };

	stat.present = cgroup_parse_flat(text, length, names, ARRAY_SIZE(names), stat.values);
	if (stat.present == 0)
		return -EINVAL;
	*ret = stat;
	return 0;
}

bool cgroup_stat_sum(const struct memory_stat_values *stat, unsigned bits, uint64_t *ret)
{
	uint64_t sum = 0;

	if (!(stat->present & bits))
		return false;
	for (int i = 0; i < MEMORY_STAT_COUNT_; i++)
		if (stat->present & bits & (1u << i))
			sum += stat->values[i];
	*ret = sum;
	return true;
}

/* "N0=4096" */
static bool parse_share(struct span word, unsigned *ret_node, uint64_t *ret_bytes)
{
	struct span node;
	uint64_t id;

	if (!span_starts(word, "N"))
		return false;
	word = span_skip(word, 1);
	if (!span_next_field(&word, '=', &node) || span_u64(node, &id) < 0 || id > INT32_MAX ||
	    span_u64(word, ret_bytes) < 0)
		return false;
	*ret_node = (unsigned)id;
	return true;
}

/* Lines name the same nodes in the same order, so the place after the last one is tried first. */
static struct cgroup_node_share *find_share(struct cgroup_share_table *table, unsigned node,
					    size_t hint)
{
	if (hint < table->count && table->shares[hint].node == node)
		return &table->shares[hint];
	for (size_t i = 0; i < table->count; i++)
		if (table->shares[i].node == node)
			return &table->shares[i];
	if (table->count >= table->capacity)
		return NULL;
	table->shares[table->count] = (struct cgroup_node_share){ .node = node };
	return &table->shares[table->count++];
}

bool cgroup_parse_share_line(struct span line, struct cgroup_share_table *table, size_t offset,
			     uint64_t unit)
{
	size_t position = 0, overflow = 0;
	struct span word;

	while (span_next_word(&line, &word)) {
		struct cgroup_node_share *share;
		uint64_t amount, bytes;
		unsigned node;

		if (!parse_share(word, &node, &amount) ||
		    __builtin_mul_overflow(amount, unit, &bytes))
			return false;
		share = find_share(table, node, position++);
		if (share)
			*(uint64_t *)(void *)((char *)share + offset) += bytes;
		else
			overflow++;
	}
	table->overflow = MAX_OF(table->overflow, overflow);
	return true;
}

int cgroup_parse_numa_stat(const char *text, size_t length, struct cgroup_node_share *ret_shares,
			   size_t capacity)
{
	static const struct {
		const char *name;
		size_t offset;
	} lines[] = {
		{ "anon", offsetof(struct cgroup_node_share, anon_bytes) },
		{ "file", offsetof(struct cgroup_node_share, file_bytes) },
		{ "shmem", offsetof(struct cgroup_node_share, shmem_bytes) },
		{ "unevictable", offsetof(struct cgroup_node_share, unevictable_bytes) },
	};
	const unsigned all = (1u << ARRAY_SIZE(lines)) - 1;
	struct cgroup_share_table table = { .shares = ret_shares, .capacity = capacity };
	struct span rest = span_of(text, length), line, name;
	unsigned saw = 0;

	while (span_next_line(&rest, &line)) {
		if (!span_next_word(&line, &name))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
			if (span_is(name, lines[i].name) &&
			    cgroup_parse_share_line(line, &table, lines[i].offset, 1))
				saw |= 1u << i;
	}
	if (saw != all || table.count + table.overflow > INT32_MAX)
		return -EINVAL;
	return (int)(table.count + table.overflow);
}

/* "8:0" */
static bool parse_device(struct span word, uint64_t *ret)
{
	struct span major_part;
	uint64_t major_number, minor_number;

	if (!span_next_field(&word, ':', &major_part) || span_u64(major_part, &major_number) < 0 ||
	    span_u64(word, &minor_number) < 0 || major_number > UINT32_MAX ||
	    minor_number > UINT32_MAX)
		return false;
	*ret = makedev((unsigned)major_number, (unsigned)minor_number);
	return true;
}

static uint64_t written_bytes(struct span line)
{
	struct span word;
	uint64_t bytes = 0;

	while (span_next_word(&line, &word))
		if (span_starts(word, "wbytes=") &&
		    span_u64(span_skip(word, strlen("wbytes=")), &bytes) == 0)
			return bytes;
	return 0;
}

bool cgroup_parse_io_stat(const char *text, size_t length, uint64_t *ret_device)
{
	struct span rest = span_of(text, length), line, word;
	uint64_t most = 0;

	while (span_next_line(&rest, &line)) {
		uint64_t device, bytes;

		if (!span_next_word(&line, &word) || !parse_device(word, &device))
			continue;
		bytes = written_bytes(line);
		if (bytes < most || bytes == 0 || (bytes == most && device > *ret_device))
			continue;
		most = bytes;
		*ret_device = device;
	}
	return most > 0;
}

int cgroup_parse_events(const char *text, size_t length, struct cgroup_events *ret)
{
	enum { POPULATED, FROZEN };
	static const char *const names[] = { "populated", "frozen" };
	uint64_t values[ARRAY_SIZE(names)] = { 0 };
	unsigned present = cgroup_parse_flat(text, length, names, ARRAY_SIZE(names), values);

	if (present == 0)
		return -EINVAL;
	*ret = (struct cgroup_events){
		.populated_known = present & 1u << POPULATED,
		.populated = values[POPULATED] != 0,
		.frozen_known = present & 1u << FROZEN,
		.frozen = values[FROZEN] != 0,
	};
	return 0;
}
