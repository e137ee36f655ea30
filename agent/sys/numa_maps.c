/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/numa_maps.h"

#include "util/macro.h"

#include <errno.h>
#include <string.h>

#define KIB 1024
/* The kernel's buffer for the policy, its terminator included. */
#define POLICY_BYTES 64

/* A name that begins with another one stands before it; two of them hold a blank. */
static const struct {
	const char *name;
	enum numa_policy policy;
} policies[] = {
	{ "default", NUMA_POLICY_DEFAULT },
	{ "local", NUMA_POLICY_LOCAL },
	{ "prefer (many)", NUMA_POLICY_PREFER_MANY },
	{ "prefer", NUMA_POLICY_PREFER },
	{ "bind", NUMA_POLICY_BIND },
	{ "interleave", NUMA_POLICY_INTERLEAVE },
	{ "weighted interleave", NUMA_POLICY_WEIGHTED_INTERLEAVE },
};

static struct span take_policy_name(struct span text, enum numa_policy *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
		struct span after = span_skip(text, strlen(policies[i].name));

		if (!span_starts(text, policies[i].name))
			continue;
		if (after.length > 0 && after.data[0] != ' ' && after.data[0] != '=' &&
		    after.data[0] != ':')
			continue;
		*ret = policies[i].policy;
		return after;
	}
	*ret = NUMA_POLICY_UNKNOWN;
	return text;
}

/* Takes "bind=static:0-1" off the line. */
static struct span take_policy(struct span text, struct numa_map *map)
{
	struct span after = take_policy_name(text, &map->policy), nodes, flags = { 0 };
	size_t length;

	if (map->policy != NUMA_POLICY_UNKNOWN && (after.length == 0 || after.data[0] == ' '))
		return after;
	if (!span_next_word(&after, &nodes) || map->policy == NUMA_POLICY_UNKNOWN)
		return after;
	length = (size_t)(nodes.data + nodes.length - text.data);
	if (nodes.data[0] == '=')
		span_next_field(&nodes, ':', &flags);
	else
		nodes = span_skip(nodes, 1);
	map->nodes_known = !span_starts(flags, "=relative") && length < POLICY_BYTES - 1 &&
			   nodes.length > 0 && span_idset(nodes, &map->nodes) == 0;
	return after;
}

/* "name=123" -> the number; false when it is another field or no number. */
static bool take_count(struct span word, const char *name, uint64_t *ret)
{
	return span_starts(word, name) && span_u64(span_skip(word, strlen(name)), ret) == 0;
}

static void take_field(struct span word, struct numa_map *map)
{
	uint64_t kib;

	if (span_starts(word, "file=")) {
		map->file = true;
		map->path = span_skip(word, strlen("file="));
	} else if (span_is(word, "heap"))
		map->heap = true;
	else if (span_is(word, "stack") || span_starts(word, "stack:"))
		map->stack = true;
	else if (span_is(word, "huge"))
		map->huge = true;
	else if (take_count(word, "anon=", &map->anon_pages) ||
		 take_count(word, "dirty=", &map->dirty_pages) ||
		 take_count(word, "mapped=", &map->mapped_pages) ||
		 take_count(word, "mapmax=", &map->mapmax) ||
		 take_count(word, "writeback=", &map->writeback_pages))
		return;
	else if (take_count(word, "kernelpagesize_kB=", &kib) &&
		 __builtin_mul_overflow(kib, (uint64_t)KIB, &map->page_size_bytes))
		map->page_size_bytes = 0;
}

/* The last word of a cut line may lack its end. */
static struct span drop_last_word(struct span line)
{
	while (line.length > 0 && line.data[line.length - 1] != ' ')
		line.length--;
	return line;
}

int numa_map_parse(struct span line, bool cut, struct numa_map *ret)
{
	struct numa_map map = { 0 };
	struct span word, fields;

	if (cut)
		line = drop_last_word(line);
	if (!span_next_word(&line, &word) || span_hex(word, &map.address) < 0)
		return -EINVAL;
	line = span_trim(line);
	if (line.length == 0)
		return -EINVAL;
	map.rest = take_policy(line, &map);
	fields = map.rest;
	while (span_next_word(&fields, &word))
		take_field(word, &map);
	*ret = map;
	return 0;
}

int numa_map_preferred(const struct numa_map *map)
{
	if ((map->policy != NUMA_POLICY_PREFER && map->policy != NUMA_POLICY_PREFER_MANY) ||
	    !map->nodes_known || idset_count(&map->nodes) != 1)
		return -1;
	return idset_next(&map->nodes, 0);
}

int numa_maps_next(struct line_reader *reader, struct numa_map *ret)
{
	struct span line;
	bool cut;
	int r;

	while ((r = line_reader_next(reader, &line, &cut)) > 0)
		if (numa_map_parse(line, cut, ret) == 0)
			return 1;
	return r;
}

bool numa_map_next_node(struct span *rest, unsigned *ret_node, uint64_t *ret_pages)
{
	struct span word, node;
	uint64_t id;

	while (span_next_word(rest, &word)) {
		if (!span_starts(word, "N"))
			continue;
		word = span_skip(word, 1);
		if (!span_next_field(&word, '=', &node) || span_u64(node, &id) < 0 ||
		    id >= IDSET_BITS || span_u64(word, ret_pages) < 0)
			continue;
		*ret_node = (unsigned)id;
		return true;
	}
	return false;
}
