/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/kernel_story.h"
#include "util/macro.h"

#define GIB (INT64_C(1) << 30)
#define MIB (INT64_C(1) << 20)

static struct snapshot machine;
static struct slab_detail slabs[2];
static struct memory_detail details = { .slabs = slabs, .slabs_known = true };
static struct kernel_story story;

static void set(enum metric_id id, int64_t value)
{
	machine.host.readings[metric_index(id)] = reading_of(value);
}

/* A build hub of 8 GiB whose processes have 4 and whose NFS inodes have 2.5. */
static void set_up(void)
{
	machine = (struct snapshot){ 0 };
	set(METRIC_MEM_TOTAL, 8 * GIB);
	set(METRIC_MEM_FREE, GIB);
	set(METRIC_MEM_FILE, 256 * MIB);
	set(METRIC_MEM_AVAILABLE, GIB);
	set(METRIC_MEM_SLAB_RECLAIMABLE, 2600 * MIB);
	set(METRIC_MEM_SLAB_UNRECLAIMABLE, 100 * MIB);
	set(METRIC_MEM_PAGE_TABLES, 50 * MIB);
	slabs[0] = (struct slab_detail){ .name = "nfs_inode_cache", .bytes = 2560 * (uint64_t)MIB };
	slabs[1] = (struct slab_detail){ .name = "dentry", .bytes = 30 * (uint64_t)MIB };
	details.slab_count = 2;
}

static const char *text_of(size_t i)
{
	static char text[512];
	struct strbuf b = STRBUF(text);

	kernel_story_tell(&machine, &details, &story);
	check(i < story.count);
	kernel_finding_text(&story.findings[i], &b);
	return text;
}

TEST(one_cache_is_to_blame)
{
	set_up();
	check_str(text_of(0), "nfs_inode_cache, a slab cache of the kernel, has 2.5 GiB, 37.03% of "
			      "what is spent. This is not any process, and no kill gives it back");
	check_int(story.count, 1);
}

TEST(growth_says_how_long_the_rest_lasts)
{
	set_up();
	slabs[0].growth_known = true;
	slabs[0].growth_bytes = 600 * MIB;
	slabs[0].growth_usec = 600 * USEC_PER_SEC;
	check_contains(text_of(0), ", and grows by 1 MiB/s: what is available lasts 17min 4s.");
}

TEST(without_slabinfo_the_sum_is_to_blame)
{
	set_up();
	details.slab_count = 0;
	check_contains(text_of(0), "the kernel's slab caches together have 2.6 GiB");
}

/* What the kernel holds for processes a kill gives back. */
TEST(memory_that_goes_with_processes)
{
	set_up();
	details.slab_count = 0;
	set(METRIC_MEM_SLAB_RECLAIMABLE, 0);
	set(METRIC_MEM_PAGE_TABLES, 3 * GIB);
	check_str(text_of(0),
		  "page tables have 3 GiB, 44.44% of what is spent. No RSS counts it; it "
		  "goes with the processes whose memory it maps");
	set(METRIC_MEM_PAGE_TABLES, 0);
	set(METRIC_MEM_ZRAM, 3 * GIB);
	check_contains(text_of(0), "it goes with the processes whose pages were swapped out");
	set(METRIC_MEM_ZRAM, 0);
	set(METRIC_MEM_KERNEL_STACK, 3 * GIB);
	check_contains(text_of(0), "it goes with the threads whose stacks they are");
	set(METRIC_MEM_KERNEL_STACK, 0);
	set(METRIC_MEM_VMALLOC, 3 * GIB);
	check_contains(text_of(0), "This is not any process, and no kill gives it back");
}

TEST(a_healthy_host_has_nothing_to_tell)
{
	set_up();
	set(METRIC_MEM_SLAB_RECLAIMABLE, 200 * MIB);
	slabs[0].bytes = 100 * MIB;
	kernel_story_tell(&machine, &details, &story);
	check_int(story.count, 0);
	machine = (struct snapshot){ 0 };
	kernel_story_tell(&machine, &details, &story);
	check_int(story.count, 0);
}

TEST(names_are_harmless)
{
	set_up();
	strcpy(slabs[0].name, "a\nb\033[2J");
	check(!strpbrk(text_of(0), "\n\033"));
}
