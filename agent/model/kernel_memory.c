/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/kernel_memory.h"

#include "model/growth.h"
#include "util/amount.h"
#include "util/macro.h"

/* A quarter of what is spent is more than any kernel needs to run; on a host where hardly anything
 * is spent it is not much, so it has to be a part of the whole too. */
#define HOLDS_SPENT_PART 4
#define HOLDS_TOTAL_PART 16
/* Growth over less than this may be a cache that warms up. */
#define GROWS_SPAN_USEC (5 * USEC_PER_MIN)
/* Nor is it worth a word before it is a part of the whole. */
#define GROWS_TOTAL_PART 64
#define GROWS_LEFT_USEC	 (24 * 60 * USEC_PER_MIN)

static uint64_t arc_bytes(const struct kernel_memory_input *input)
{
	for (size_t i = 0; i < input->part_count; i++)
		if (input->parts[i].kind == KERNEL_MEMORY_ARC)
			return input->parts[i].bytes;
	return 0;
}

static uint64_t held_bytes(const struct kernel_memory_input *input,
			   const struct kernel_memory_part *part)
{
	uint64_t bytes = less(part->bytes, part->reclaimable_bytes);

	return part->kind == KERNEL_MEMORY_UNACCOUNTED ? less(bytes, arc_bytes(input)) : bytes;
}

/* Without the kernel's estimate (before 3.14) what is free and what can be dropped. */
static uint64_t available_bytes(const struct kernel_memory_input *input)
{
	return input->available_known ? input->available_bytes
				      : input->free_bytes + input->file_bytes;
}

static void judge_growth(const struct kernel_memory_input *input, struct kernel_memory_finding *f)
{
	const struct kernel_memory_part *part = f->part;
	unsigned __int128 left;
	uint64_t rate;

	/* What the ARC takes it gives back, and it is part of what is unaccounted for. */
	if (part->kind == KERNEL_MEMORY_ARC ||
	    (part->kind == KERNEL_MEMORY_UNACCOUNTED && arc_bytes(input) > 0))
		return;
	if (!part->growth_known || part->growth_usec < GROWS_SPAN_USEC || part->growth_bytes <= 0)
		return;
	f->growth_bytes_per_sec = growth_rate(part->growth_bytes, part->growth_usec);
	rate = (uint64_t)f->growth_bytes_per_sec;
	left = (unsigned __int128)available_bytes(input) * part->growth_usec /
	       (uint64_t)part->growth_bytes;
	f->time_to_empty = left > USEC_INFINITY ? USEC_INFINITY : (usec_t)left;
	f->grows = f->time_to_empty < GROWS_LEFT_USEC &&
		   f->bytes >= input->total_bytes / GROWS_TOTAL_PART;
	f->explains_fall = input->fall_bytes_per_sec > 0 && rate >= input->fall_bytes_per_sec / 2;
}

static struct kernel_memory_finding judge(const struct kernel_memory_input *input,
					  const struct kernel_memory_part *part)
{
	uint64_t spent = less(less(input->total_bytes, input->free_bytes), input->file_bytes);
	struct kernel_memory_finding f = { .part = part, .bytes = held_bytes(input, part) };
	unsigned __int128 share = spent > 0 ? (unsigned __int128)f.bytes * 10000 / spent : 0;

	f.spent_permyriad = (uint32_t)MIN_OF(share, (unsigned __int128)10000);
	f.holds = f.bytes > 0 && f.bytes >= spent / HOLDS_SPENT_PART &&
		  f.bytes >= input->total_bytes / HOLDS_TOTAL_PART;
	judge_growth(input, &f);
	return f;
}

static bool is_worse(const struct kernel_memory_finding *a, const struct kernel_memory_finding *b)
{
	if (a->grows != b->grows)
		return a->grows;
	if (a->grows && a->time_to_empty != b->time_to_empty)
		return a->time_to_empty < b->time_to_empty;
	return a->bytes > b->bytes;
}

/* All caches together are news only where no single one is. */
static bool is_told_by_a_cache(const struct kernel_memory_input *input,
			       const struct kernel_memory_finding *slab)
{
	for (size_t i = 0; i < input->part_count; i++) {
		struct kernel_memory_finding f;

		if (input->parts[i].kind != KERNEL_MEMORY_CACHE)
			continue;
		f = judge(input, &input->parts[i]);
		if ((f.grows || !slab->grows) && (f.holds || !slab->holds))
			return true;
	}
	return false;
}

static void insert(struct kernel_memory_finding *findings, size_t count, size_t capacity,
		   const struct kernel_memory_finding *f)
{
	size_t at = MIN_OF(count, capacity);

	while (at > 0 && is_worse(f, &findings[at - 1])) {
		if (at < capacity)
			findings[at] = findings[at - 1];
		at--;
	}
	if (at < capacity)
		findings[at] = *f;
}

size_t kernel_memory_find(const struct kernel_memory_input *input,
			  struct kernel_memory_finding *ret, size_t capacity)
{
	size_t count = 0;

	for (size_t i = 0; i < input->part_count; i++) {
		struct kernel_memory_finding f = judge(input, &input->parts[i]);

		if (!f.holds && !f.grows)
			continue;
		if (input->parts[i].kind == KERNEL_MEMORY_SLAB && is_told_by_a_cache(input, &f))
			continue;
		insert(ret, count, capacity, &f);
		count++;
	}
	return count;
}
