/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/meminfo.h"
#include "sys/sysroot.h"
#include "sys/vmstat.h"
#include "test.h"

static int parse_meminfo(const char *text, struct meminfo *ret)
{
	return meminfo_parse(text, strlen(text), ret);
}

static int parse_vmstat(const char *text, struct vmstat *ret)
{
	return vmstat_parse(text, strlen(text), ret);
}

TEST(host_meminfo_is_in_bytes)
{
	struct meminfo m;

	check_int(parse_meminfo("MemTotal:       32495256 kB\n"
				"MemFree:          100000 kB\n"
				"MemAvailable:   21777088 kB\n"
				"Active(file):       2000 kB\n"
				"SwapTotal:       8388604 kB\n"
				"SwapFree:           7604 kB\n"
				"HugePages_Total:       8\n"
				"Hugepagesize:       2048 kB\n",
				&m),
		  0);
	check_int(m.values[MEMINFO_TOTAL], 33275142144);
	check_int(m.values[MEMINFO_AVAILABLE], INT64_C(21777088) * 1024);
	check_int(m.values[MEMINFO_SWAP_TOTAL], 8589930496);
	check_int(m.values[MEMINFO_SWAP_TOTAL] - m.values[MEMINFO_SWAP_FREE], 8582144000);
	check_int(m.values[MEMINFO_ACTIVE_FILE], 2000 * 1024);
	check_int(m.values[MEMINFO_HUGE_TOTAL], 8);
	check_int(m.values[MEMINFO_HUGE_PAGE_SIZE], 2048 * 1024);
	check(!meminfo_has(&m, MEMINFO_INACTIVE_FILE));
	check_int(m.rejected, 0);
}

TEST(node_meminfo_has_a_prefix)
{
	struct meminfo m;

	check_int(parse_meminfo("Node 17 MemTotal:         482232 kB\n"
				"Node 17 MemFree:          369224 kB\n"
				"Node 17 MemUsed:          113008 kB\n"
				"Node 17 SReclaimable:      10628 kB\n"
				"Node 17 HugePages_Total:     3\n",
				&m),
		  0);
	check_int(m.values[MEMINFO_FREE], 369224 * 1024);
	check_int(m.values[MEMINFO_USED], 113008 * 1024);
	check_int(m.values[MEMINFO_SLAB_RECLAIMABLE], 10628 * 1024);
	check_int(m.values[MEMINFO_HUGE_TOTAL], 3);
	check(!meminfo_has(&m, MEMINFO_AVAILABLE));
}

TEST(what_cannot_be_is_dropped_and_counted)
{
	struct meminfo m;

	check_int(parse_meminfo("MemTotal: 1000 kB\nMemFree: 1001 kB\nMemAvailable: 2000 kB\n"
				"SwapTotal: 0 kB\nSwapFree: 1 kB\n",
				&m),
		  0);
	check(meminfo_has(&m, MEMINFO_TOTAL));
	check(meminfo_has(&m, MEMINFO_SWAP_TOTAL));
	check(!meminfo_has(&m, MEMINFO_FREE));
	check(!meminfo_has(&m, MEMINFO_AVAILABLE));
	check(!meminfo_has(&m, MEMINFO_SWAP_FREE));
	check_int(m.rejected, 3);
}

TEST(lines_of_another_form_are_left_out)
{
	struct meminfo m = { .rejected = 99 };

	check_int(parse_meminfo("MemTotal: 1000 kB\nMemFree: 5 kB or so\nBuffers: 7\n"
				"Cached: -1 kB\nDirty: 18014398509481984 kB\n"
				"Writeback: 99999999999999999999 kB\nShmem: 3 MB\nMemTotal: 1 kB\n",
				&m),
		  0);
	check_int(m.present, 1u << MEMINFO_TOTAL);
	check_int(m.values[MEMINFO_TOTAL], 1000 * 1024);
	m.rejected = 99;
	check_int(parse_meminfo("", &m), -EINVAL);
	check_int(parse_meminfo("MemFree: 5 kB\n", &m), -EINVAL);
	check_int(parse_meminfo("MemTotal: 5 kB", &m), -EINVAL);
	check_int(m.rejected, 99);
}

TEST(vmstat_by_name)
{
	struct vmstat v;

	check_int(parse_vmstat("nr_free_pages 5\nnr_zone_active_file 9\nnr_active_file 6\n"
			       "nr_dirty_threshold 12\nnr_dirty 3\nallocstall_dma 1\n"
			       "allocstall_dma32 0\nallocstall_normal 20\nallocstall_movable 300\n"
			       "pgscan_direct 7\npgscan_direct_throttle 1000\npgmigrate_success 8\n"
			       "oom_kill 2\n",
			       &v),
		  0);
	check_int(v.values[VMSTAT_FREE_PAGES], 5);
	check_int(v.values[VMSTAT_ACTIVE_FILE], 6);
	check_int(v.values[VMSTAT_DIRTY], 3);
	check_int(v.values[VMSTAT_ALLOCSTALL], 321);
	check_int(v.values[VMSTAT_PGSCAN_DIRECT], 7);
	check_int(v.values[VMSTAT_PGMIGRATE_SUCCESS], 8);
	check_int(v.values[VMSTAT_OOM_KILL], 2);
	check(!vmstat_has(&v, VMSTAT_WRITEBACK));
	check(!vmstat_has(&v, VMSTAT_PGSCAN_KSWAPD));
}

TEST(vmstat_of_older_kernels_is_summed_by_zone)
{
	struct vmstat v;

	check_int(
		parse_vmstat("pgscan_kswapd_dma 1\npgscan_kswapd_normal 2\npgscan_direct_normal 4\n"
			     "pgscan_direct_movable 8\npgscan_direct_throttle 16\nallocstall 5\n",
			     &v),
		0);
	check_int(v.values[VMSTAT_PGSCAN_KSWAPD], 3);
	check_int(v.values[VMSTAT_PGSCAN_DIRECT], 12);
	check_int(v.values[VMSTAT_ALLOCSTALL], 5);
	check(!vmstat_has(&v, VMSTAT_OOM_KILL));
}

TEST(a_sum_that_was_cut_is_not_there)
{
	struct vmstat v;

	check_int(parse_vmstat("oom_kill 1\nallocstall_dma 1\nallocstall_normal 20\n", &v), 0);
	check(!vmstat_has(&v, VMSTAT_ALLOCSTALL));
	check_int(v.values[VMSTAT_ALLOCSTALL], 0);
	check(vmstat_has(&v, VMSTAT_OOM_KILL));
}

TEST(vmstat_of_another_form)
{
	struct vmstat v;

	check_int(parse_vmstat("", &v), -EINVAL);
	check_int(parse_vmstat("oom_kill 1", &v), -EINVAL);
	check_int(parse_vmstat("oom_kill -1\noom_kill 1 2\noom_kill x\noom_kill\n", &v), -EINVAL);
	check_int(
		parse_vmstat("allocstall_dma 18446744073709551615\nallocstall_normal 5\nx 1\n", &v),
		0);
	check(v.values[VMSTAT_ALLOCSTALL] == UINT64_MAX);
}

TEST(without_node_directories_node_0_is_the_machine)
{
	FIXTURE(f);
	struct sysroot root;
	int fd;

	fixture_put(&f, "proc/meminfo", "MemTotal: 1 kB\n");
	fixture_put(&f, "proc/vmstat", "oom_kill 1\n");
	check_int(sysroot_open(f.directory, &root), 0);
	fd = meminfo_open_node(&root, 0);
	check(fd >= 0);
	close(fd);
	fd = vmstat_open_node(&root, 0);
	check(fd >= 0);
	close(fd);
	check_int(meminfo_open_node(&root, 1), -ENOENT);

	fixture_put(&f, "sys/devices/system/node/node2/meminfo", "Node 2 MemTotal: 1 kB\n");
	check_int(meminfo_open_node(&root, 0), -ENOENT);
	check_int(vmstat_open_node(&root, 2), -ENOENT);
	fd = meminfo_open_node(&root, 2);
	check(fd >= 0);
	close(fd);
	fd = vmstat_open(&root);
	check(fd >= 0);
	close(fd);
	fd = meminfo_open(&root);
	check(fd >= 0);
	close(fd);
	sysroot_done(&root);
}

/* Of a node that has run for weeks: what is not in use is cache. */
TEST(room_is_free_memory_and_clean_cache)
{
	static const struct {
		const char *text;
		int r;
		uint64_t kib;
	} cases[] = {
		{ "Node 1 MemTotal: 8000000 kB\nNode 1 MemFree: 90000 kB\n"
		  "Node 1 Active(file): 1000000 kB\nNode 1 Inactive(file): 3000000 kB\n"
		  "Node 1 Dirty: 20000 kB\nNode 1 Writeback: 4000 kB\n",
		  0, 90000 + 1000000 + 3000000 - 20000 - 4000 },
		/* More dirty than there are pages of files: counters of different moments. */
		{ "Node 1 MemTotal: 8000000 kB\nNode 1 MemFree: 90000 kB\n"
		  "Node 1 Inactive(file): 100 kB\nNode 1 Dirty: 20000 kB\n",
		  0, 90000 },
		{ "Node 1 MemTotal: 8000000 kB\nNode 1 MemFree: 90000 kB\n", 0, 90000 },
		{ "Node 1 MemTotal: 8000000 kB\nNode 1 Inactive(file): 100 kB\n", -ENODATA, 0 },
	};
	char path[] = "/tmp/oomwarden-meminfo-XXXXXX";
	int fd = mkstemp(path);

	check(fd >= 0);
	unlink(path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = 0;

		check_int(ftruncate(fd, 0), 0);
		check_int(pwrite(fd, cases[i].text, strlen(cases[i].text), 0),
			  (long long)strlen(cases[i].text));
		check_int(meminfo_read_room(fd, &bytes), cases[i].r);
		check_int(bytes, cases[i].kib * 1024);
	}
	close(fd);
}
