/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/node_files.h"

#include "sense/state.h"
#include "sys/meminfo.h"
#include "sys/sysroot.h"
#include "sys/vmstat.h"
#include "util/macro.h"

/* A line of vmstat is "name value". */
#define LINE_BYTES 64

static uint64_t pages(const struct sense *s, const struct vmstat *v, enum vmstat_key key)
{
	uint64_t bytes;

	if (!vmstat_has(v, key) ||
	    __builtin_mul_overflow(v->values[key], s->snapshot.host.page_size_bytes, &bytes))
		return 0;
	return bytes;
}

static bool has_all(const struct vmstat *v)
{
	return vmstat_has(v, VMSTAT_FREE_PAGES) && vmstat_has(v, VMSTAT_ACTIVE_FILE) &&
	       vmstat_has(v, VMSTAT_INACTIVE_FILE) && vmstat_has(v, VMSTAT_DIRTY) &&
	       vmstat_has(v, VMSTAT_WRITEBACK);
}

static void read_vmstat(struct sense *s, struct node_state *state)
{
	struct vmstat v;
	ssize_t n = sysroot_read_lines_fd(state->vmstat_fd, s->text, s->text_size, LINE_BYTES);

	if (n < 0 || vmstat_parse(s->text, (size_t)n, &v) < 0 || !has_all(&v))
		return;
	state->free_bytes = pages(s, &v, VMSTAT_FREE_PAGES);
	state->clean_bytes =
		less(pages(s, &v, VMSTAT_ACTIVE_FILE) + pages(s, &v, VMSTAT_INACTIVE_FILE),
		     pages(s, &v, VMSTAT_DIRTY) + pages(s, &v, VMSTAT_WRITEBACK));
	state->slab_bytes = pages(s, &v, VMSTAT_SLAB_RECLAIMABLE);
	state->sum_known = true;
}

static void fill_from_meminfo(struct node *node, const struct meminfo *m)
{
	node_set(node, METRIC_NODE_ANON, reading_of_meminfo(m, MEMINFO_ANON_PAGES));
	node_set(node, METRIC_NODE_SHMEM, reading_of_meminfo(m, MEMINFO_SHMEM));
	node_set(node, METRIC_NODE_SLAB_RECLAIMABLE,
		 reading_of_meminfo(m, MEMINFO_SLAB_RECLAIMABLE));
	node_set(node, METRIC_NODE_SLAB_UNRECLAIMABLE,
		 reading_of_meminfo(m, MEMINFO_SLAB_UNRECLAIMABLE));
	node_set(node, METRIC_NODE_DIRTY,
		 meminfo_has(m, MEMINFO_DIRTY)
			 ? reading_of_bytes(meminfo_amount(m, MEMINFO_DIRTY) +
					    meminfo_amount(m, MEMINFO_WRITEBACK))
			 : READING_NONE);
}

static void read_meminfo(struct sense *s, struct node *node, struct node_state *state)
{
	struct meminfo m = { 0 };
	ssize_t n = sysroot_read_once_fd(state->meminfo_fd, s->text, s->text_size);
	bool usable = n >= 0 && meminfo_parse(s->text, (size_t)n, &m) == 0 &&
		      meminfo_has(&m, MEMINFO_FREE);

	fill_from_meminfo(node, &m);
	if (!usable)
		return;
	state->free_bytes = meminfo_amount(&m, MEMINFO_FREE);
	state->clean_bytes = less(
		meminfo_amount(&m, MEMINFO_ACTIVE_FILE) + meminfo_amount(&m, MEMINFO_INACTIVE_FILE),
		meminfo_amount(&m, MEMINFO_DIRTY) + meminfo_amount(&m, MEMINFO_WRITEBACK));
	state->slab_bytes = meminfo_amount(&m, MEMINFO_SLAB_RECLAIMABLE);
	state->sum_known = true;
}

void node_files_read(struct sense *s, struct node *node, struct node_state *state)
{
	state->sum_known = false;
	if (state->meminfo_fd >= 0)
		read_meminfo(s, node, state);
	else if (state->vmstat_fd >= 0)
		read_vmstat(s, state);
	state->sum_bytes = state->free_bytes + state->clean_bytes + state->slab_bytes / 2;
}

struct reading node_files_total(struct sense *s, const struct node *node,
				const struct node_state *state)
{
	_cleanup_(closep) int fd = meminfo_open_node(s->root, node->id);
	struct meminfo m;
	ssize_t n = fd < 0 ? fd : sysroot_read_fd(fd, s->text, s->text_size);

	if (n < 0 || meminfo_parse(s->text, (size_t)n, &m) < 0)
		return READING_NONE;
	return reading_of_bytes(less(m.values[MEMINFO_TOTAL], state->pool_bytes));
}
