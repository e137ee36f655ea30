/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * /proc/PID/maps, line by line (fs/proc/task_mmu.c), and /proc/PID/pagemap
 * (Documentation/admin-guide/mm/pagemap.rst). Reading either takes the target's mmap_lock: workers
 * only. Page frame numbers are hidden from readers without CAP_SYS_ADMIN, so only presence is taken
 * from pagemap; which node a page is on is asked of move_pages.
 */

#include "sys/line_reader.h"
#include "sys/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_map {
	uint64_t start;
	uint64_t end;
	bool readable;
	bool writable;
	bool shared;	  /* MAP_SHARED */
	uint64_t inode;	  /* 0: anonymous */
	struct span name; /* path or [heap], [stack], [vdso]; valid until the next line */
	bool special;	  /* [vdso], [vvar], [vsyscall]: the kernel's own pages, never moved */
};

/* 0 or -EINVAL. */
int proc_map_parse(struct span line, struct proc_map *ret);
/* 1 and the next mapping, 0 at the end, -errno. Lines that are not of the form are skipped. */
int proc_maps_next(struct line_reader *reader, struct proc_map *ret);

/* Is what a mapping of this name has memory without a disk: memfd_create(2), System V, shared
 * anonymous, and the tmpfs that guests' memory is kept in? */
bool proc_map_is_memory(struct span name);

#define PAGEMAP_PRESENT	  (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED	  (UINT64_C(1) << 62)
#define PAGEMAP_SHARED	  (UINT64_C(1) << 61) /* file page or shared anonymous, 3.5 */
#define PAGEMAP_EXCLUSIVE (UINT64_C(1) << 56) /* mapped once, 4.2 */
/* Not of the file, whose bits below 55 are of a page frame: sys/pagemap_scan.h tells these. */
#define PAGEMAP_HUGE (UINT64_C(1) << 0) /* of a huge page that is mapped as one */
#define PAGEMAP_ZERO (UINT64_C(1) << 1) /* the zero page */

/* Entries of `count` pages from `address` on (a multiple of page_size). Returns how many were read,
 * fewer at the end of the address space, or -errno; -ESRCH: the process is gone. */
ssize_t pagemap_read(int pagemap_fd, uint64_t address, uint64_t page_size, uint64_t *ret_entries,
		     size_t count);
