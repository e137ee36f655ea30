/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/node_cpus.h"

#include "sys/nodes.h"
#include "sys/sysroot.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <string.h>

/* Of three thousand CPUs of which no two follow each other. */
#define LIST_BYTES 16384

struct list_range {
	uint64_t first;
	uint64_t last;
};

/* 1; 0: that was the last; -EINVAL. */
static int next_range(struct span *list, struct list_range *ret)
{
	struct span range, first;

	if (list->length == 0)
		return 0;
	if (!span_next_field(list, ',', &range))
		return -EINVAL;
	range = span_trim(range);
	if (!memchr(range.data, '-', range.length))
		first = range;
	else if (!span_next_field(&range, '-', &first))
		return -EINVAL;
	if (span_u64(first, &ret->first) < 0 || span_u64(range, &ret->last) < 0 ||
	    ret->first > ret->last)
		return -EINVAL;
	return 1;
}

static int add_list(struct node_cpus *cpus, unsigned node, struct span list)
{
	struct list_range range;
	int r;

	while ((r = next_range(&list, &range)) > 0) {
		if (range.last > UINT16_MAX)
			return -ERANGE;
		if (cpus->count == NODE_CPUS_RANGES_MAX)
			return -E2BIG;
		cpus->ranges[cpus->count++] = (struct cpu_range){
			.first = (uint16_t)range.first,
			.last = (uint16_t)range.last,
			.node = (uint16_t)node,
		};
		idset_add(&cpus->nodes, node);
	}
	return r;
}

static int add_node(const struct sysroot *root, struct node_cpus *cpus, unsigned node)
{
	_cleanup_(closep) int fd =
		nodes_open_file(root, node, "cpulist", "sys/devices/system/cpu/online");
	char text[LIST_BYTES];
	struct span rest, line;
	ssize_t n = fd < 0 ? fd : sysroot_read_once_fd(fd, text, sizeof(text));

	/* Not captured, or it went a moment ago. */
	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return (int)n;
	rest = span_of(text, (size_t)n);
	return span_next_line(&rest, &line) ? add_list(cpus, node, span_trim(line)) : -EINVAL;
}

int node_cpus_read(const struct sysroot *root, struct node_cpus *ret)
{
	struct nodes nodes;
	int r = nodes_read(root, &nodes);

	idset_clear(&ret->nodes);
	ret->count = 0;
	for (int i = idset_next(&nodes.online, 0); i >= 0 && r >= 0;
	     i = idset_next(&nodes.online, (unsigned)i + 1))
		r = add_node(root, ret, (unsigned)i);
	return r;
}

int node_cpus_find(const struct node_cpus *cpus, unsigned cpu)
{
	for (size_t i = 0; i < cpus->count; i++)
		if (cpus->ranges[i].first <= cpu && cpu <= cpus->ranges[i].last)
			return cpus->ranges[i].node;
	return -1;
}

/* How many CPUs of each range are in the list. */
static int count_hits(const struct node_cpus *cpus, struct span list, uint32_t *hits)
{
	struct list_range range;
	int r;

	memset(hits, 0, cpus->count * sizeof(*hits));
	while ((r = next_range(&list, &range)) > 0)
		for (size_t i = 0; i < cpus->count; i++) {
			uint64_t first = MAX_OF(range.first, (uint64_t)cpus->ranges[i].first);
			uint64_t last = MIN_OF(range.last, (uint64_t)cpus->ranges[i].last);

			if (first <= last)
				hits[i] += (uint32_t)(last - first + 1);
		}
	return r;
}

int node_cpus_divide(const struct node_cpus *cpus, struct span list, struct idset *ret_in,
		     struct idset *ret_out)
{
	uint32_t hits[NODE_CPUS_RANGES_MAX];
	struct idset in = { { 0 } }, out = { { 0 } };
	int r = count_hits(cpus, list, hits);

	if (r < 0)
		return r;
	for (size_t i = 0; i < cpus->count; i++) {
		const struct cpu_range *range = &cpus->ranges[i];

		if (hits[i] > 0)
			idset_add(&in, range->node);
		if (hits[i] < (uint32_t)range->last - range->first + 1)
			idset_add(&out, range->node);
	}
	if (ret_in)
		*ret_in = in;
	if (ret_out)
		*ret_out = out;
	return 0;
}

int node_cpus_match(const struct node_cpus *cpus, struct span list, struct idset *ret)
{
	struct idset in, out;
	int r = node_cpus_divide(cpus, list, &in, &out);

	if (r < 0)
		return r;
	idset_intersect(&out, &in);
	if (!idset_is_empty(&out) || (idset_is_empty(&in) && list.length > 0))
		return -ENODATA;
	*ret = in;
	return 0;
}

int cpu_list_mask(struct span list, uint8_t ret_mask[CPU_LIST_BITS / 8])
{
	struct list_range range;
	uint64_t end = 0;
	int r;

	memset(ret_mask, 0, CPU_LIST_BITS / 8);
	while ((r = next_range(&list, &range)) > 0) {
		if (range.last >= CPU_LIST_BITS)
			return -ERANGE;
		for (uint64_t i = range.first; i <= range.last; i++)
			ret_mask[i / 8] |= (uint8_t)(1u << i % 8);
		end = MAX_OF(end, range.last / 8 + 1);
	}
	return r < 0 ? r : (int)end;
}

int node_cpus_format(const struct node_cpus *cpus, const struct idset *nodes, struct strbuf *out)
{
	bool any = false;

	for (size_t i = 0; i < cpus->count; i++) {
		const struct cpu_range *range = &cpus->ranges[i];

		if (!idset_has(nodes, range->node))
			continue;
		strbuf_addf(out, "%s%u", any ? "," : "", range->first);
		if (range->last > range->first)
			strbuf_addf(out, "-%u", range->last);
		any = true;
	}
	return any ? 0 : -ENODEV;
}
