/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is held back of the heap is where allocations find their memory once it is opened. */

#include "test.h"

#include "sys/memlock.h"

#include <malloc.h>

#define RESERVE_BYTES ((size_t)1 << 20)
#define PART_BYTES    ((size_t)120 << 10)

#if defined(__SANITIZE_ADDRESS__)
#define HEAP_IS_GLIBCS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_IS_GLIBCS false
#endif
#endif
#ifndef HEAP_IS_GLIBCS
#define HEAP_IS_GLIBCS true
#endif

static bool is_within(const char *block, const char *start)
{
	return block >= start && block < start + RESERVE_BYTES;
}

/* As a walk does: some lists at once, one that grows, and all of it given back. */
static void check_round(const char *start)
{
	char *volatile parts[4];
	char *volatile grown = NULL;

	for (size_t i = 0; i < 4; i++) {
		parts[i] = calloc(1, PART_BYTES);
		check(is_within(parts[i], start));
	}
	for (size_t bytes = 4096; bytes <= PART_BYTES; bytes *= 2) {
		grown = realloc(grown, bytes);
		check(is_within(grown, start));
	}
	free(grown);
	for (size_t i = 0; i < 4; i++)
		free(parts[i]);
	memlock_trim_heap();
}

TEST(what_was_held_back_is_used_again_and_again)
{
	size_t before, held;
	char *start;

	if (!HEAP_IS_GLIBCS)
		test_skip("the sanitizer has a heap of its own");
	memlock_plan_heap();
	before = mallinfo2().arena;
	start = memlock_reserve(RESERVE_BYTES);
	check(start);
	held = mallinfo2().arena;
	check(held >= before + RESERVE_BYTES);
	memlock_open(start);
	for (int round = 0; round < 5; round++)
		check_round(start);
	check_int(mallinfo2().arena, held);
	memlock_close();
	check(mallinfo2().arena < held - RESERVE_BYTES / 2);
}
