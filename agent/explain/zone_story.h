/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A node's zones told by the running kernel's own rule (model/watermark.h): for each order, would a
 * request that may use all of the node be served, and if not, why not.
 */

#include "core/detail.h"
#include "model/fragmentation.h"
#include "model/watermark.h"
#include "util/strbuf.h"

#define ZONE_STORY_ORDERS 11 /* 0 to 10: what every kernel has, and far more than it waits for */
#define ZONE_STORY_ZONES  8

/* Which zones a request may use, and what it must leave in the lower ones. */
enum zone_user {
	ZONE_USER_PROCESS, /* movable memory of processes: every zone, CMA too */
	ZONE_USER_KERNEL,  /* the kernel's own: Normal and below */
	ZONE_USER_COUNT_,
};

struct zone_order {
	bool known; /* the free lists are, or it is order 0, which needs none */
	/* One that may wait for reclaim is held to the min watermark, and kswapd runs while it
	 * would not pass low. */
	struct watermark_answer at_min;
	struct watermark_answer at_low;
};

struct zone_story {
	const struct zone_detail *zone;
	bool is_open;		/* such a request may use it; else the rest says nothing */
	uint64_t reserve_pages; /* what it must leave there for requests that have no choice */
	uint64_t left_pages;	/* free above min, boost and reserve */
	struct zone_order orders[ZONE_STORY_ORDERS];
};

struct node_story {
	unsigned node;
	enum watermark_era era;
	enum zone_user user;
	struct zone_story zones[ZONE_STORY_ZONES]; /* from the lowest class up */
	size_t zone_count;
	/* The whole node: passes where one zone passes; fails where all do. */
	enum watermark_verdict orders[ZONE_STORY_ORDERS];
	bool orders_known[ZONE_STORY_ORDERS];
	/* Of the free lists of all open zones together. */
	bool fragmentation_known;
	struct fragmentation fragmentation[ZONE_STORY_ORDERS];
};

/* 0; -ENOENT: the node has no populated zone. Points into `details`. */
int node_story_tell(const struct zone_details *details, unsigned node, enum watermark_era era,
		    enum zone_user user, struct node_story *ret);

/* "passes", "fails", "uncertain" */
const char *watermark_verdict_name(enum watermark_verdict verdict);
/* "2.6.33 to 4.3" */
const char *watermark_era_name(enum watermark_era era);

/* Why orders of a zone do not pass, those of one reason together: "order 2 to 10: fails, too little
 * of its free memory is in large blocks". Call with *order = 0; returns false when there is nothing
 * left to say. */
bool zone_story_reason(const struct zone_story *zone, unsigned *order, struct strbuf *out);

/* What that comes to for the node, in plain words: "order 2 and above are not served, though 4.5
 * GiB are left for single pages: ...". False: every order that is known passes. */
bool node_story_cause(const struct node_story *story, uint64_t page_size_bytes, struct strbuf *out);
