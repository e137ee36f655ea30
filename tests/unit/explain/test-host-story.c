/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/host_story.h"
#include "util/macro.h"

#define GIB (INT64_C(1) << 30)
#define MIB (INT64_C(1) << 20)

static struct snapshot machine;

static void set(enum metric_id id, int64_t value)
{
	machine.host.readings[metric_index(id)] = reading_of(value);
}

static void set_up(void)
{
	machine = (struct snapshot){ 0 };
	set(METRIC_MEM_TOTAL, 64 * GIB);
	set(METRIC_MEM_AVAILABLE, 8 * GIB);
}

static const char *line(enum host_line which)
{
	static char text[1024];
	struct strbuf b = STRBUF(text);

	if (!host_story_line(&machine, which, &b)) {
		check_int(b.length, 0);
		return NULL;
	}
	return text;
}

TEST(a_plain_host_says_little)
{
	set_up();
	for (int i = 0; i < HOST_LINE_COUNT_; i++)
		if (i != HOST_LINE_MEMORY && i != HOST_LINE_SWAP)
			check(!line((enum host_line)i));
	check_str(line(HOST_LINE_MEMORY), "8 GiB available of 64 GiB");
	check_str(line(HOST_LINE_SWAP), "no swap");
}

TEST(what_is_unknown_is_called_so)
{
	machine = (struct snapshot){ 0 };
	check_str(line(HOST_LINE_MEMORY), "unknown available of unknown");
	for (int i = 0; i < HOST_LINE_COUNT_; i++)
		(void)line((enum host_line)i);
}

TEST(only_what_happens_is_told)
{
	set_up();
	set(METRIC_HOST_SWAP_IN_RATE, 0);
	check(!line(HOST_LINE_RATES));
	set(METRIC_HOST_SWAP_IN_RATE, 3 * MIB);
	set(METRIC_HOST_MAJOR_FAULT_RATE, 120);
	check_str(line(HOST_LINE_RATES),
		  "now: swapped in 3 MiB/s, faults that wait for storage 120/s");
	set(METRIC_HOST_RECLAIM_EFFICIENCY, 1250);
	check_contains(line(HOST_LINE_RATES), "; of the pages that it looks at reclaim gets 12.5%");
}

TEST(dirty_memory_against_the_limit_that_holds)
{
	set_up();
	set(METRIC_MEM_DIRTY, 0);
	set(METRIC_MEM_WRITEBACK, 0);
	check(!line(HOST_LINE_WRITES));
	set(METRIC_MEM_DIRTY, 100 * MIB);
	set(METRIC_MEM_WRITEBACK, 28 * MIB);
	check_str(line(HOST_LINE_WRITES), "100 MiB dirty, 28 MiB being written");
	set(METRIC_MEM_DIRTY_LIMIT, GIB);
	check_contains(line(HOST_LINE_WRITES), "; writers wait at 1 GiB");
	/* Half way from the limit of the background to that of the writers they are slowed. */
	set(METRIC_MEM_DIRTY_BACKGROUND_LIMIT, 512 * MIB);
	check_contains(line(HOST_LINE_WRITES),
		       "; writers are slowed from 768 MiB on, and wait at 1 GiB");
	set(METRIC_MEM_DIRTY, 740 * MIB);
	check_contains(line(HOST_LINE_WRITES), "; writers are slowed, and wait at 1 GiB");
	set(METRIC_MEM_DIRTY, 100 * MIB);
	set(METRIC_MEM_DIRTY_LIMIT, 128 * MIB);
	check_contains(line(HOST_LINE_WRITES), "; writers wait: the limit is 128 MiB");
}

/* 48 GiB of huge pages of 64: the pool is not in the total. */
TEST(pools_and_what_is_no_cache)
{
	set_up();
	set(METRIC_MEM_HUGETLB, 48 * GIB);
	check_contains(line(HOST_LINE_HUGETLB), "48 GiB more, used or not");
	set(METRIC_MEM_SHMEM, 5 * GIB);
	check_contains(line(HOST_LINE_SHMEM), "5 GiB: it looks like cache, and cannot be dropped");
	machine.host.swap_present = true;
	check_contains(line(HOST_LINE_SHMEM), "must be swapped to be had");
	set(METRIC_MEM_SHMEM, GIB);
	check(!line(HOST_LINE_SHMEM));
	set(METRIC_MEM_ARC, 30 * GIB);
	set(METRIC_MEM_ARC_RECLAIMABLE, 26 * GIB);
	check_contains(line(HOST_LINE_ARC), "has 30 GiB and can give back 26 GiB");
	set(METRIC_MEM_ZRAM, 3 * GIB);
	check_contains(line(HOST_LINE_ZRAM), "takes 3 GiB of memory itself");
	set(METRIC_MEM_RESERVE, 4 * GIB);
	check_contains(line(HOST_LINE_RESERVE), "keeps 4 GiB free");
	set(METRIC_MEM_RESERVE, 64 * MIB);
	check(!line(HOST_LINE_RESERVE));
	set(METRIC_MEM_PROTECTED, 8 * GIB);
	check_contains(line(HOST_LINE_PROTECTED), "8 GiB is kept from reclaim");
}

TEST(a_container_has_its_own_limit)
{
	set_up();
	machine.host.readings[metric_index(METRIC_MEM_LIMIT)] = READING_FOREVER;
	check(!line(HOST_LINE_LIMIT));
	set(METRIC_MEM_LIMIT, 4 * GIB);
	set(METRIC_MEM_LIMIT_HEADROOM, 200 * MIB);
	check_str(line(HOST_LINE_LIMIT),
		  "this is a container with a limit of its own, 4 GiB: before "
		  "that it can have 200 MiB");
}
