/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the kernel tells of ranges of pages, against the entries of pagemap and against what is
 * known of memory of our own; and that memory itself, where it was to be.
 */

#include "fixture.h"
#include "sys/buddyinfo.h"
#include "sys/move_pages.h"
#include "sys/own_memory.h"
#include "sys/pagemap_scan.h"
#include "sys/proc_maps.h"
#include "sys/proc_pid.h"
#include "sys/psi.h"
#include "sys/sysroot.h"
#include "test.h"

#include <errno.h>
#include <sys/mman.h>

#define PAGE UINT64_C(4096)
#define MIB  (UINT64_C(1) << 20)

TEST(regions_as_entries)
{
	static const struct pagemap_region regions[] = {
		{ 8 * PAGE, 12 * PAGE, PAGEMAP_REGION_PRESENT },
		{ 12 * PAGE, 13 * PAGE, PAGEMAP_REGION_SWAPPED },
		{ 14 * PAGE, 16 * PAGE, PAGEMAP_REGION_PRESENT | PAGEMAP_REGION_FILE },
		{ 17 * PAGE, 18 * PAGE, PAGEMAP_REGION_PRESENT | PAGEMAP_REGION_ZERO },
		{ 18 * PAGE, 99 * PAGE, PAGEMAP_REGION_PRESENT | PAGEMAP_REGION_HUGE },
	};
	uint64_t entries[10];

	pagemap_region_entries(regions, ARRAY_SIZE(regions), 10 * PAGE, PAGE, entries, 10);
	check(entries[0] == PAGEMAP_PRESENT);
	check(entries[1] == PAGEMAP_PRESENT);
	check(entries[2] == PAGEMAP_SWAPPED);
	check_int(entries[3], 0);
	check(entries[4] == (PAGEMAP_PRESENT | PAGEMAP_SHARED));
	check(entries[5] == (PAGEMAP_PRESENT | PAGEMAP_SHARED));
	check_int(entries[6], 0);
	check(entries[7] == (PAGEMAP_PRESENT | PAGEMAP_ZERO));
	check(entries[8] == (PAGEMAP_PRESENT | PAGEMAP_HUGE));
	check(entries[9] == (PAGEMAP_PRESENT | PAGEMAP_HUGE));

	/* All of them before or after. */
	pagemap_region_entries(regions, 1, 12 * PAGE, PAGE, entries, 2);
	check_int(entries[0] | entries[1], 0);
	pagemap_region_entries(regions, 1, 6 * PAGE, PAGE, entries, 2);
	check_int(entries[0] | entries[1], 0);
	pagemap_region_entries(NULL, 0, 6 * PAGE, PAGE, entries, 2);
	check_int(entries[0] | entries[1], 0);
}

TEST(what_cannot_be_scanned)
{
	struct pagemap_region regions[4];
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	check_int(pagemap_scan_probe(fd), 0);
	check_int(pagemap_scan_probe(-1), 0);
	check(pagemap_scan(fd, 0, MIB, 16, regions, 4) < 0);
	check_int(pagemap_scan(fd, 0, MIB, 0, regions, 4), -EINVAL);
	check_int(pagemap_scan(fd, 0, MIB, 16, regions, 0), -EINVAL);
	close(fd);
}

static struct sysroot root;

static int open_own(void)
{
	int pid_fd, fd;

	check_int(sysroot_open(NULL, &root), 0);
	pid_fd = proc_pid_open(&root, getpid());
	check(pid_fd >= 0);
	fd = proc_pid_open_file(pid_fd, "pagemap", O_RDONLY);
	check(fd >= 0);
	close(pid_fd);
	if (pagemap_scan_probe(fd) == 0)
		test_skip("this kernel has no PAGEMAP_SCAN");
	return fd;
}

TEST(the_kernel_tells_what_is_there)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct pagemap_region regions[8];
	int fd = open_own();
	char *memory =
		mmap(NULL, 64 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start = (uintptr_t)memory, end = start + 64 * page, entries[64], flat[64];
	ssize_t n;

	check(memory != MAP_FAILED);
	check_int(madvise(memory, 64 * page, MADV_NOHUGEPAGE), 0);
	check_int(pagemap_scan(fd, start, end, 64, regions, 8), 0);
	memset(memory + 3 * page, 1, 5 * page);
	memset(memory + 20 * page, 1, page);
	/* Read and never written: the zero page. */
	check_int(((volatile char *)memory)[40 * page], 0);
	n = pagemap_scan(fd, start, end, 64, regions, 8);
	check_int(n, 3);
	check(regions[0].start == start + 3 * page && regions[0].end == start + 8 * page);
	check(regions[1].start == start + 20 * page);
	check(regions[2].categories & PAGEMAP_REGION_ZERO);
	pagemap_region_entries(regions, (size_t)n, start, page, entries, 64);
	check_int(pagemap_read(fd, start, page, flat, 64), 64);
	for (size_t i = 0; i < 64; i++)
		check((entries[i] & PAGEMAP_PRESENT) == (flat[i] & PAGEMAP_PRESENT));
	/* At most so many pages; and from the middle on. */
	check_int(pagemap_scan(fd, start, end, 2, regions, 8), 1);
	check(regions[0].end == start + 5 * page);
	check_int(pagemap_scan(fd, start + 9 * page, end, 64, regions, 1), 1);
	check(regions[0].start == start + 20 * page);
	munmap(memory, 64 * page);
	close(fd);
	sysroot_done(&root);
}

TEST(huge_pages_are_told)
{
	struct pagemap_region region;
	int fd = open_own();
	char *memory =
		mmap(NULL, 6 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start;
	ssize_t n;

	check(memory != MAP_FAILED);
	start = ((uintptr_t)memory + 2 * MIB - 1) & ~(2 * MIB - 1);
	if (sysconf(_SC_PAGESIZE) != 4096 ||
	    madvise((void *)(uintptr_t)start, 2 * MIB, MADV_HUGEPAGE) < 0)
		test_skip("no huge pages of 2 MiB here");
	memset((void *)(uintptr_t)start, 1, PAGE);
	n = pagemap_scan(fd, start, start + 2 * MIB, 512, &region, 1);
	check_int(n, 1);
	if (!(region.categories & PAGEMAP_REGION_HUGE))
		test_skip("the kernel gave no huge page");
	check(region.start == start && region.end == start + 2 * MIB);
	check_int(munmap(memory, 6 * MIB), 0);
	close(fd);
	sysroot_done(&root);
}

TEST(own_memory_is_where_it_was_to_be)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct own_memory memory;
	void *pages[16];
	int status[16], r;

	check_int(sysroot_open(NULL, &root), 0);
	r = own_memory_take(&root, 0, 16 * page, &memory);
	if (r == -ENOSYS || r == -EPERM)
		test_skip("no memory policies here");
	check_int(r, 0);
	for (size_t i = 0; i < 16; i++)
		pages[i] = (char *)memory.pages + i * page;
	r = move_pages_query(&root, getpid(), pages, 16, status);
	if (r == 0)
		for (size_t i = 0; i < 16; i++)
			check_int(status[i], 0);
	own_memory_done(&memory);
	check(!memory.pages);
	own_memory_done(&memory);
	check_int(own_memory_take(&root, 100000, page, &memory), -EINVAL);
	check_int(own_memory_take(&root, 0, 0, &memory), -EINVAL);
	root.live = false;
	check_int(own_memory_take(&root, 0, page, &memory), -EROFS);
	sysroot_done(&root);
}

static int blocks_of(const char *text, unsigned node, unsigned order, uint64_t *ret)
{
	struct fixture f;
	int fd, r;

	fixture_init(&f);
	fixture_put(&f, "proc/buddyinfo", text);
	check_int(sysroot_open(f.directory, &root), 0);
	fd = buddyinfo_open(&root);
	check(fd >= 0);
	/* A descriptor is kept and read again. */
	(void)buddyinfo_read_blocks(fd, node, order, ret);
	r = buddyinfo_read_blocks(fd, node, order, ret);
	close(fd);
	sysroot_done(&root);
	fixture_done(&f);
	return r;
}

TEST(blocks_of_a_node)
{
	const char *text = "Node 0, zone      DMA      1      0      2      3 \n"
			   "Node 0, zone    DMA32      9      9      5      0 \n"
			   "Node 1, zone   Normal   4096      1      0      0 \n"
			   "Node 2, zone   Normal      7\n";
	uint64_t blocks = 0;

	check_int(blocks_of(text, 0, 2, &blocks), 0);
	check_int(blocks, 2 + 3 * 2 + 5);
	check_int(blocks_of(text, 0, 3, &blocks), 0);
	check_int(blocks, 3);
	check_int(blocks_of(text, 1, 2, &blocks), 0);
	check_int(blocks, 0);
	check_int(blocks_of(text, 2, 2, &blocks), -ENODATA);
	check_int(blocks_of(text, 3, 2, &blocks), -ENODATA);
	check_int(blocks_of("", 0, 2, &blocks), -ENODATA);
}

TEST(pressure_by_descriptor)
{
	struct fixture f;
	struct psi psi;
	int fd;

	fixture_init(&f);
	fixture_put(&f, "proc/pressure/cpu", "some avg10=1.50 avg60=0.00 avg300=0.00 total=77\n");
	fixture_put(&f, "proc/pressure/memory", "none\n");
	check_int(sysroot_open(f.directory, &root), 0);
	fd = psi_open(&root, "cpu");
	check_int(psi_read(fd, &psi), 0);
	check_int(psi_read(fd, &psi), 0);
	check_int(psi.some.avg10, 150);
	check_int(psi.some.total_usec, 77);
	close(fd);
	fd = psi_open(&root, "memory");
	check_int(psi_read(fd, &psi), -EINVAL);
	close(fd);
	check_int(psi_read(-1, &psi), -EBADF);
	sysroot_done(&root);
	fixture_done(&f);
}
