/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * PAGEMAP_SCAN, the ioctl(2) of /proc/PID/pagemap that tells ranges of pages by what they are
 * (6.7): include/uapi/linux/fs.h, fs/proc/task_mmu.c, Documentation/admin-guide/mm/pagemap.rst.
 * Beside what the file itself tells it knows huge pages that are mapped as such, and the zero page,
 * and goes past what is not mapped without an entry for each page. Takes the target's mmap_lock, as
 * long as it needs for the pages it finds: workers only.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* struct page_region and struct pm_scan_arg of the kernel, which older headers lack. */
struct pagemap_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct pagemap_scan_request {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end; /* the kernel's: up to here it has looked */
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

/* PAGE_IS_... of the kernel. */
#define PAGEMAP_REGION_FILE    (UINT64_C(1) << 2)
#define PAGEMAP_REGION_PRESENT (UINT64_C(1) << 3)
#define PAGEMAP_REGION_SWAPPED (UINT64_C(1) << 4)
#define PAGEMAP_REGION_ZERO    (UINT64_C(1) << 5)
#define PAGEMAP_REGION_HUGE    (UINT64_C(1) << 6)

/* 1: this kernel has it; 0: it has not, or what confines us refuses it. */
int pagemap_scan_probe(int pagemap_fd);

/* The next present or swapped pages from `start` on and below `end`, both multiples of the page
 * size: at most `pages` of them, in at most `count` regions, in order. Their number; 0: there are
 * none up to `end`; -ESRCH: the process is gone; other -errno. */
ssize_t pagemap_scan(int pagemap_fd, uint64_t start, uint64_t end, uint64_t pages,
		     struct pagemap_region *ret_regions, size_t count);

/* Pure: the entries of `count` pages from `address` on as pagemap has them (PAGEMAP_PRESENT and
 * others of sys/proc_maps.h), with PAGEMAP_HUGE and PAGEMAP_ZERO. */
void pagemap_region_entries(const struct pagemap_region *regions, size_t region_count,
			    uint64_t address, uint64_t page_size, uint64_t *ret_entries,
			    size_t count);
