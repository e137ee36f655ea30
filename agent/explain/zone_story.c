/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/zone_story.h"

#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* The kernel's own border between lack of memory and fragmentation (vm.extfrag_threshold). */

_Static_assert(WATERMARK_ORDERS_MAX == DETAIL_ORDERS_MAX, "free lists are copied whole");

const char *watermark_verdict_name(enum watermark_verdict verdict)
{
	static const char *const names[] = {
		[WATERMARK_FAIL] = "fails",
		[WATERMARK_PASS] = "passes",
		[WATERMARK_UNCERTAIN] = "uncertain",
	};

	return names[verdict];
}

const char *watermark_era_name(enum watermark_era era)
{
	static const char *const names[] = {
		[WATERMARK_EL6] = "2.6.32 of el6",
		[WATERMARK_OLD] = "2.6.33 to 4.3",
		[WATERMARK_4_4] = "4.4 and later",
	};

	return names[era];
}

/* Protection never falls from one class to the next up to the last populated one, and from there on
 * it repeats or, in 6.15 and later, is 0: the largest entry up to the request's own class is what
 * the kernel holds the request to. */
static uint64_t reserve_against(const struct zone_detail *zone, unsigned request_class)
{
	uint64_t reserve = 0;

	for (unsigned c = 0; c < zone->protection_count && c <= request_class; c++)
		reserve = MAX_OF(reserve, zone->protection[c]);
	return reserve;
}

/* The kernel's own memory goes up to Normal: the class of the highest zone below Movable. */
static unsigned class_of_user(const struct zone_details *details, enum zone_user user)
{
	unsigned highest = 0;

	if (user == ZONE_USER_PROCESS)
		return UINT32_MAX;
	for (size_t i = 0; i < details->count; i++) {
		const struct zone_detail *zone = &details->zones[i];

		if (strcmp(zone->name, "Normal") == 0)
			return zone->zone_class;
		if (strcmp(zone->name, "DMA") == 0 || strcmp(zone->name, "DMA32") == 0)
			highest = MAX_OF(highest, zone->zone_class);
	}
	/* A machine whose memory ends below Normal: what Normal may use is what these hold. */
	return highest;
}

static struct watermark_zone as_input(const struct zone_story *story)
{
	const struct zone_detail *zone = story->zone;
	struct watermark_zone input = {
		.free_pages = zone->free_pages,
		.managed_pages = zone->managed_pages,
		.min_pages = zone->min_pages,
		.boost_pages = zone->boost_pages,
		.reserve_pages = story->reserve_pages,
		.order_count = zone->order_count,
		.free_cma_known = zone->free_cma_known,
		.free_cma_pages = zone->free_cma_pages,
		.highatomic_known = zone->highatomic_known,
		.highatomic_pages = zone->highatomic_pages,
	};

	memcpy(input.blocks, zone->blocks, sizeof(input.blocks));
	return input;
}

static void tell_zone(enum watermark_era era, enum zone_user user, struct zone_story *story)
{
	const struct zone_detail *zone = story->zone;
	struct watermark_zone input = as_input(story);
	uint64_t kept;

	if (__builtin_add_overflow(zone->min_pages, zone->boost_pages, &kept) ||
	    __builtin_add_overflow(kept, story->reserve_pages, &kept))
		kept = UINT64_MAX;
	story->left_pages = zone->free_pages > kept ? zone->free_pages - kept : 0;
	for (unsigned o = 0; o < ZONE_STORY_ORDERS; o++) {
		struct zone_order *order = &story->orders[o];
		struct watermark_request request = {
			.order = o,
			.mark_pages = zone->min_pages,
			.may_use_cma = user == ZONE_USER_PROCESS,
		};

		order->known = o == 0 || o < zone->order_count;
		if (!order->known)
			continue;
		order->at_min = watermark_check(era, &input, &request);
		request.mark_pages = zone->low_pages;
		order->at_low = watermark_check(era, &input, &request);
	}
}

static void sum_up(struct node_story *story)
{
	for (unsigned o = 0; o < ZONE_STORY_ORDERS; o++) {
		story->orders[o] = WATERMARK_FAIL;
		for (size_t i = 0; i < story->zone_count; i++) {
			const struct zone_story *zone = &story->zones[i];
			enum watermark_verdict verdict = zone->orders[o].at_min.verdict;

			if (!zone->is_open || !zone->orders[o].known)
				continue;
			story->orders_known[o] = true;
			if (verdict == WATERMARK_PASS || story->orders[o] == WATERMARK_FAIL)
				story->orders[o] = verdict;
		}
	}
}

static void add_fragmentation(struct node_story *story)
{
	uint64_t blocks[DETAIL_ORDERS_MAX] = { 0 };
	unsigned count = 0;

	for (size_t i = 0; i < story->zone_count; i++) {
		const struct zone_detail *zone = story->zones[i].zone;

		if (!story->zones[i].is_open)
			continue;
		count = MAX_OF(count, zone->order_count);
		for (unsigned o = 0; o < zone->order_count; o++)
			if (__builtin_add_overflow(blocks[o], zone->blocks[o], &blocks[o]))
				blocks[o] = UINT64_MAX;
	}
	story->fragmentation_known = count > 0;
	for (unsigned o = 0; o < ZONE_STORY_ORDERS && story->fragmentation_known; o++)
		if (fragmentation_compute(blocks, count, o, &story->fragmentation[o]) < 0)
			story->fragmentation_known = false;
}

int node_story_tell(const struct zone_details *details, unsigned node, enum watermark_era era,
		    enum zone_user user, struct node_story *ret)
{
	unsigned request_class = class_of_user(details, user);
	struct node_story story = { .node = node, .era = era, .user = user };

	for (size_t i = 0; i < details->count && story.zone_count < ZONE_STORY_ZONES; i++) {
		const struct zone_detail *zone = &details->zones[i];
		struct zone_story *to = &story.zones[story.zone_count];

		if (zone->node != node)
			continue;
		*to = (struct zone_story){
			.zone = zone,
			/* Memory of devices is nobody's to allocate from. */
			.is_open = zone->zone_class <= request_class &&
				   strcmp(zone->name, "Device") != 0,
			.reserve_pages = reserve_against(zone, request_class),
		};
		if (to->is_open)
			tell_zone(era, user, to);
		story.zone_count++;
	}
	if (story.zone_count == 0)
		return -ENOENT;
	sum_up(&story);
	add_fragmentation(&story);
	*ret = story;
	return 0;
}

static bool same_answer(const struct zone_order *a, const struct zone_order *b)
{
	return b->known && a->at_min.verdict == b->at_min.verdict &&
	       strcmp(a->at_min.reason, b->at_min.reason) == 0;
}

static void add_pages(uint64_t pages, struct strbuf *out)
{
	strbuf_add_count(out, (int64_t)MIN_OF(pages, (uint64_t)INT64_MAX));
}

/* The numbers behind a verdict of the first of these orders. */
static void add_numbers(const struct zone_story *zone, const struct watermark_answer *answer,
			struct strbuf *out)
{
	if (answer->verdict != WATERMARK_FAIL || answer->need_pages == 0)
		return;
	if (answer->failed_order > 0) {
		strbuf_add(out, ": of ");
		add_pages(zone->zone->free_pages, out);
		strbuf_add(out, " free pages ");
		add_pages(answer->have_pages, out);
		strbuf_addf(out, " count from order %u on, more than ", answer->failed_order);
		add_pages(answer->need_pages, out);
		strbuf_add(out, " must");
		return;
	}
	strbuf_add(out, ": ");
	add_pages(answer->have_pages, out);
	strbuf_add(out, " pages count, more than ");
	add_pages(answer->need_pages, out);
	strbuf_add(out, " must");
	if (zone->reserve_pages > 0) {
		strbuf_add(out, ", ");
		add_pages(zone->reserve_pages, out);
		strbuf_add(out, " of them kept for those who can use no other zone");
	}
}

bool zone_story_reason(const struct zone_story *zone, unsigned *order, struct strbuf *out)
{
	unsigned first = *order, last;
	const struct zone_order *orders = zone->orders;

	while (first < ZONE_STORY_ORDERS &&
	       (!orders[first].known || orders[first].at_min.verdict == WATERMARK_PASS))
		first++;
	if (!zone->is_open || first == ZONE_STORY_ORDERS)
		return false;
	last = first;
	while (last + 1 < ZONE_STORY_ORDERS && same_answer(&orders[first], &orders[last + 1]))
		last++;
	strbuf_addf(out, "order %u", first);
	if (last > first)
		strbuf_addf(out, " to %u", last);
	strbuf_addf(out, ": %s, %s", watermark_verdict_name(orders[first].at_min.verdict),
		    orders[first].at_min.reason);
	add_numbers(zone, &orders[first].at_min, out);
	*order = last + 1;
	return true;
}

/* Less than this part of a node left for single pages is next to nothing. */
#define NOTHING_LEFT_PART 64

static uint64_t left_pages(const struct node_story *story)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < story->zone_count; i++)
		if (story->zones[i].is_open &&
		    __builtin_add_overflow(pages, story->zones[i].left_pages, &pages))
			return UINT64_MAX;
	return pages;
}

static bool is_nearly_out(const struct node_story *story)
{
	uint64_t managed = 0;

	for (size_t i = 0; i < story->zone_count; i++)
		if (story->zones[i].is_open)
			managed += story->zones[i].zone->managed_pages / NOTHING_LEFT_PART;
	return left_pages(story) < managed;
}

/* The largest order of which a zone that serves single pages has a free block; -1: none. */
static int largest_block(const struct node_story *story)
{
	for (int o = ZONE_STORY_ORDERS - 1; o >= 0; o--)
		for (size_t i = 0; i < story->zone_count; i++)
			if (story->zones[i].is_open &&
			    story->zones[i].orders[0].at_min.verdict != WATERMARK_FAIL &&
			    (unsigned)o < story->zones[i].zone->order_count &&
			    story->zones[i].zone->blocks[o] > 0)
				return o;
	return -1;
}

static unsigned first_failing(const struct node_story *story)
{
	unsigned order = 0;

	while (order < ZONE_STORY_ORDERS &&
	       !(story->orders_known[order] && story->orders[order] == WATERMARK_FAIL))
		order++;
	return order;
}

bool node_story_cause(const struct node_story *story, uint64_t page_size_bytes, struct strbuf *out)
{
	unsigned first = first_failing(story);
	int largest = largest_block(story);
	uint64_t left;

	if (first == ZONE_STORY_ORDERS)
		return false;
	if (first == 0) {
		strbuf_add(out, "not even single pages are served: every zone is at its watermark");
		return true;
	}
	strbuf_addf(out, "order %u%s not served, and ", first,
		    first + 1 < ZONE_STORY_ORDERS ? " and above are" : " is");
	if (__builtin_mul_overflow(left_pages(story), page_size_bytes, &left) || left > INT64_MAX)
		left = INT64_MAX;
	strbuf_add_bytes(out, (int64_t)left);
	if (is_nearly_out(story))
		strbuf_add(out,
			   " are left for single pages: the node is all but out of memory, and "
			   "what is free is in small pieces. It takes reclaim and compaction");
	else
		strbuf_add(out,
			   " are left for single pages: the node is not out of memory, what is "
			   "free is in small pieces. It takes compaction, not reclaim");
	/* Before 4.4 a block that is large enough is no reason to pass. */
	if (story->era == WATERMARK_4_4 || largest < (int)first)
		return true;
	strbuf_addf(out,
		    ". Free blocks up to order %d are there; kernels before 4.4 want more than "
		    "one, later ones would serve ",
		    largest);
	if (largest > (int)first)
		strbuf_addf(out, "order %u to %d", first, largest);
	else
		strbuf_addf(out, "order %u", first);
	return true;
}
