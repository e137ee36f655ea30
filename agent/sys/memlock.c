/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sys/memlock.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#define PARTS_MAX 128

struct parts {
	uintptr_t page_bytes;
	size_t count;
	struct {
		uintptr_t start;
		uintptr_t end;
	} each[PARTS_MAX];
};

/* A part of a program or library that is never written holds what its file holds, whether or not
 * its pages are mapped. (Relocated data, even if read-only afterwards, is in a writable part.) */
static int note_parts(struct dl_phdr_info *info, size_t size, void *context)
{
	struct parts *parts = context;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum && parts->count < PARTS_MAX; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + part->p_vaddr, end = start + part->p_memsz;

		if (part->p_type != PT_LOAD || (part->p_flags & PF_W))
			continue;
		parts->each[parts->count].start = start & ~(parts->page_bytes - 1);
		parts->each[parts->count].end =
			(end + parts->page_bytes - 1) & ~(parts->page_bytes - 1);
		parts->count++;
	}
	return 0;
}

/* All are noted first: the headers that say where parts are stand in one of them, and the kernel
 * maps many pages around the one that is read. */
static void let_go_of_files(void)
{
	struct parts parts = { .page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE) };

	(void)dl_iterate_phdr(note_parts, &parts);
	/* What cannot be let go of stays. */
	for (size_t i = 0; i < parts.count; i++)
		(void)madvise((void *)parts.each[i].start, /* NOLINT(performance-no-int-to-ptr) */
			      parts.each[i].end - parts.each[i].start, MADV_DONTNEED);
}

/* glibc raises its threshold of 128 KiB to whatever was freed last, the buffers that read the
 * configuration, and then takes the pools of fixed size from the heap, written with zeroes. Of what
 * was freed it keeps 128 KiB at the end of the heap, where it stays locked. */
#define OWN_MAPPING_BYTES (8 * 1024)
#define KEPT_AT_END_BYTES (16 * 1024)
#define TRIM_FROM_BYTES	  (32 * 1024)
/* The highest that glibc takes as a threshold (DEFAULT_MMAP_THRESHOLD_MAX). */
#define HEAP_BLOCK_MAX_BYTES (16 * 1024 * 1024)
#define TRIM_NEVER	     (-1)

void memlock_plan_heap(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_AT_END_BYTES);
	(void)mallopt(M_TOP_PAD, KEPT_AT_END_BYTES);
}

/* A read would give the page of zeroes that all share. Atomic, as others may write there: children
 * share some of it. */
void memlock_touch(void *start, size_t bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)start, end = at + bytes;

	for (; at < end; at = (at | (page - 1)) + 1)
		(void)__atomic_fetch_or((char *)at, 0, /* NOLINT(performance-no-int-to-ptr) */
					__ATOMIC_RELAXED);
}

__attribute__((noinline)) void memlock_touch_stack(void)
{
	char room[MEMLOCK_STACK_BYTES];

	memlock_touch(room, sizeof(room));
}

/* The first part says where symbols are, which only starting needs. What lies between two variables
 * is read as well. */
__attribute__((no_sanitize("address"))) static void touch_object(const struct dl_phdr_info *info,
								 bool code, bool data)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + part->p_vaddr;

		if (part->p_type != PT_LOAD || part->p_offset == 0 ||
		    !(part->p_flags & PF_W ? data : code))
			continue;
		for (uintptr_t at = start & ~(page - 1); at < start + part->p_filesz; at += page)
			(void)*(volatile const char *)at; /* NOLINT(performance-no-int-to-ptr) */
	}
}

/* The first of all is the program. */
static int touch_first(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	(void)context;
	touch_object(info, true, false);
	return 1;
}

void memlock_touch_program(void)
{
	(void)dl_iterate_phdr(touch_first, NULL);
}

/* --- what libraries need -----------------------------------------------------------------------
 */

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Does the program name this library? What those need in turn is for what it does not do, but for
 * the loader, which they all ask for their variables. */
static bool is_named(const char *library)
{
	const char *names = NULL;

	for (const ElfW(Dyn) *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_STRTAB)
			names = (const char *)
					entry->d_un.d_ptr; /* NOLINT(performance-no-int-to-ptr) */
	for (const ElfW(Dyn) *entry = _DYNAMIC; names && entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_NEEDED &&
		    strcmp(names + entry->d_un.d_val, file_name(library)) == 0)
			return true;
	return false;
}

static int touch_library(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	(void)context;
	/* Where its parts are is asked by each process that is forked. */
	(void)*(volatile const ElfW(Phdr) *)info->dlpi_phdr;
	/* The program itself has no name there. */
	if (info->dlpi_name[0] == '\0')
		touch_object(info, false, true);
	else if (info->dlpi_addr == getauxval(AT_BASE) || is_named(info->dlpi_name))
		touch_object(info, true, true);
	return 0;
}

void memlock_touch_libraries(void)
{
	(void)dl_iterate_phdr(touch_library, NULL);
}

/* --- the lock ----------------------------------------------------------------------------------
 */

static bool is_locked;

static int lock(void)
{
	is_locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
	return is_locked ? 0 : -errno;
}

int memlock_on_fault(void)
{
	/* A locked page cannot be let go of. */
	(void)munlockall();
	(void)malloc_trim(0);
	let_go_of_files();
	return lock();
}

static bool is_open;

void *memlock_reserve(size_t bytes)
{
	void *block;

	(void)mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK_MAX_BYTES);
	block = malloc(bytes);
	(void)mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
	if (block)
		memlock_touch(block, bytes);
	return block;
}

void memlock_open(void *reserve)
{
	is_open = true;
	(void)mallopt(M_TRIM_THRESHOLD, TRIM_NEVER);
	free(reserve);
}

void memlock_close(void)
{
	is_open = false;
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_AT_END_BYTES);
	memlock_trim_heap();
}

void memlock_trim_heap(void)
{
	if (!is_open)
		(void)malloc_trim(0);
}

int memlock_trim(void)
{
	if (!is_locked || mallinfo2().fordblks < TRIM_FROM_BYTES)
		return 0;
	(void)munlockall();
	(void)malloc_trim(0);
	return lock();
}
