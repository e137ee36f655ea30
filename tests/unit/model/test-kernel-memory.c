/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "model/kernel_memory.h"
#include "util/macro.h"

#define MIB  (UINT64_C(1) << 20)
#define GIB  (UINT64_C(1) << 30)
#define HOUR (60 * USEC_PER_MIN)

static struct kernel_memory_finding found[8];

static size_t find(struct kernel_memory_input *input, const struct kernel_memory_part *parts,
		   size_t count)
{
	input->parts = parts;
	input->part_count = count;
	return kernel_memory_find(input, found, ARRAY_SIZE(found));
}

/* A build hub of 4 GB that dies every few days, no process of which explains it: 2.5 GB of
 * nfs_inode_cache. Its kernel estimates no available memory. */
TEST(a_cache_of_inodes_and_no_process)
{
	struct kernel_memory_input hub = {
		.total_bytes = 4 * GIB,
		.free_bytes = 300 * MIB,
		.file_bytes = 250 * MIB,
	};
	const struct kernel_memory_part parts[] = {
		{ KERNEL_MEMORY_SLAB, .bytes = 2750 * MIB },
		{ KERNEL_MEMORY_CACHE, "nfs_inode_cache", .bytes = 2500 * MIB, .growth_known = true,
		  .growth_bytes = 60 * (int64_t)MIB, .growth_usec = HOUR },
		{ KERNEL_MEMORY_CACHE, "dentry", .bytes = 120 * MIB },
		{ KERNEL_MEMORY_PAGE_TABLES, .bytes = 30 * MIB },
	};

	check_int(find(&hub, parts, ARRAY_SIZE(parts)), 1);
	check_str(found[0].part->name, "nfs_inode_cache");
	check(found[0].holds);
	check_int(found[0].bytes, 2500 * MIB);
	/* Of the 3,546 MiB that are neither free nor page cache. */
	check_int(found[0].spent_permyriad, 7050);
	/* 550 MiB are left, and an hour takes 60. */
	check(found[0].grows);
	check_int(found[0].time_to_empty / USEC_PER_MIN, 550);
	check_int(found[0].growth_bytes_per_sec, 60 * MIB / 3600);
}

TEST(a_healthy_host_has_no_finding)
{
	struct kernel_memory_input host = {
		.total_bytes = 64 * GIB,
		.free_bytes = 10 * GIB,
		.file_bytes = 20 * GIB,
		.available_known = true,
		.available_bytes = 30 * GIB,
	};
	/* An idle one has little else than the kernel's own. */
	struct kernel_memory_input idle = {
		.total_bytes = 64 * GIB,
		.free_bytes = 60 * GIB,
		.file_bytes = 2 * GIB,
		.available_known = true,
		.available_bytes = 61 * GIB,
	};
	const struct kernel_memory_part parts[] = {
		{ KERNEL_MEMORY_SLAB, .bytes = 1500 * MIB },
		{ KERNEL_MEMORY_CACHE, "dentry", .bytes = 900 * MIB, .growth_known = true,
		  .growth_bytes = -10, .growth_usec = HOUR },
		{ KERNEL_MEMORY_VMALLOC, .bytes = 200 * MIB, .growth_known = true,
		  .growth_bytes = (int64_t)MIB, .growth_usec = HOUR },
		{ KERNEL_MEMORY_UNACCOUNTED, .bytes = 800 * MIB },
	};

	check_int(find(&host, parts, ARRAY_SIZE(parts)), 0);
	check_int(find(&idle, parts, ARRAY_SIZE(parts)), 0);
}

TEST(what_grows_comes_first_and_explains_the_fall)
{
	struct kernel_memory_input host = {
		.total_bytes = 16 * GIB,
		.free_bytes = GIB,
		.file_bytes = GIB,
		.available_known = true,
		.available_bytes = 2 * GIB,
		.fall_bytes_per_sec = MIB,
	};
	struct kernel_memory_part parts[] = {
		{ KERNEL_MEMORY_PAGE_TABLES, .bytes = 6 * GIB },
		{ KERNEL_MEMORY_UNACCOUNTED, .bytes = 512 * MIB, .growth_known = true,
		  .growth_bytes = 480 * (int64_t)MIB, .growth_usec = 10 * USEC_PER_MIN },
	};

	check_int(find(&host, parts, ARRAY_SIZE(parts)), 2);
	check_int(found[0].part->kind, KERNEL_MEMORY_UNACCOUNTED);
	check(found[0].grows && !found[0].holds && found[0].explains_fall);
	/* 2 GiB at 48 MiB a minute. */
	check_int(found[0].time_to_empty / USEC_PER_SEC, 2560);
	check_int(found[1].part->kind, KERNEL_MEMORY_PAGE_TABLES);
	check(!found[1].grows && found[1].holds && !found[1].explains_fall);

	/* Something else takes most of it. */
	host.fall_bytes_per_sec = 100 * MIB;
	find(&host, parts, ARRAY_SIZE(parts));
	check(!found[0].explains_fall);
	/* A minute may be a cache that warms up. */
	parts[1].growth_usec = USEC_PER_MIN;
	check_int(find(&host, parts, ARRAY_SIZE(parts)), 1);
}

TEST(all_caches_together_when_it_is_none_of_them)
{
	struct kernel_memory_input host = { .total_bytes = 16 * GIB,
					    .free_bytes = GIB,
					    .file_bytes = 3 * GIB };
	const struct kernel_memory_part parts[] = {
		{ KERNEL_MEMORY_SLAB, .bytes = 8 * GIB },
		{ KERNEL_MEMORY_CACHE, "a", .bytes = GIB },
		{ KERNEL_MEMORY_CACHE, "b", .bytes = GIB },
	};

	check_int(find(&host, parts, ARRAY_SIZE(parts)), 1);
	check_int(found[0].part->kind, KERNEL_MEMORY_SLAB);
}

/* 30 GiB of ARC that shrinks to 4: the rest is no loss, and it is no driver's leak either. */
TEST(the_arc_gives_way)
{
	struct kernel_memory_input host = {
		.total_bytes = 64 * GIB,
		.free_bytes = 4 * GIB,
		.file_bytes = 2 * GIB,
		.available_known = true,
		.available_bytes = 5 * GIB,
	};
	struct kernel_memory_part parts[] = {
		{ KERNEL_MEMORY_ARC, .bytes = 30 * GIB, .reclaimable_bytes = 26 * GIB,
		  .growth_known = true, .growth_bytes = 5 * (int64_t)GIB, .growth_usec = HOUR },
		{ KERNEL_MEMORY_UNACCOUNTED, .bytes = 31 * GIB, .growth_known = true,
		  .growth_bytes = 5 * (int64_t)GIB, .growth_usec = HOUR },
	};

	check_int(find(&host, parts, ARRAY_SIZE(parts)), 0);
	/* The same without ZFS is a driver's. */
	parts[0].bytes = parts[0].reclaimable_bytes = 0;
	check_int(find(&host, parts, ARRAY_SIZE(parts)), 1);
	check(found[0].holds && found[0].grows);
	check_int(found[0].part->kind, KERNEL_MEMORY_UNACCOUNTED);
	check_int(found[0].time_to_empty / USEC_PER_MIN, 60);
}

TEST(the_worst_are_kept_where_there_is_little_room)
{
	struct kernel_memory_input host = {
		.total_bytes = 16 * GIB,
		.available_known = true,
		.available_bytes = GIB,
	};
	const struct kernel_memory_part parts[] = {
		{ KERNEL_MEMORY_PERCPU, .bytes = 4 * GIB },
		{ KERNEL_MEMORY_ZRAM, .bytes = 6 * GIB },
		{ KERNEL_MEMORY_STACKS, .bytes = GIB, .growth_known = true,
		  .growth_bytes = (int64_t)GIB, .growth_usec = HOUR },
		{ KERNEL_MEMORY_VMALLOC, .bytes = 5 * GIB },
	};
	struct kernel_memory_finding two[2];

	host.parts = parts;
	host.part_count = ARRAY_SIZE(parts);
	check_int(kernel_memory_find(&host, two, 2), 4);
	check_int(two[0].part->kind, KERNEL_MEMORY_STACKS);
	check_int(two[1].part->kind, KERNEL_MEMORY_ZRAM);
	check_int(kernel_memory_find(&host, NULL, 0), 4);
}

TEST(numbers_that_cannot_be)
{
	struct kernel_memory_input none = { 0 };
	struct kernel_memory_input odd = { .total_bytes = 1, .free_bytes = 2, .file_bytes = 3 };
	const struct kernel_memory_part part = {
		KERNEL_MEMORY_VMALLOC,	   .bytes = UINT64_MAX,	      .growth_known = true,
		.growth_bytes = INT64_MAX, .growth_usec = UINT64_MAX,
	};

	check_int(find(&none, NULL, 0), 0);
	check_int(find(&odd, &part, 1), 1);
	check_int(found[0].spent_permyriad, 0);
}
