/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/memlock.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* A part of a program or library that is never written holds what its file holds, whether or not
 * its pages are mapped. (Relocated data, even if read-only afterwards, is in a writable part.) */
static int let_go(struct dl_phdr_info *info, size_t size, void *context)
{
	uintptr_t page = *(const uintptr_t *)context;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + part->p_vaddr, end = start + part->p_memsz;

		if (part->p_type != PT_LOAD || (part->p_flags & PF_W))
			continue;
		start &= ~(page - 1);
		end = (end + page - 1) & ~(page - 1);
		/* What cannot be let go of stays. */
		(void)madvise((void *)start, end - start, MADV_DONTNEED); /* NOLINT */
	}
	return 0;
}

/* glibc raises its threshold of 128 KiB to whatever was freed last, the buffers that read the
 * configuration, and then takes the pools of fixed size from the heap, written with zeroes. */
#define OWN_MAPPING_BYTES (32 * 1024)

void memlock_plan_heap(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
}

int memlock_on_fault(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	/* A locked page cannot be let go of. */
	(void)malloc_trim(0);
	(void)dl_iterate_phdr(let_go, &page);
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -errno : 0;
}
