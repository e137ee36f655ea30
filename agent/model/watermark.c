/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/watermark.h"

#include "model/release.h"
#include "util/amount.h"
#include "util/macro.h"

/* The reserve for high-order atomic allocations grows by a page block while it is below one
 * hundredth of the zone and, up to 6.6, one block more: so it stays below that and two blocks
 * (reserve_highatomic_pageblock(), mm/page_alloc.c). */
#define HIGHATOMIC_DIVISOR 100
#define HIGHATOMIC_BLOCKS  2
/* A page block is a huge page, and no larger than the largest free block: 2 MiB of 4 KiB pages,
 * where there are larger ones, else that. With 64 KiB pages it may be 512 MiB. */
#define PAGEBLOCK_ORDER 9
#define COMMON_ORDERS	11
/* el6 halves what must remain for orders below pageblock_order / 4. */
#define EL6_HALVED_ORDERS 2

/* Pages that are free but perhaps not for this request: the least and the most they may be. */
struct hidden {
	uint64_t least;
	uint64_t most;
	const char *unknown; /* what keeps the two apart, NULL if nothing */
};

static uint64_t block_pages(const struct watermark_zone *zone, unsigned order)
{
	uint64_t pages;

	if (order >= zone->order_count || order >= WATERMARK_ORDERS_MAX)
		return 0;
	if (__builtin_mul_overflow(zone->blocks[order], UINT64_C(1) << order, &pages))
		return UINT64_MAX;
	return pages;
}

static struct hidden hidden_cma(const struct watermark_zone *zone, bool may_use_cma)
{
	if (may_use_cma)
		return (struct hidden){ 0 };
	if (zone->free_cma_known)
		return (struct hidden){ .least = zone->free_cma_pages,
					.most = zone->free_cma_pages };
	return (struct hidden){ .most = zone->free_pages,
				.unknown = "free CMA pages are not known" };
}

/* The most that it may be. */
static uint64_t pageblock_pages(const struct watermark_zone *zone)
{
	if (zone->order_count == 0 || zone->order_count == COMMON_ORDERS ||
	    zone->order_count > WATERMARK_ORDERS_MAX)
		return UINT64_C(1) << PAGEBLOCK_ORDER;
	return UINT64_C(1) << (zone->order_count - 1);
}

static struct hidden hidden_highatomic(const struct watermark_zone *zone)
{
	uint64_t bound = plus(zone->managed_pages / HIGHATOMIC_DIVISOR,
			      HIGHATOMIC_BLOCKS * pageblock_pages(zone));

	if (zone->highatomic_known)
		return (struct hidden){ .least = zone->highatomic_pages,
					.most = zone->highatomic_pages };
	return (struct hidden){
		.most = zone->managed_pages ? MIN_OF(bound, zone->free_pages) : zone->free_pages,
		.unknown = "the high-order atomic reserve is not known",
	};
}

static struct watermark_answer fail(unsigned order, const char *reason, uint64_t have,
				    uint64_t need)
{
	return (struct watermark_answer){
		.verdict = WATERMARK_FAIL,
		.failed_order = order,
		.reason = reason,
		.have_pages = have,
		.need_pages = need,
	};
}

static struct watermark_answer pass(void)
{
	return (struct watermark_answer){ .verdict = WATERMARK_PASS, .reason = "it passes" };
}

static struct watermark_answer uncertain(const char *reason)
{
	return (struct watermark_answer){ .verdict = WATERMARK_UNCERTAIN, .reason = reason };
}

/* The orders below the request's are taken off one by one; what remains must exceed what `keep`
 * becomes. */
static struct watermark_answer take_off_small_blocks(const struct watermark_zone *zone,
						     unsigned order, uint64_t free, uint64_t keep,
						     unsigned halved_orders)
{
	for (unsigned o = 0; o < order; o++) {
		free = less(free, block_pages(zone, o));
		if (o < halved_orders)
			keep >>= 1;
		if (free <= keep)
			return fail(o + 1, "too little of its free memory is in large blocks", free,
				    keep);
	}
	return pass();
}

static struct watermark_answer check_el6(const struct watermark_zone *zone,
					 const struct watermark_request *request)
{
	uint64_t free = less(zone->free_pages, (UINT64_C(1) << request->order) + 1);

	uint64_t needed = plus(request->mark_pages, zone->reserve_pages);

	if (free <= needed)
		return fail(0, "free memory is below the watermark", free, needed);
	return take_off_small_blocks(zone, request->order, free,
				     less(request->mark_pages, zone->min_pages), EL6_HALVED_ORDERS);
}

static struct watermark_answer check_old(const struct watermark_zone *zone,
					 const struct watermark_request *request)
{
	uint64_t free = less(zone->free_pages, (UINT64_C(1) << request->order) - 1);
	uint64_t needed = plus(request->mark_pages, zone->reserve_pages);
	struct hidden cma = hidden_cma(zone, request->may_use_cma);
	struct watermark_answer answer;

	if (less(free, cma.least) <= needed)
		return fail(0, "free memory is below the watermark", less(free, cma.least), needed);
	answer = take_off_small_blocks(zone, request->order, free, request->mark_pages,
				       request->order);
	if (answer.verdict == WATERMARK_PASS && less(free, cma.most) <= needed)
		return uncertain(cma.unknown);
	return answer;
}

static struct watermark_answer check_4_4(const struct watermark_zone *zone,
					 const struct watermark_request *request)
{
	uint64_t free = less(zone->free_pages, (UINT64_C(1) << request->order) - 1);
	uint64_t needed = plus(plus(request->mark_pages, zone->boost_pages), zone->reserve_pages);
	struct hidden cma = hidden_cma(zone, request->may_use_cma);
	struct hidden highatomic = hidden_highatomic(zone);
	uint64_t least = plus(cma.least, highatomic.least), most = plus(cma.most, highatomic.most);
	const char *unknown = cma.unknown ? cma.unknown : highatomic.unknown;
	uint64_t suitable = 0;

	if (less(free, least) <= needed)
		return fail(0, "free memory is below the watermark", less(free, least), needed);
	for (unsigned o = request->order; o < zone->order_count; o++)
		suitable = plus(suitable, block_pages(zone, o));
	if (request->order > 0 && suitable == 0)
		return fail(request->order, "no free block is large enough", 0, 0);
	if (less(free, most) <= needed)
		return uncertain(unknown);
	/* Each block is of one type: only when there is more in such blocks than could be hidden is
	 * one of them surely usable. */
	if (request->order > 0 && suitable <= most)
		return uncertain(
			unknown ? unknown
				: "its large blocks may be CMA or high-order atomic reserve");
	return pass();
}

struct watermark_answer watermark_check(enum watermark_era era, const struct watermark_zone *zone,
					const struct watermark_request *request)
{
	if (request->order >= WATERMARK_ORDERS_MAX)
		return fail(request->order, "no kernel has blocks of that order", 0, 0);
	switch (era) {
	case WATERMARK_EL6:
		return check_el6(zone, request);
	case WATERMARK_OLD:
		return check_old(zone, request);
	case WATERMARK_4_4:
		break;
	}
	return check_4_4(zone, request);
}

enum watermark_era watermark_era_of(const char *text)
{
	const struct release last_el6 = { .major = 2, .minor = 6, .patch = 32 };
	const struct release first_new = { .major = 4, .minor = 4 };
	struct release release;

	if (release_parse(text, &release) < 0)
		return WATERMARK_4_4;
	if (release_compare(&release, &last_el6) == 0 && release_has_mark(text, ".el6"))
		return WATERMARK_EL6;
	return release_compare(&release, &first_new) < 0 ? WATERMARK_OLD : WATERMARK_4_4;
}
