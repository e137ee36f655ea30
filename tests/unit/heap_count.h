/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Counts every allocation of the program, the C library's own included: by the sanitizer's hooks
 * where it owns the heap, else by standing in for malloc() and its kin.
 */

#include <stddef.h>
#include <stdlib.h>

/* volatile: the compiler believes that malloc() changes nothing that it can see. */
static volatile unsigned long heap_count;

#if defined(__SANITIZE_ADDRESS__)
#define HEAP_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_SANITIZED 1
#endif
#endif

#ifdef HEAP_SANITIZED

int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *, size_t),
					      void (*freed)(const volatile void *));

static void heap_allocated(const volatile void *p, size_t size)
{
	(void)p;
	(void)size;
	heap_count++;
}

static void heap_freed(const volatile void *p)
{
	(void)p;
}

__attribute__((constructor)) static void heap_install(void)
{
	(void)__sanitizer_install_malloc_and_free_hooks(heap_allocated, heap_freed);
}

#else

/* glibc's own, under the names that it keeps for this. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
	heap_count++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	heap_count++;
	return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	heap_count++;
	return __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	heap_count++;
	return __libc_memalign(alignment, size);
}

#endif
