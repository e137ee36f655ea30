/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/host_story.h"

#include "util/macro.h"

/* From this part of the host's memory on a line is worth its place. */
#define WORTH_PART 32
/* Drivers and the kernel always have some memory that nothing names. */
#define UNNAMED_PART 16

static struct reading get(const struct snapshot *s, enum metric_id id)
{
	return s->host.readings[metric_index(id)];
}

static int64_t known_or_zero(const struct snapshot *s, enum metric_id id)
{
	struct reading r = get(s, id);

	return r.state == READING_KNOWN ? r.value : 0;
}

static void add(const struct snapshot *s, enum metric_id id, struct strbuf *out)
{
	reading_format(get(s, id), metric_get(id)->dimension, out);
}

/* Text, and a metric behind it. */
static void add_with(const struct snapshot *s, const char *text, enum metric_id id,
		     struct strbuf *out)
{
	strbuf_add(out, text);
	add(s, id, out);
}

static bool is_worth(const struct snapshot *s, enum metric_id id, int64_t part)
{
	int64_t total = known_or_zero(s, METRIC_MEM_TOTAL), value = known_or_zero(s, id);

	return value > 0 && value >= total / part;
}

static bool tell_memory(const struct snapshot *s, struct strbuf *out)
{
	add(s, METRIC_MEM_AVAILABLE, out);
	add_with(s, " available of ", METRIC_MEM_TOTAL, out);
	if (get(s, METRIC_MEM_TIME_TO_EMPTY).state == READING_KNOWN)
		add_with(s, ", empty in ", METRIC_MEM_TIME_TO_EMPTY, out);
	if (get(s, METRIC_MEM_FREE).state == READING_KNOWN) {
		strbuf_add(out, "; ");
		add(s, METRIC_MEM_FREE, out);
		strbuf_add(out, " free");
	}
	return true;
}

static bool tell_limit(const struct snapshot *s, struct strbuf *out)
{
	if (get(s, METRIC_MEM_LIMIT).state != READING_KNOWN)
		return false;
	add_with(s, "this is a container with a limit of its own, ", METRIC_MEM_LIMIT, out);
	add_with(s, ": before that it can have ", METRIC_MEM_LIMIT_HEADROOM, out);
	return true;
}

static bool tell_swap(const struct snapshot *s, struct strbuf *out)
{
	if (!s->host.swap_present) {
		strbuf_add(out, "no swap");
		return true;
	}
	add_with(s, "swap: ", METRIC_SWAP_FREE, out);
	add_with(s, " free of ", METRIC_SWAP_TOTAL, out);
	return true;
}

static bool tell_stalls(const struct snapshot *s, struct strbuf *out)
{
	if (get(s, METRIC_PSI_MEMORY_SOME).state != READING_KNOWN)
		return false;
	add_with(s, "stalled for memory in the last 10 s: ", METRIC_PSI_MEMORY_SOME, out);
	add_with(s, " of the time some tasks, ", METRIC_PSI_MEMORY_FULL, out);
	strbuf_add(out, " all");
	return true;
}

static bool tell_rates(const struct snapshot *s, struct strbuf *out)
{
	static const struct {
		const char *what;
		enum metric_id id;
	} rates[] = {
		{ "allocations that reclaim for themselves", METRIC_HOST_ALLOCSTALL_RATE },
		{ "they reclaim", METRIC_HOST_DIRECT_RECLAIM_RATE },
		{ "swapped in", METRIC_HOST_SWAP_IN_RATE },
		{ "swapped out", METRIC_HOST_SWAP_OUT_RATE },
		{ "wanted back from swap at once", METRIC_HOST_REFAULT_ANON_RATE },
		{ "wanted back from files at once", METRIC_HOST_REFAULT_FILE_RATE },
		{ "faults that wait for storage", METRIC_HOST_MAJOR_FAULT_RATE },
		{ "allocations that compact for themselves", METRIC_HOST_COMPACT_STALL_RATE },
		{ "compactions in vain", METRIC_HOST_COMPACT_FAIL_RATE },
		{ "moved to other pages", METRIC_HOST_MIGRATE_RATE },
		{ "pages that could not be moved", METRIC_HOST_MIGRATE_FAIL_RATE },
	};
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		if (known_or_zero(s, rates[i].id) <= 0)
			continue;
		strbuf_addf(out, "%s%s ", any ? ", " : "now: ", rates[i].what);
		add(s, rates[i].id, out);
		any = true;
	}
	if (any && get(s, METRIC_HOST_RECLAIM_EFFICIENCY).state == READING_KNOWN)
		add_with(s, "; of the pages that it looks at reclaim gets ",
			 METRIC_HOST_RECLAIM_EFFICIENCY, out);
	return any;
}

/* Half way between its limits the kernel begins to slow writers (dirty_freerun_ceiling(),
 * mm/page-writeback.c). */
static void add_slowed(const struct snapshot *s, int64_t unwritten, struct strbuf *out)
{
	struct reading background = get(s, METRIC_MEM_DIRTY_BACKGROUND_LIMIT);
	int64_t limit = known_or_zero(s, METRIC_MEM_DIRTY_LIMIT), begin;

	if (background.state != READING_KNOWN || background.value > limit) {
		add_with(s, "; writers wait at ", METRIC_MEM_DIRTY_LIMIT, out);
		return;
	}
	begin = background.value + (limit - background.value) / 2;
	strbuf_add(out, "; writers are slowed");
	if (unwritten < begin) {
		strbuf_add(out, " from ");
		strbuf_add_bytes(out, begin);
		strbuf_add(out, " on");
	}
	add_with(s, ", and wait at ", METRIC_MEM_DIRTY_LIMIT, out);
}

static bool tell_writes(const struct snapshot *s, struct strbuf *out)
{
	int64_t dirty = known_or_zero(s, METRIC_MEM_DIRTY);
	int64_t writeback = known_or_zero(s, METRIC_MEM_WRITEBACK);
	struct reading limit = get(s, METRIC_MEM_DIRTY_LIMIT);

	if (dirty + writeback == 0)
		return false;
	add(s, METRIC_MEM_DIRTY, out);
	add_with(s, " dirty, ", METRIC_MEM_WRITEBACK, out);
	strbuf_add(out, " being written");
	if (limit.state != READING_KNOWN)
		return true;
	/* The kernel holds the sum against it (balance_dirty_pages(), mm/page-writeback.c). */
	if (dirty + writeback >= limit.value)
		add_with(s, "; writers wait: the limit is ", METRIC_MEM_DIRTY_LIMIT, out);
	else
		add_slowed(s, dirty + writeback, out);
	return true;
}

static bool tell_kernel(const struct snapshot *s, struct strbuf *out)
{
	if (known_or_zero(s, METRIC_MEM_KERNEL) == 0)
		return false;
	add_with(s, "the kernel itself has ", METRIC_MEM_KERNEL, out);
	if (get(s, METRIC_MEM_SLAB_UNRECLAIMABLE).state == READING_KNOWN) {
		strbuf_add(out, ", ");
		add(s, METRIC_MEM_SLAB_UNRECLAIMABLE, out);
		strbuf_add(out, " of it slab that cannot be reclaimed");
	}
	if (known_or_zero(s, METRIC_MEM_KERNEL_GROWTH) > 0)
		add_with(s, "; it grows by ", METRIC_MEM_KERNEL_GROWTH, out);
	return true;
}

static bool tell_unaccounted(const struct snapshot *s, struct strbuf *out)
{
	if (!is_worth(s, METRIC_MEM_UNACCOUNTED, UNNAMED_PART))
		return false;
	add(s, METRIC_MEM_UNACCOUNTED, out);
	strbuf_add(out, " is named by nothing: pages of drivers, balloons, the ARC");
	return true;
}

static bool tell_hugetlb(const struct snapshot *s, struct strbuf *out)
{
	if (known_or_zero(s, METRIC_MEM_HUGETLB) == 0)
		return false;
	strbuf_add(out, "the huge page pool has ");
	add(s, METRIC_MEM_HUGETLB, out);
	strbuf_add(out, " more, used or not: no other allocation can have it");
	return true;
}

static bool tell_shmem(const struct snapshot *s, struct strbuf *out)
{
	if (!is_worth(s, METRIC_MEM_SHMEM, WORTH_PART))
		return false;
	add_with(s, "tmpfs and shared memory hold ", METRIC_MEM_SHMEM, out);
	strbuf_add(out, s->host.swap_present
				? ": it looks like cache, and must be swapped to be had"
				: ": it looks like cache, and cannot be dropped");
	return true;
}

static bool tell_arc(const struct snapshot *s, struct strbuf *out)
{
	if (known_or_zero(s, METRIC_MEM_ARC) == 0)
		return false;
	add_with(s, "the ARC of ZFS has ", METRIC_MEM_ARC, out);
	add_with(s, " and can give back ", METRIC_MEM_ARC_RECLAIMABLE, out);
	strbuf_add(out, ", which counts as taken in what is available");
	return true;
}

static bool tell_zram(const struct snapshot *s, struct strbuf *out)
{
	if (known_or_zero(s, METRIC_MEM_ZRAM) == 0)
		return false;
	add_with(s, "compressed swap takes ", METRIC_MEM_ZRAM, out);
	strbuf_add(out, " of memory itself: free swap is no free memory");
	return true;
}

static bool tell_reserve(const struct snapshot *s, struct strbuf *out)
{
	if (!is_worth(s, METRIC_MEM_RESERVE, WORTH_PART))
		return false;
	add_with(s, "vm.min_free_kbytes keeps ", METRIC_MEM_RESERVE, out);
	strbuf_add(out, " free that no program can have");
	return true;
}

static bool tell_protected(const struct snapshot *s, struct strbuf *out)
{
	if (!is_worth(s, METRIC_MEM_PROTECTED, WORTH_PART))
		return false;
	add(s, METRIC_MEM_PROTECTED, out);
	strbuf_add(out, " is kept from reclaim by memory.min and memory.low, cache too");
	return true;
}

static bool tell_kills(const struct snapshot *s, struct strbuf *out)
{
	bool any = get(s, METRIC_HOST_OOM_KILLS).state == READING_KNOWN;

	if (any)
		add_with(s, "killed by the kernel since boot: ", METRIC_HOST_OOM_KILLS, out);
	if (known_or_zero(s, METRIC_HOST_ALLOC_FAILURES) > 0) {
		add_with(s, any ? "; allocations that failed: " : "allocations that failed: ",
			 METRIC_HOST_ALLOC_FAILURES, out);
		any = true;
	}
	return any;
}

bool host_story_line(const struct snapshot *snapshot, enum host_line line, struct strbuf *out)
{
	static bool (*const tellers[HOST_LINE_COUNT_])(const struct snapshot *, struct strbuf *) = {
		[HOST_LINE_MEMORY] = tell_memory,   [HOST_LINE_LIMIT] = tell_limit,
		[HOST_LINE_SWAP] = tell_swap,	    [HOST_LINE_STALLS] = tell_stalls,
		[HOST_LINE_RATES] = tell_rates,	    [HOST_LINE_WRITES] = tell_writes,
		[HOST_LINE_KERNEL] = tell_kernel,   [HOST_LINE_UNACCOUNTED] = tell_unaccounted,
		[HOST_LINE_HUGETLB] = tell_hugetlb, [HOST_LINE_SHMEM] = tell_shmem,
		[HOST_LINE_ARC] = tell_arc,	    [HOST_LINE_ZRAM] = tell_zram,
		[HOST_LINE_RESERVE] = tell_reserve, [HOST_LINE_PROTECTED] = tell_protected,
		[HOST_LINE_KILLS] = tell_kills,
	};

	return tellers[line](snapshot, out);
}
