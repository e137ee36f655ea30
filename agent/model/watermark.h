/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Would an allocation of 2^order pages pass a zone's watermark? Fragmentation makes the answer
 * differ from "is enough free", and three eras of the kernel answer differently (mm/page_alloc.c,
 * __zone_watermark_ok()):
 *
 * - 2.6.32 of el6: free must exceed mark + reserve; above order 0 the smaller blocks are taken off
 * order by order and the rest compared with (mark - min), halved for the first two orders only.
 * - 2.6.33 to 4.3, 3.10 of el7: the rest is compared with the mark halved for each order, so an
 * order-2 request can fail with gigabytes free.
 * - 4.4 and later: free must exceed mark + reserve, and above order 0 any block of that order or
 * more will do.
 *
 * Blocks in the high-order atomic reserve and in CMA are free but not for everybody, and not every
 * kernel prints them: an answer that hangs on them is uncertain.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATERMARK_ORDERS_MAX 32

enum watermark_era {
	WATERMARK_EL6, /* 2.6.32-*.el6 */
	WATERMARK_OLD, /* 2.6.33 to 4.3 */
	WATERMARK_4_4, /* 4.4 and later */
};

/* From a release string, "3.10.0-1160.el7.x86_64". Unreadable: the newest era. */
enum watermark_era watermark_era_of(const char *release);

struct watermark_zone {
	uint64_t free_pages;
	uint64_t managed_pages; /* bounds the high-order atomic reserve where it is not printed */
	uint64_t min_pages;	/* WMARK_MIN without boost */
	uint64_t boost_pages;
	uint64_t reserve_pages; /* lowmem_reserve for the request's class */
	unsigned order_count;
	uint64_t blocks[WATERMARK_ORDERS_MAX]; /* free blocks by order; all types */
	bool free_cma_known;
	uint64_t free_cma_pages; /* taken off for requests that cannot use CMA */
	bool highatomic_known;
	uint64_t highatomic_pages; /* free ones in the reserve */
};

struct watermark_request {
	unsigned order;
	uint64_t mark_pages; /* the watermark it is held to, without boost: min, low or high */
	bool may_use_cma;    /* movable requests */
};

enum watermark_verdict {
	WATERMARK_FAIL,
	WATERMARK_PASS,
	WATERMARK_UNCERTAIN,
};

struct watermark_answer {
	enum watermark_verdict verdict;
	unsigned failed_order; /* with FAIL: the order at which it failed */
	const char *reason;    /* a static string: what failed, or what is unknown */
	/* With FAIL: pages that counted at that order, and how many there must be more than. Before
	 * 4.4 these are the pages in blocks of that order and above. */
	uint64_t have_pages;
	uint64_t need_pages;
};

struct watermark_answer watermark_check(enum watermark_era era, const struct watermark_zone *zone,
					const struct watermark_request *request);
