/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A heap that ends: allocations of the program itself, not those that the C library makes for
 * itself, fail once so many were made, or once so many bytes are in use. To be linked with
 * heap_fail_link_args (tests/unit/meson.build).
 */

#include "util/macro.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define HEAP_ENDLESS (-1L)

/* Allocations that are still to succeed. */
static long heap_left = HEAP_ENDLESS;
/* Bytes in use, and how many may be. */
static long heap_bytes;
static long heap_most = HEAP_ENDLESS;

static bool heap_refuses(size_t bytes)
{
	bool refuses = heap_left == 0 ||
		       (heap_most != HEAP_ENDLESS && heap_bytes + (long)bytes > heap_most);

	if (heap_left > 0)
		heap_left--;
	if (refuses)
		errno = ENOMEM;
	return refuses;
}

static void *heap_count(void *p)
{
	heap_bytes += p ? (long)malloc_usable_size(p) : 0;
	return p;
}

/* What the linker calls in their place, and what they are called then. */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t size);
void __real_free(void *p);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t size);
void __wrap_free(void *p);

void *__wrap_malloc(size_t size)
{
	return heap_refuses(size) ? NULL : heap_count(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return heap_refuses(count * size) ? NULL : heap_count(__real_calloc(count, size));
}

void *__wrap_realloc(void *p, size_t size)
{
	size_t before = p ? malloc_usable_size(p) : 0;
	void *grown = NULL;

	if (!heap_refuses(size))
		grown = __real_realloc(p, size);
	if (grown)
		heap_bytes -= (long)before;
	return heap_count(grown);
}

void *__wrap_reallocarray(void *p, size_t count, size_t size)
{
	return __wrap_realloc(p, count * size);
}

char *__wrap_strdup(const char *s)
{
	return heap_refuses(strlen(s) + 1) ? NULL : heap_count(__real_strdup(s));
}

char *__wrap_strndup(const char *s, size_t size)
{
	return heap_refuses(strnlen(s, size) + 1) ? NULL : heap_count(__real_strndup(s, size));
}

void __wrap_free(void *p)
{
	heap_bytes -= p ? (long)malloc_usable_size(p) : 0;
	__real_free(p);
}
/* NOLINTEND(bugprone-reserved-identifier) */
