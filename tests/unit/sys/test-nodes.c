/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fixture.h"
#include "sys/clock.h"
#include "sys/host_info.h"
#include "sys/nodes.h"
#include "sys/sysroot.h"
#include "test.h"
#include "zoneinfo-text.h"

#define NODE "sys/devices/system/node/"

static uint64_t pool_bytes(const struct sysroot *root, unsigned node)
{
	struct huge_pools pools = { 0 };

	(void)nodes_huge_pools(root, node, &pools);
	return pools.bytes;
}

TEST(ids_with_gaps_and_nodes_without_cpus)
{
	FIXTURE(f);
	struct sysroot root;
	struct nodes nodes;

	fixture_put(&f, NODE "online", "0,2,5\n");
	fixture_put(&f, NODE "has_memory", "0,5\n");
	fixture_put(&f, NODE "has_cpu", "0,2\n");
	fixture_put(&f, NODE "node0/distance", "10 21 17\n");
	fixture_put(&f, NODE "node5/distance", "17 40 10\n");
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(nodes_read(&root, &nodes), 0);
	check(nodes.numa);
	check_int(idset_count(&nodes.online), 3);
	check(idset_has(&nodes.has_memory, 5) && !idset_has(&nodes.has_memory, 2));
	check(!idset_has(&nodes.has_cpu, 5));
	check_int(nodes_distance(&root, &nodes, 0, 0), 10);
	check_int(nodes_distance(&root, &nodes, 0, 5), 17);
	check_int(nodes_distance(&root, &nodes, 5, 2), 40);
	check_int(nodes_distance(&root, &nodes, 0, 1), 0);
	check_int(nodes_distance(&root, &nodes, 2, 0), 0);
	sysroot_done(&root);
}

TEST(a_kernel_without_numa_is_node_0)
{
	FIXTURE(f);
	struct sysroot root;
	struct nodes nodes;

	fixture_put(&f, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "3\n");
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(nodes_read(&root, &nodes), 0);
	check(!nodes.numa);
	check_int(idset_count(&nodes.has_memory), 1);
	check(idset_has(&nodes.has_memory, 0) && idset_has(&nodes.has_cpu, 0));
	check_int(nodes_distance(&root, &nodes, 0, 0), 0);
	check_int(pool_bytes(&root, 0), 3 * 2048 * 1024);
	check_int(pool_bytes(&root, 1), 0);
	sysroot_done(&root);
}

TEST(older_kernels_name_memory_otherwise)
{
	FIXTURE(f);
	struct sysroot root;
	struct nodes nodes;

	fixture_put(&f, NODE "online", "0-1\n");
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(nodes_read(&root, &nodes), 0);
	check_int(idset_count(&nodes.has_memory), 2);
	check_int(idset_count(&nodes.has_cpu), 0);
	fixture_put(&f, NODE "has_normal_memory", "1\n");
	check_int(nodes_read(&root, &nodes), 0);
	check_int(idset_count(&nodes.has_memory), 1);
	fixture_put(&f, NODE "has_cpu", "\n");
	check_int(nodes_read(&root, &nodes), 0);
	check_int(idset_count(&nodes.has_cpu), 0);
	sysroot_done(&root);
}

TEST(lists_that_are_none_are_refused)
{
	FIXTURE(f);
	struct sysroot root;
	struct nodes nodes = { .numa = true };

	check_int(sysroot_open(f.directory, &root), 0);
	fixture_put(&f, NODE "online", "0-1");
	check_int(nodes_read(&root, &nodes), -EINVAL);
	fixture_put(&f, NODE "online", "all\n");
	check_int(nodes_read(&root, &nodes), -EINVAL);
	fixture_put(&f, NODE "online", "0-4096\n");
	check_int(nodes_read(&root, &nodes), -ERANGE);
	check(idset_is_empty(&nodes.online));
	sysroot_done(&root);
}

TEST(pools_of_all_sizes_count)
{
	FIXTURE(f);
	struct sysroot root;

	fixture_put(&f, NODE "node1/hugepages/hugepages-2048kB/nr_hugepages", "5\n");
	fixture_put(&f, NODE "node1/hugepages/hugepages-1048576kB/nr_hugepages", "2\n");
	fixture_put(&f, NODE "node1/hugepages/hugepages-64kB/nr_hugepages", "x\n");
	fixture_put(&f, NODE "node1/hugepages/hugepages-99999999999999999999kB/nr_hugepages",
		    "1\n");
	fixture_put(&f, NODE "node1/hugepages/other/nr_hugepages", "1\n");
	fixture_put(&f, NODE "node1/hugepages/hugepages-kB/nr_hugepages", "1\n");
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(pool_bytes(&root, 1), INT64_C(5) * 2048 * 1024 + INT64_C(2) * 1048576 * 1024);
	sysroot_done(&root);
}

TEST(promised_pages_are_of_the_whole_host)
{
	FIXTURE(f);
	struct sysroot root;
	struct huge_pools pools;

	fixture_put(&f, NODE "node1/hugepages/hugepages-2048kB/nr_hugepages", "5\n");
	fixture_put(&f, NODE "node1/hugepages/hugepages-2048kB/free_hugepages", "4\n");
	check_int(sysroot_open(f.directory, &root), 0);
	check_int(nodes_huge_pools(&root, 1, &pools), 0);
	check_int(pools.pages_free, 4);
	check_int(pools.pages_reserved, 0); /* nobody says */
	fixture_put(&f, "sys/kernel/mm/hugepages/hugepages-1048576kB/resv_hugepages", "1\n");
	fixture_put(&f, "sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "3\n");
	check_int(nodes_huge_pools(&root, 1, &pools), 0);
	check_int(pools.pages_reserved, 3);
	sysroot_done(&root);
}

TEST(distance_rows)
{
	uint8_t row[2];

	check_int(nodes_parse_distances("10 20 255\n", 10, row, 2), 3);
	check_int(row[1], 20);
	check_int(nodes_parse_distances("10 256\n", 7, row, 2), -EINVAL);
	check_int(nodes_parse_distances("10 x\n", 5, row, 2), -EINVAL);
	check_int(nodes_parse_distances("10 20", 5, row, 2), -EINVAL);
	check_int(nodes_parse_distances("\n", 1, row, 2), 0);
}

TEST(a_captured_host)
{
	FIXTURE(f);
	struct sysroot root;
	struct host_info info;
	char id[BOOT_ID_BYTES] = "";

	check_int(sysroot_open(f.directory, &root), 0);
	host_info_read(&root, &info);
	check_int(info.page_size_bytes, 4096);
	check_int(info.cpu_count, 1);
	check_int(info.panic_on_oom, 0);

	/* 3840 + 116718 + 128872 managed pages */
	fixture_put(&f, "proc/zoneinfo", zoneinfo_6_1);
	fixture_put(&f, "proc/meminfo", "MemTotal:       997720 kB\n");
	fixture_put(&f, "sys/devices/system/cpu/online", "0-3,8,1030-1031\n");
	fixture_put(&f, "proc/sys/vm/panic_on_oom", "2\n");
	fixture_put(&f, "proc/sys/kernel/numa_balancing", "1\n");
	host_info_read(&root, &info);
	check_int(info.page_size_bytes, 4096);
	check_int(info.cpu_count, 7);
	check_int(info.panic_on_oom, 2);
	check_int(info.numa_balancing, 1);

	fixture_put(&f, "proc/meminfo", "MemTotal:       15963520 kB\n");
	host_info_read(&root, &info);
	check_int(info.page_size_bytes, 65536);
	/* A container's meminfo, which has nothing to do with the host's zones. */
	fixture_put(&f, "proc/meminfo", "MemTotal:       524288 kB\n");
	host_info_read(&root, &info);
	check_int(info.page_size_bytes, 4096);

	fixture_put(&f, "sys/devices/system/cpu/online", "3-1\n");
	host_info_read(&root, &info);
	/* Not a list: zoneinfo has two CPUs. */
	check_int(info.cpu_count, 2);
	fixture_put(&f, "sys/devices/system/cpu/online", "0-99999999999\n");
	host_info_read(&root, &info);
	check_int(info.cpu_count, 2);

	check_int(clock_read_boot_id(&root, id), -ENOENT);
	fixture_put(&f, "proc/sys/kernel/random/boot_id", "not-an-id\n");
	check_int(clock_read_boot_id(&root, id), -EINVAL);
	check_str(id, "");
	fixture_put(&f, "proc/sys/kernel/random/boot_id", "01234567-89ab-cdef-0123-456789abcdef\n");
	check_int(clock_read_boot_id(&root, id), 0);
	check_str(id, "01234567-89ab-cdef-0123-456789abcdef");
	sysroot_done(&root);
}

TEST(the_release_of_a_captured_kernel)
{
	FIXTURE(f);
	struct sysroot root;
	char release[16] = "-";

	check_int(sysroot_open(f.directory, &root), 0);
	check_int(host_info_release(&root, release, sizeof(release)), -ENOENT);
	fixture_put(&f, "proc/sys/kernel/osrelease", "\n");
	check_int(host_info_release(&root, release, sizeof(release)), -EINVAL);
	fixture_put(&f, "proc/sys/kernel/osrelease", "6.1\033[31m\n");
	check_int(host_info_release(&root, release, sizeof(release)), -EINVAL);
	fixture_put(&f, "proc/sys/kernel/osrelease", "6.1.0-41-amd64-long\n");
	check_int(host_info_release(&root, release, sizeof(release)), -ENAMETOOLONG);
	check_str(release, "-");
	fixture_put(&f, "proc/sys/kernel/osrelease", "6.1.0-41-amd64\n");
	check_int(host_info_release(&root, release, sizeof(release)), 0);
	check_str(release, "6.1.0-41-amd64");
	sysroot_done(&root);
}

TEST(this_machine)
{
	struct sysroot root;
	struct host_info info;
	usec_t before = clock_monotonic_usec();

	check_int(sysroot_open(NULL, &root), 0);
	host_info_read(&root, &info);
	check_int(info.page_size_bytes, sysconf(_SC_PAGESIZE));
	check(info.cpu_count >= 1);
	check(clock_monotonic_usec() >= before);
	check(clock_boottime_usec() >= before);
	sysroot_done(&root);
}
