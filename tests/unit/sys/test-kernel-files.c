/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The files that tell what memory is spent on: slabinfo, arcstats, zram, idle huge pages, the
 * reserve, and the lines of meminfo and vmstat that came and went with the kernels.
 */

#include "fixture.h"
#include "sys/arcstats.h"
#include "sys/host_info.h"
#include "sys/meminfo.h"
#include "sys/nodes.h"
#include "sys/slabinfo.h"
#include "sys/sysroot.h"
#include "sys/vmstat.h"
#include "sys/zram.h"
#include "test.h"

#include <limits.h>

#define HEADINGS                                                                              \
	"slabinfo - version: 2.1\n"                                                           \
	"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : " \
	"tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> " \
	"<sharedavail>\n"

static int parse_slab(const char *line, struct slabinfo_cache *ret)
{
	return slabinfo_parse(span_of(line, strlen(line)), ret);
}

TEST(a_slab_cache)
{
	struct slabinfo_cache cache;

	check_int(parse_slab("nfs_inode_cache   2600000 2600010   1000    8    2 : tunables   24   "
			     "12    8 : slabdata 325000 325002      0",
			     &cache),
		  0);
	check(span_is(cache.name, "nfs_inode_cache"));
	check_int(cache.active_objects, 2600000);
	check_int(cache.objects, 2600010);
	check_int(cache.object_bytes, 1000);
	check_int(cache.slabs, 325002);
	check_int(cache.pages, 650004);
}

TEST(names_of_slab_caches_hold_anything)
{
	struct slabinfo_cache cache;

	check_int(
		parse_slab("odd : tunables 1 : slabdata 7   1 2 3 4 5 : tunables 0 0 0 : slabdata "
			   "6 7 0",
			   &cache),
		0);
	check(span_is(cache.name, "odd : tunables 1 : slabdata 7"));
	check_int(cache.active_objects, 1);
	check_int(cache.pages, 35);
	check_int(parse_slab("size-32(DMA) 0 0 32 113 1 : tunables 120 60 8 : slabdata 0 0 0",
			     &cache),
		  0);
	check(span_is(cache.name, "size-32(DMA)"));
}

TEST(statistics_behind_a_slab_cache)
{
	struct slabinfo_cache cache;

	check_int(parse_slab("dentry 10 20 192 20 1 : tunables 120 60 8 : slabdata 3 4 0 : "
			     "globalstat 1 2 3 4 5 6 7 8 9 : cpustat 1 2 3 4",
			     &cache),
		  0);
	check(span_is(cache.name, "dentry"));
	check_int(cache.pages, 4);
}

TEST(lines_that_are_no_slab_cache)
{
	static const char *const lines[] = {
		"",
		"slabinfo - version: 2.1",
		"# name <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables "
		"<limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> "
		"<sharedavail>",
		"1 2 3 4 5 : tunables 0 0 0 : slabdata 6 7 0",
		"x 2 3 4 5 : tunables 0 0 0 : slabdata 6 7 0",
		"x 1 2 3 4 -5 : tunables 0 0 0 : slabdata 6 7 0",
		"x 1 2 3 4 5 : slabdata 6 7 0",
		"x 1 2 3 4 5 : tunables 0 0 0 : slabdata 6",
		"x 1 2 3 4 5 : tunables 0 0 0 : slabdata 6 99999999999999999999 0",
		"x 1 2 3 4 2 : tunables 0 0 0 : slabdata 6 18446744073709551615 0",
		": tunables 0 0 0 : slabdata 6 7 0",
	};
	struct slabinfo_cache cache;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		check_int(parse_slab(lines[i], &cache), -EINVAL);
}

struct seen {
	unsigned count;
	uint64_t pages;
	char last[32];
};

static void see(void *context, const struct slabinfo_cache *cache)
{
	struct seen *seen = context;

	seen->count++;
	seen->pages += cache->pages;
	span_copy(cache->name, seen->last, sizeof(seen->last));
}

/* In pieces of any size, also such as end within a line. */
TEST(slabinfo_is_read_in_pieces)
{
	FIXTURE(f);
	char text[4096] = HEADINGS, line[128], buffer[1024];
	struct sysroot root;
	int fd;

	for (int i = 0; i < 20; i++) {
		snprintf(line, sizeof(line),
			 "cache_%02d 1 1 64 64 1 : tunables 0 0 0 : slabdata 1 %d 0\n", i, i);
		strcat(text, line);
	}
	strcat(text, "unfinished 1 1 64 64 1 : tunables 0 0 0 : slabdata 1 1000 0");
	fixture_put(&f, "proc/slabinfo", text);
	check_int(sysroot_open(f.directory, &root), 0);
	fd = slabinfo_open(&root);
	check(fd >= 0);
	for (size_t size = 80; size < sizeof(buffer); size += 13) {
		struct seen seen = { 0 };

		check_int(slabinfo_each(fd, buffer, size, see, &seen), 20);
		check_int(seen.count, 20);
		check_int(seen.pages, 190);
		check_str(seen.last, "cache_19");
	}
	close(fd);
	sysroot_done(&root);
}

TEST(a_line_longer_than_the_buffer_is_left_out)
{
	FIXTURE(f);
	char text[2048], buffer[256];
	struct seen seen = { 0 };
	struct sysroot root;
	int fd;

	memset(text, 'n', 1000);
	strcpy(text + 1000, " 1 1 64 64 1 : tunables 0 0 0 : slabdata 1 7 0\n"
			    "b 1 1 64 64 1 : tunables 0 0 0 : slabdata 1 2 0\n");
	fixture_put(&f, "proc/slabinfo", text);
	check_int(sysroot_open(f.directory, &root), 0);
	fd = slabinfo_open(&root);
	check_int(slabinfo_each(fd, buffer, sizeof(buffer), see, &seen), 1);
	check_int(seen.pages, 2);
	check_str(seen.last, "b");
	close(fd);
	sysroot_done(&root);
}

TEST(the_arc)
{
	static const char text[] = "13 1 0x01 147 39984 5218934519 4733571312\n"
				   "name                            type data\n"
				   "hits                            4    8712345\n"
				   "c                               4    33285996544\n"
				   "c_min                           4    4294967296\n"
				   "c_max                           4    33285996544\n"
				   "size                            4    32212254720\n"
				   "compressed_size                 4    1\n";
	struct arcstats stats;

	check_int(arcstats_parse(text, strlen(text), &stats), 0);
	check_int(stats.size_bytes, 30LL << 30);
	check_int(stats.min_bytes, 4LL << 30);
	for (size_t cut = 0; cut < strlen(text) - strlen("compressed_size     "); cut++) {
		_cleanup_(freep) char *copy = exact_copy(text, cut);

		if (arcstats_parse(copy, cut, &stats) == 0)
			check_int(stats.size_bytes, 30LL << 30);
	}
	check_int(arcstats_parse("size 4\nc_min 4 1\n", 17, &stats), -EINVAL);
	check_int(arcstats_parse("size 4 -1\nc_min 4 1\n", 20, &stats), -EINVAL);
}

TEST(zram_takes_the_third_column)
{
	static const char text[] =
		"  4096000  1200000  1503232        0  1503232       12        0\n";
	uint64_t bytes = 7;

	check_int(zram_parse_mm_stat(text, strlen(text), &bytes), 0);
	check_int(bytes, 1503232);
	check_int(zram_parse_mm_stat(text, strlen(text) - 1, &bytes), -EINVAL);
	check_int(zram_parse_mm_stat("1 2\n", 4, &bytes), -EINVAL);
	check_int(zram_parse_mm_stat("1 2 x\n", 6, &bytes), -EINVAL);
	check_int(zram_parse_mm_stat("", 0, &bytes), -EINVAL);
	check_int(bytes, 1503232);
}

TEST(zram_devices)
{
	FIXTURE(f);
	struct sysroot root;
	struct idset devices;
	uint64_t bytes;

	check_int(sysroot_open(f.directory, &root), 0);
	check_int(zram_list(&root, &devices), -ENOENT);
	root.live = true;
	check_int(zram_list(&root, &devices), 0);
	check(idset_is_empty(&devices));
	root.live = false;
	fixture_put(&f, "sys/block/zram0/mm_stat", "1 2 4096 0 0 0 0\n");
	fixture_put(&f, "sys/block/zram12/mem_used_total", "8192\n");
	fixture_put(&f, "sys/block/zram/mm_stat", "1 2 3 0 0 0 0\n");
	fixture_put(&f, "sys/block/zramx/mm_stat", "1 2 3 0 0 0 0\n");
	fixture_put(&f, "sys/block/sda/size", "1\n");
	check_int(zram_list(&root, &devices), 0);
	check_int(idset_count(&devices), 2);
	check(idset_has(&devices, 0) && idset_has(&devices, 12));
	check_int(zram_used(&root, 0, &bytes), 0);
	check_int(bytes, 4096);
	check_int(zram_used(&root, 12, &bytes), 0);
	check_int(bytes, 8192);
	check_int(zram_used(&root, 1, &bytes), -ENOENT);
	sysroot_done(&root);
}

TEST(huge_pages_of_all_sizes)
{
	FIXTURE(f);
	struct sysroot root;
	struct huge_pools pools = { .pages = 7 };

	check_int(sysroot_open(f.directory, &root), 0);
	check_int(nodes_huge_pools(&root, 0, &pools), -ENOENT);
	check_int(pools.pages, 7);
#define POOLS "sys/devices/system/node/node1/hugepages"
	fixture_put(&f, POOLS "/hugepages-2048kB/nr_hugepages", "512\n");
	fixture_put(&f, POOLS "/hugepages-2048kB/free_hugepages", "3\n");
	fixture_put(&f, POOLS "/hugepages-1048576kB/nr_hugepages", "16\n");
	fixture_put(&f, POOLS "/hugepages-1048576kB/free_hugepages", "2\n");
	fixture_put(&f, POOLS "/hugepages-kB/free_hugepages", "9\n");
	fixture_put(&f, POOLS "/other/free_hugepages", "9\n");
	check_int(nodes_huge_pools(&root, 1, &pools), 0);
	check_int(pools.free_bytes, (2LL << 30) + (6LL << 20));
	check_int(pools.bytes, (16LL << 30) + (1LL << 30));
	check_int(pools.page_bytes, 1LL << 30);
	check_int(pools.pages, 16);
	check_int(pools.pages_free, 2);
	/* The one that holds most counts, not the one whose pages are the largest. */
	fixture_put(&f, POOLS "/hugepages-2048kB/nr_hugepages", "9000\n");
	check_int(nodes_huge_pools(&root, 1, &pools), 0);
	check_int(pools.page_bytes, 2LL << 20);
	check_int(pools.pages, 9000);
	check_int(pools.pages_free, 3);
	check_int(nodes_huge_pools(&root, 0, &pools), -ENOENT);
	sysroot_done(&root);
}

TEST(no_huge_pages_at_all)
{
	FIXTURE(f);
	struct sysroot root;
	struct huge_pools pools = { .pages = 7 };

	fixture_put(&f, POOLS "/hugepages-2048kB/nr_hugepages", "0\n");
	fixture_put(&f, POOLS "/hugepages-2048kB/free_hugepages", "0\n");
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(nodes_huge_pools(&root, 1, &pools), 0);
	check_int(pools.page_bytes, 0);
	check_int(pools.pages, 0);
	check_int(pools.bytes, 0);
	sysroot_done(&root);
}

TEST(the_reserve)
{
	FIXTURE(f);
	struct sysroot root;
	uint64_t bytes;

	check_int(sysroot_open(f.directory, &root), 0);
	check_int(host_info_reserve(&root, &bytes), -ENOENT);
	fixture_put(&f, "proc/sys/vm/min_free_kbytes", "4194304\n");
	check_int(host_info_reserve(&root, &bytes), 0);
	check_int(bytes, 4LL << 30);
	fixture_put(&f, "proc/sys/vm/min_free_kbytes", "-1\n");
	check_int(host_info_reserve(&root, &bytes), -EINVAL);
	sysroot_done(&root);
}

TEST(sysctls_by_path)
{
	FIXTURE(f);
	struct sysroot root;
	int64_t value = 7;
	char path[PATH_MAX + 8];

	check_int(sysroot_open(f.directory, &root), 0);
	check_int(host_info_sysctl(&root, "vm/swappiness", &value), -ENOENT);
	fixture_put(&f, "proc/sys/vm/swappiness", "60\n");
	check_int(host_info_sysctl(&root, "vm/swappiness", &value), 0);
	check_int(value, 60);
	fixture_put(&f, "proc/sys/vm/swappiness", "-1\n");
	check_int(host_info_sysctl(&root, "vm/swappiness", &value), 0);
	check_int(value, -1);
	fixture_put(&f, "proc/sys/vm/swappiness", "sixty\n");
	check_int(host_info_sysctl(&root, "vm/swappiness", &value), -EINVAL);
	fixture_put(&f, "proc/sys/vm/swappiness", "");
	check_int(host_info_sysctl(&root, "vm/swappiness", &value), -EINVAL);
	check_int(value, -1);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	check_int(host_info_sysctl(&root, path, &value), -ENAMETOOLONG);
	sysroot_done(&root);
}

TEST(systemd_is_told_by_its_directory)
{
	FIXTURE(f);
	struct sysroot root;

	check_int(sysroot_open(f.directory, &root), 0);
	check(!host_info_has_systemd(&root));
	fixture_put(&f, "run/systemd/private", "");
	check(!host_info_has_systemd(&root));
	fixture_put(&f, "run/systemd/system/.keep", "");
	check(host_info_has_systemd(&root));
	sysroot_done(&root);
}

static uint64_t vmalloc_of(const char *text)
{
	struct meminfo m;
	uint64_t bytes;

	check_int(meminfo_parse(text, strlen(text), &m), 0);
	return meminfo_vmalloc(&m, &bytes) ? bytes : UINT64_MAX;
}

/* Memory since 5.3; nothing from 4.4 on; address space before, which a device takes too. */
TEST(vmalloc_by_kernel)
{
	check_int(vmalloc_of("MemTotal: 997720 kB\nVmallocTotal: 34359738367 kB\n"
			     "VmallocUsed:       15804 kB\nVmallocChunk:          0 kB\n"),
		  15804 * 1024);
	check(vmalloc_of("MemTotal: 997720 kB\nVmallocUsed: 0 kB\nVmallocChunk: 0 kB\n") ==
	      UINT64_MAX);
	check(vmalloc_of("MemTotal: 997720 kB\nVmallocUsed: 186592 kB\n"
			 "VmallocChunk: 34359310332 kB\n") == UINT64_MAX);
	check(vmalloc_of("MemTotal: 997720 kB\n") == UINT64_MAX);
}

TEST(every_line_of_meminfo_is_found)
{
	static const char text[] =
		"MemTotal: 1 kB\nMemFree: 1 kB\nMemAvailable: 1 kB\nBuffers: 4 kB\nCached: 5 kB\n"
		"SwapCached: 6 kB\nActive: 7 kB\nInactive: 8 kB\nActive(anon): 9 kB\n"
		"Inactive(anon): 10 kB\nActive(file): 11 kB\nInactive(file): 12 kB\n"
		"Unevictable: 13 kB\nMlocked: 14 kB\nSwapTotal: 15 kB\nSwapFree: 15 kB\n"
		"Zswap: 17 kB\nZswapped: 18 kB\nDirty: 19 kB\nWriteback: 20 kB\nAnonPages: 21 kB\n"
		"Mapped: 22 kB\nShmem: 23 kB\nKReclaimable: 24 kB\nSlab: 25 kB\n"
		"SReclaimable: 26 kB\nSUnreclaim: 27 kB\nKernelStack: 28 kB\nPageTables: 29 kB\n"
		"SecPageTables: 30 kB\nBounce: 31 kB\nVmallocUsed: 32 kB\nVmallocChunk: 0 kB\n"
		"Percpu: 33 kB\nBalloon: 34 kB\nGPUActive: 35 kB\nGPUReclaim: 36 kB\n"
		"HugePages_Total: 37\nHugePages_Free: 38\nHugepagesize: 39 kB\nHugetlb: 40 kB\n"
		"MemUsed: 41 kB\nFilePages: 42 kB\n";
	struct meminfo m;

	check_int(meminfo_parse(text, strlen(text), &m), 0);
	for (int key = 0; key < MEMINFO_COUNT_; key++)
		check(meminfo_has(&m, (enum meminfo_key)key));
	check_int(m.values[MEMINFO_SWAP_CACHED], 6 * 1024);
	check_int(m.values[MEMINFO_ACTIVE], 7 * 1024);
	check_int(m.values[MEMINFO_ACTIVE_FILE], 11 * 1024);
	check_int(m.values[MEMINFO_ZSWAP], 17 * 1024);
	check_int(m.values[MEMINFO_SLAB], 25 * 1024);
	check_int(m.values[MEMINFO_SEC_PAGE_TABLES], 30 * 1024);
	check_int(m.values[MEMINFO_PERCPU], 33 * 1024);
	check_int(m.values[MEMINFO_GPU_RECLAIM], 36 * 1024);
	check_int(m.values[MEMINFO_HUGE_FREE], 38);
	check_int(m.values[MEMINFO_FILE_PAGES], 42 * 1024);
}

TEST(every_line_of_vmstat_is_found)
{
	static const char text[] =
		"nr_free_pages 1\nnr_inactive_anon 2\nnr_active_anon 3\nnr_inactive_file 4\n"
		"nr_active_file 5\nnr_slab_reclaimable 6\nnr_slab_unreclaimable 7\n"
		"workingset_refault_anon 8\nworkingset_refault_file 9\nnr_anon_pages 10\n"
		"nr_dirty 11\nnr_writeback 12\nnr_writeback_temp 99\nnr_shmem 13\n"
		"nr_foll_pin_acquired 14\nnr_foll_pin_released 15\nnr_dirty_threshold 16\n"
		"nr_dirty_background_threshold 17\npswpin 18\npswpout 19\nallocstall_dma 1\n"
		"allocstall_dma32 2\nallocstall_normal 4\nallocstall_movable 8\n"
		"allocstall_device 5\npgmajfault 21\npgsteal_kswapd 22\npgsteal_direct 23\n"
		"pgsteal_khugepaged 24\npgsteal_proactive 25\npgscan_kswapd 26\npgscan_direct 27\n"
		"pgscan_khugepaged 28\npgscan_proactive 29\npgscan_direct_throttle 99\n"
		"pgscan_anon 99\npgsteal_anon 99\noom_kill 30\npgmigrate_success 31\n"
		"pgmigrate_fail 32\ncompact_stall 33\ncompact_fail 34\ncompact_success 35\n";
	struct vmstat v;

	check_int(vmstat_parse(text, strlen(text), &v), 0);
	for (int key = 0; key < VMSTAT_COUNT_; key++)
		check(vmstat_has(&v, (enum vmstat_key)key));
	check_int(v.values[VMSTAT_FREE_PAGES], 1);
	check_int(v.values[VMSTAT_REFAULT_ANON], 8);
	check_int(v.values[VMSTAT_REFAULT_FILE], 9);
	check_int(v.values[VMSTAT_WRITEBACK], 12);
	check_int(v.values[VMSTAT_DIRTY_THRESHOLD], 16);
	check_int(v.values[VMSTAT_DIRTY_BACKGROUND_THRESHOLD], 17);
	check_int(v.values[VMSTAT_ALLOCSTALL], 20);
	check_int(v.values[VMSTAT_PGSTEAL_KSWAPD], 22);
	check_int(v.values[VMSTAT_PGSTEAL_PROACTIVE], 25);
	check_int(v.values[VMSTAT_PGSCAN_DIRECT], 27);
	check_int(v.values[VMSTAT_PGSCAN_KHUGEPAGED], 28);
	check_int(v.values[VMSTAT_COMPACT_SUCCESS], 35);
	check(!v.reclaim_of_services);
}

/* 2.6.32: what kswapd got is a part of what all got, by zone. */
TEST(vmstat_of_el6)
{
	static const char text[] = "pgscan_kswapd_dma 1\npgscan_kswapd_normal 200\n"
				   "pgscan_direct_dma 0\npgscan_direct_normal 50\n"
				   "pgsteal_dma 10\npgsteal_dma32 0\npgsteal_normal 90\n"
				   "pgsteal_movable 0\nkswapd_steal 70\nallocstall 3\npswpin 4\n";
	struct vmstat v;

	check_int(vmstat_parse(text, strlen(text), &v), 0);
	check_int(v.values[VMSTAT_PGSTEAL_KSWAPD], 70);
	check_int(v.values[VMSTAT_PGSTEAL_DIRECT], 30);
	check_int(v.values[VMSTAT_PGSCAN_KSWAPD], 201);
	check_int(v.values[VMSTAT_PGSCAN_DIRECT], 50);
	check_int(v.values[VMSTAT_ALLOCSTALL], 3);
	check(!vmstat_has(&v, VMSTAT_REFAULT_FILE));
}

/* 3.15 to 5.8. */
TEST(one_refault_is_of_file_pages)
{
	static const char text[] = "workingset_refault 7\nworkingset_activate 3\noom_kill 0\n";
	struct vmstat v;

	check_int(vmstat_parse(text, strlen(text), &v), 0);
	check_int(v.values[VMSTAT_REFAULT_FILE], 7);
	check(!vmstat_has(&v, VMSTAT_REFAULT_ANON));
}

TEST(reclaim_among_the_gauges_is_of_services_too)
{
	static const char text[] = "pgsteal_direct 5\npgscan_direct 6\nnr_dirty_threshold 7\n";
	struct vmstat v;

	check_int(vmstat_parse(text, strlen(text), &v), 0);
	check(v.reclaim_of_services);
}
