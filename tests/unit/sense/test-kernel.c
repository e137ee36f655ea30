/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "machine.h"

#include "sense/memory_detail.h"

static struct machine m;

static const struct snapshot *round_at(usec_t now)
{
	check_int(sense_fast(m.sense, now), 0);
	check_int(sense_rescan(m.sense, now), 0);
	return sense_snapshot(m.sense);
}

static void meminfo(const char *text)
{
	machine_write(&m, "proc/meminfo", text, strlen(text));
}

#define MEMINFO_6_1                                                                               \
	"MemTotal:         997720 kB\nMemFree:          834452 kB\nMemAvailable:     785884 kB\n" \
	"Buffers:            3836 kB\nCached:            33408 kB\nSwapCached:            0 kB\n" \
	"Active:            19968 kB\nInactive:          66016 kB\nUnevictable:           0 kB\n" \
	"AnonPages:         44688 kB\nShmem:               304 kB\nKReclaimable:      14632 kB\n" \
	"Slab:              27900 kB\nSReclaimable:      14632 kB\nSUnreclaim:        13268 kB\n" \
	"KernelStack:        1552 kB\nPageTables:         1392 kB\nSecPageTables:       100 kB\n" \
	"Bounce:                0 kB\nVmallocTotal:   34359738367 kB\n"                           \
	"VmallocUsed:       15804 kB\nVmallocChunk:          0 kB\nPercpu:              752 kB\n" \
	"HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB\n"       \
	"Hugetlb:               0 kB\n"

TEST(what_memory_is_spent_on)
{
	machine_two_nodes(&m);
	meminfo(MEMINFO_6_1);
	machine_start(&m, false);

	const struct snapshot *s = round_at(SEC);

	check_known(host_value(s, METRIC_MEM_ANON), 44688 * KIB);
	check_known(host_value(s, METRIC_MEM_FILE), (33408 + 3836 - 304) * KIB);
	check_known(host_value(s, METRIC_MEM_SHMEM), 304 * KIB);
	check_known(host_value(s, METRIC_MEM_HUGETLB), 0);
	check_known(host_value(s, METRIC_MEM_SLAB_RECLAIMABLE), 14632 * KIB);
	check_known(host_value(s, METRIC_MEM_SLAB_UNRECLAIMABLE), 13268 * KIB);
	check_known(host_value(s, METRIC_MEM_PAGE_TABLES), 1492 * KIB);
	check_known(host_value(s, METRIC_MEM_VMALLOC), 15804 * KIB);
	check_known(host_value(s, METRIC_MEM_PERCPU), 752 * KIB);
	check_known(host_value(s, METRIC_MEM_KERNEL_STACK), 1552 * KIB);
	/* The stacks are in what vmalloc has. */
	check_known(host_value(s, METRIC_MEM_KERNEL), (27900 + 1492 + 15804 + 752) * KIB);
	/* The lists have more than what is mapped. */
	check_known(host_value(s, METRIC_MEM_UNACCOUNTED),
		    (997720 - 834452 - 19968 - 66016 - 27900 - 1492 - 15804 - 752) * KIB);
	check_known(host_value(s, METRIC_MEM_RESERVE), MIB);
	check(!has_gap(&m, "mem."));
	machine_done(&m);
}

/* 48 GiB of huge pages of 64 GiB: nobody else can have them, so they are no part of the base. */
TEST(a_host_of_huge_pages)
{
	machine_two_nodes(&m);
	meminfo("MemTotal: 67108864 kB\nMemFree: 8388608 kB\nMemAvailable: 10485760 kB\n"
		"Buffers: 0 kB\nCached: 3145728 kB\nAnonPages: 2097152 kB\nShmem: 0 kB\n"
		"Slab: 1048576 kB\nSReclaimable: 524288 kB\nSUnreclaim: 524288 kB\n"
		"KernelStack: 0 kB\nPageTables: 0 kB\nHugePages_Total: 48\n"
		"Hugepagesize: 1048576 kB\nHugetlb: 50331648 kB\n");
	machine_start(&m, false);

	const struct snapshot *s = round_at(SEC);

	check_known(host_value(s, METRIC_MEM_TOTAL), 16 * GIB);
	check_known(host_value(s, METRIC_MEM_AVAILABLE), 10 * GIB);
	check_known(host_value(s, METRIC_MEM_HUGETLB), 48 * GIB);
	check_known(host_value(s, METRIC_MEM_UNACCOUNTED), 2 * GIB);
	machine_done(&m);
}

/* Before 4.16 meminfo counts the default size only; the nodes have the others. */
TEST(huge_pages_of_two_sizes_on_an_older_kernel)
{
	machine_two_nodes(&m);
	machine_file(&m, NODE_DIR "/node1/hugepages/hugepages-1048576kB/nr_hugepages", "1\n");
	machine_file(&m, NODE_DIR "/node1/hugepages/hugepages-2048kB/nr_hugepages", "8\n");
	meminfo("MemTotal: 4194304 kB\nMemFree: 1 kB\nMemAvailable: 1 kB\n"
		"HugePages_Total: 8\nHugepagesize: 2048 kB\n");
	machine_start(&m, false);

	const struct snapshot *s = round_at(SEC);

	check_known(host_value(s, METRIC_MEM_HUGETLB), GIB + 16 * MIB);
	check_known(host_value(s, METRIC_MEM_TOTAL), 3 * GIB - 16 * MIB);
	machine_done(&m);
}

TEST(the_arc_is_beside_what_is_available)
{
	machine_two_nodes(&m);
	machine_file(&m, "proc/spl/kstat/zfs/arcstats",
		     "13 1 0x01 147 39984 5218934519 4733571312\nname type data\n"
		     "c_min 4 4294967296\nsize 4 32212254720\n");
	machine_start(&m, false);

	const struct snapshot *s = round_at(SEC);
	int64_t available = host_value(s, METRIC_MEM_AVAILABLE).value;

	check_known(host_value(s, METRIC_MEM_ARC), 30 * GIB);
	check_known(host_value(s, METRIC_MEM_ARC_RECLAIMABLE), 26 * GIB);
	machine_file(&m, "proc/spl/kstat/zfs/arcstats", "c_min 4 4294967296\nsize 4 1024\n");
	s = round_at(2 * SEC);
	check_known(host_value(s, METRIC_MEM_ARC_RECLAIMABLE), 0);
	check_known(host_value(s, METRIC_MEM_AVAILABLE), available);
	machine_done(&m);
}

/* tmpfs looks like page cache, and is not. */
TEST(tmpfs_is_no_page_cache)
{
	machine_two_nodes(&m);
	meminfo("MemTotal: 16777216 kB\nMemFree: 1048576 kB\nMemAvailable: 2097152 kB\n"
		"Buffers: 0 kB\nCached: 6291456 kB\nAnonPages: 8388608 kB\nShmem: 5242880 kB\n");
	machine_start(&m, false);

	const struct snapshot *s = round_at(SEC);

	check_known(host_value(s, METRIC_MEM_SHMEM), 5 * GIB);
	check_known(host_value(s, METRIC_MEM_FILE), GIB);
	machine_done(&m);
}

TEST(a_large_reserve)
{
	machine_two_nodes(&m);
	meminfo("MemTotal: 16777216 kB\nMemFree: 4194304 kB\nMemAvailable: 0 kB\n");
	machine_file(&m, "proc/sys/vm/min_free_kbytes", "4194304\n");
	machine_start(&m, false);

	const struct snapshot *s = round_at(SEC);

	check_known(host_value(s, METRIC_MEM_FREE), 4 * GIB);
	check_known(host_value(s, METRIC_MEM_AVAILABLE), 0);
	check_known(host_value(s, METRIC_MEM_RESERVE), 4 * GIB);
	machine_done(&m);
}

TEST(zram_counts_and_is_accounted_for)
{
	machine_two_nodes(&m);
	meminfo(MEMINFO_6_1);
	machine_start(&m, false);
	int64_t before = host_value(round_at(SEC), METRIC_MEM_UNACCOUNTED).value;

	check_known(host_value(sense_snapshot(m.sense), METRIC_MEM_ZRAM), 0);
	machine_file(&m, "sys/block/zram0/mm_stat", "9 9 4194304 0 0 0 0\n");
	machine_file(&m, "sys/block/zram3/mm_stat", "9 9 2097152 0 0 0 0\n");

	/* Devices are listed every five minutes. */
	const struct snapshot *s = round_at(302 * SEC);

	check_known(host_value(s, METRIC_MEM_ZRAM), 6 * MIB);
	check_known(host_value(s, METRIC_MEM_UNACCOUNTED), before - (int64_t)(6 * MIB));
	machine_remove(&m, "sys/block/zram3");
	check_known(host_value(round_at(303 * SEC), METRIC_MEM_ZRAM), 4 * MIB);
	machine_done(&m);
}

TEST(more_that_is_named_than_there_is)
{
	machine_two_nodes(&m);
	meminfo("MemTotal: 1000 kB\nMemFree: 1000 kB\nCached: 18014398509481983 kB\n"
		"Buffers: 18014398509481983 kB\nAnonPages: 5 kB\nSlab: 9 kB\nKernelStack: 1 kB\n"
		"PageTables: 1 kB\nShmem: 0 kB\n");
	machine_start(&m, false);
	check_known(host_value(round_at(SEC), METRIC_MEM_UNACCOUNTED), 0);
	machine_done(&m);
}

TEST(what_older_kernels_do_not_tell)
{
	machine_two_nodes(&m);
	meminfo("MemTotal: 4000000 kB\nMemFree: 100 kB\nCached: 96 kB\nBuffers: 4 kB\n"
		"AnonPages: 1000 kB\nShmem: 40 kB\nSlab: 300 kB\nSReclaimable: 200 kB\n"
		"SUnreclaim: 100 kB\nKernelStack: 16 kB\nPageTables: 20 kB\n"
		"VmallocUsed: 186592 kB\nVmallocChunk: 34359310332 kB\n");
	machine_remove(&m, "proc/slabinfo");
	machine_remove(&m, "proc/spl");
	machine_remove(&m, "sys/block");
	machine_start(&m, false);

	const struct snapshot *s = round_at(SEC);

	check_unknown(host_value(s, METRIC_MEM_VMALLOC));
	check_unknown(host_value(s, METRIC_MEM_PERCPU));
	check_known(host_value(s, METRIC_MEM_KERNEL), 336 * KIB);
	check_known(host_value(s, METRIC_MEM_UNACCOUNTED), (4000000 - 100 - 1100 - 336) * KIB);
	check_unknown(host_value(s, METRIC_MEM_SLAB_TOP));
	check_unknown(host_value(s, METRIC_MEM_ARC));
	check_unknown(host_value(s, METRIC_MEM_ZRAM));
	check(has_gap(&m, "mem.hugetlb, mem.vmalloc, mem.percpu: this kernel's meminfo"));
	check(has_gap(&m, "mem.slab-top, mem.arc, mem.zram: the files were not captured"));
	machine_done(&m);
}

static void slabinfo(uint64_t nfs_slabs, uint64_t dentry_slabs)
{
	machine_file(&m, "proc/slabinfo",
		     "slabinfo - version: 2.1\n# name\n"
		     "dentry 1 2 192 21 1 : tunables 0 0 0 : slabdata 0 %" PRIu64 " 0\n"
		     "nfs_inode_cache 1 2 1000 32 8 : tunables 0 0 0 : slabdata 0 %" PRIu64
		     " 0\nkmalloc-8 1 2 8 512 1 : tunables 0 0 0 : slabdata 1 3 0\n",
		     dentry_slabs, nfs_slabs);
}

TEST(the_largest_cache_and_the_one_that_grows)
{
	machine_two_nodes(&m);
	slabinfo(1000, 20000);
	machine_start(&m, false);

	const struct snapshot *s = round_at(SEC);

	check_known(host_value(s, METRIC_MEM_SLAB_TOP), 20000 * PAGE);
	check_unknown(host_value(s, METRIC_MEM_SLAB_TOP_GROWTH));
	slabinfo(1600, 19000);
	s = round_at(61 * SEC);
	check_known(host_value(s, METRIC_MEM_SLAB_TOP), 19000 * PAGE);
	check_known(host_value(s, METRIC_MEM_SLAB_TOP_GROWTH), 80 * PAGE);
	/* Over all the time that there is history for. */
	slabinfo(1600, 19000);
	check_known(host_value(round_at(121 * SEC), METRIC_MEM_SLAB_TOP_GROWTH), 40 * PAGE);
	slabinfo(900, 19000);
	check_known(host_value(round_at(181 * SEC), METRIC_MEM_SLAB_TOP_GROWTH), 0);
	machine_done(&m);
}

/* A live machine's slabinfo is worth reading when meminfo's sum says that there is news. */
TEST(slabinfo_is_read_when_slab_moved)
{
	machine_two_nodes(&m);
	meminfo(MEMINFO_6_1);
	slabinfo(1000, 20000);
	machine_start_live(&m);
	check_known(host_value(round_at(SEC), METRIC_MEM_SLAB_TOP), 20000 * PAGE);
	/* Once more, so that growth is known. */
	check_known(host_value(round_at(61 * SEC), METRIC_MEM_SLAB_TOP_GROWTH), 0);
	slabinfo(1000, 30000);
	check_known(host_value(round_at(130 * SEC), METRIC_MEM_SLAB_TOP), 20000 * PAGE);
	/* A MiB in a minute. */
	meminfo("MemTotal: 997720 kB\nMemFree: 834452 kB\nMemAvailable: 785884 kB\n"
		"Slab: 29000 kB\nKernelStack: 1 kB\nPageTables: 1 kB\n");
	check_known(host_value(round_at(156 * SEC), METRIC_MEM_SLAB_TOP), 30000 * PAGE);
	/* Less is not enough, and within that minute only 4 MiB are. */
	slabinfo(1000, 40000);
	meminfo("MemTotal: 997720 kB\nMemFree: 834452 kB\nMemAvailable: 785884 kB\n"
		"Slab: 29500 kB\nKernelStack: 1 kB\nPageTables: 1 kB\n");
	check_known(host_value(round_at(182 * SEC), METRIC_MEM_SLAB_TOP), 30000 * PAGE);
	meminfo("MemTotal: 997720 kB\nMemFree: 834452 kB\nMemAvailable: 785884 kB\n"
		"Slab: 33400 kB\nKernelStack: 1 kB\nPageTables: 1 kB\n");
	check_known(host_value(round_at(208 * SEC), METRIC_MEM_SLAB_TOP), 40000 * PAGE);
	machine_done(&m);
}

TEST(a_short_host_is_looked_at_more_often)
{
	struct machine_node nodes[2] = { two_nodes[0], two_nodes[1] };

	machine_two_nodes(&m);
	machine_start_live(&m);
	check_known(host_value(round_at(SEC), METRIC_MEM_ANON), 1000 * KIB);
	meminfo("MemTotal: 2097152 kB\nMemFree: 400000 kB\nMemAvailable: 800000 kB\n"
		"AnonPages: 2000 kB\n");
	check_known(host_value(round_at(3 * SEC), METRIC_MEM_ANON), 1000 * KIB);
	nodes[0].free_pages = nodes[1].free_pages = 10000;
	machine_nodes(&m, nodes, 2);
	meminfo("MemTotal: 2097152 kB\nMemFree: 80000 kB\nMemAvailable: 80000 kB\n"
		"AnonPages: 3000 kB\n");
	check_known(host_value(round_at(5 * SEC), METRIC_MEM_ANON), 3000 * KIB);
	machine_done(&m);
}

TEST(amounts_are_read_at_once_after_a_step_of_ours)
{
	const struct snapshot *s;

	machine_two_nodes(&m);
	machine_start_live(&m);
	check_int(round_at(SEC)->amounts_at, SEC);
	meminfo("MemTotal: 2097152 kB\nMemFree: 400000 kB\nMemAvailable: 800000 kB\n"
		"AnonPages: 2000 kB\n");
	s = round_at(2 * SEC);
	check_known(host_value(s, METRIC_MEM_ANON), 1000 * KIB);
	check_int(s->amounts_at, SEC);
	sense_note_written(m.sense, 0);
	s = round_at(3 * SEC);
	check_known(host_value(s, METRIC_MEM_ANON), 2000 * KIB);
	check_int(s->amounts_at, 3 * SEC);
	/* Once. */
	check_int(round_at(4 * SEC)->amounts_at, 3 * SEC);
	machine_done(&m);
}

TEST(growth_of_the_kernels_memory)
{
	machine_two_nodes(&m);
	machine_start(&m, false);
	check_unknown(host_value(round_at(SEC), METRIC_MEM_KERNEL_GROWTH));
	meminfo("MemTotal: 2097152 kB\nMemFree: 90000 kB\nMemAvailable: 1000000 kB\n"
		"Slab: 600300 kB\nVmallocUsed: 50 kB\nPercpu: 8 kB\nKernelStack: 1 kB\n"
		"PageTables: 20 kB\n");
	check_known(host_value(round_at(601 * SEC), METRIC_MEM_KERNEL_GROWTH), 1000 * KIB);
	machine_meminfo(&m, 2 * GIB, GIB);
	check_known(host_value(round_at(661 * SEC), METRIC_MEM_KERNEL_GROWTH), 0);
	machine_done(&m);
}

TEST(one_sample_has_no_growth)
{
	machine_two_nodes(&m);
	machine_start(&m, true);
	round_at(SEC);

	const struct snapshot *s = round_at(600 * SEC);

	check_known(host_value(s, METRIC_MEM_SLAB_TOP), 6 * PAGE);
	check_unknown(host_value(s, METRIC_MEM_KERNEL_GROWTH));
	check_unknown(host_value(s, METRIC_MEM_SLAB_TOP_GROWTH));
	machine_done(&m);
}

TEST(the_details_name_the_largest_caches)
{
	_cleanup_(memory_detail_done) struct memory_detail details = { 0 };
	static char text[1 << 16];
	int length = 0;

	machine_two_nodes(&m);
	for (int i = 0; i < 100; i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length,
				   "cache %d %d 9 64 64 2 : tunables 0 0 0 : slabdata 0 %d 0\n", i,
				   i, (i * 37) % 100);
	machine_write(&m, "proc/slabinfo", text, (size_t)length);
	machine_start(&m, false);
	round_at(SEC);
	round_at(601 * SEC);
	check_int(memory_detail_read(&m.root, m.sense, PAGE, &details), 0);
	check(details.slabs_known);
	check_int(details.slab_count, 32);
	for (size_t i = 0; i < details.slab_count; i++)
		check_int(details.slabs[i].bytes, (99 - i) * 2 * PAGE);
	/* 27 x 37 = 999. */
	check_str(details.slabs[0].name, "cache 27");
	check_int(details.slabs[0].active_objects, 27);
	check_int(details.slabs[0].object_bytes, 64);
	/* The growth of half of them is followed. */
	check(details.slabs[0].growth_known && details.slabs[15].growth_known);
	check_int(details.slabs[0].growth_bytes, 0);
	check_int(details.slabs[0].growth_usec, 600 * SEC);
	check(!details.slabs[16].growth_known);
	machine_done(&m);
}

TEST(caches_of_one_name_are_one)
{
	_cleanup_(memory_detail_done) struct memory_detail details = { 0 };
	char name[SLAB_NAME_BYTES + 20];

	machine_two_nodes(&m);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	machine_file(&m, "proc/slabinfo",
		     "a 1 9 64 64 1 : tunables 0 0 0 : slabdata 0 10 0\n"
		     "b 2 9 64 64 1 : tunables 0 0 0 : slabdata 0 12 0\n"
		     "a 4 9 64 64 1 : tunables 0 0 0 : slabdata 0 5 0\n"
		     "%s 8 9 64 64 1 : tunables 0 0 0 : slabdata 0 1 0\n",
		     name);
	check_int(memory_detail_read(&m.root, NULL, PAGE, &details), 0);
	check_int(details.slab_count, 3);
	check_str(details.slabs[0].name, "a");
	check_int(details.slabs[0].bytes, 15 * PAGE);
	check_int(details.slabs[0].active_objects, 5);
	check_str(details.slabs[1].name, "b");
	check_int(strlen(details.slabs[2].name), SLAB_NAME_BYTES - 1);
	check(!details.slabs[0].growth_known);
	machine_done(&m);
}

TEST(no_slabinfo_no_caches)
{
	_cleanup_(memory_detail_done) struct memory_detail details = { 0 };

	machine_init(&m);
	check_int(memory_detail_read(&m.root, NULL, PAGE, &details), 0);
	check(!details.slabs_known);
	check_int(details.slab_count, 0);
	machine_done(&m);
}
