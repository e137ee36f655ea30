/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How fast a level falls, and when it is empty: the level divided by the faster of its falls over
 * the last 0.5 s and 5 s. The short span sees a burst begin, the long one does not forget it
 * between bursts.
 *
 * What the agent itself moved on or off is added back at both ends, so that the slope shows what
 * others do: a node that we are filling does not look as if it were running dry by itself.
 *
 * Two rings of fixed size, one dense and one sparse, hold both spans at any rate of samples;
 * nothing allocates. Time is the caller's CLOCK_MONOTONIC.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOPE_SHORT_USEC (500 * USEC_PER_MSEC)
#define SLOPE_LONG_USEC	 (5 * USEC_PER_SEC)
/* Without a sample for this long (missed ticks, a stopped process) what was before says nothing of
 * now. Three times the slowest cadence; of what is looked at less often, whoever looks says. */
#define SLOPE_GAP_USEC	  (3 * USEC_PER_SEC)
#define SLOPE_RING	  32
#define SLOPE_SAMPLES_MIN 3

struct slope_sample {
	usec_t at;
	int64_t level_bytes; /* with our own moves taken out */
};

struct slope_ring {
	struct slope_sample samples[SLOPE_RING];
	unsigned newest;
	unsigned count;
};

struct slope {
	struct slope_ring dense;  /* at least 1/30 of the short span apart */
	struct slope_ring sparse; /* at least 1/30 of the long span apart */
	struct slope_sample last;
	int64_t level_bytes; /* as it is now */
	unsigned count;	     /* samples since the last gap */
	usec_t gap_usec;     /* 0: SLOPE_GAP_USEC */
};

enum slope_state {
	SLOPE_UNKNOWN, /* fewer than 3 samples since a gap */
	SLOPE_STEADY,  /* not falling: it never empties */
	SLOPE_FALLING,
};

/* A zeroed struct slope is empty. After a suspend (which CLOCK_MONOTONIC does not show) call this.
 */
void slope_reset(struct slope *slope);

/* moved_on_bytes: all that our own moves brought here (negative: took away) since the agent
 * started. A sample that is not later than the last one replaces nothing and is ignored. */
void slope_add(struct slope *slope, usec_t now, int64_t level_bytes, int64_t moved_on_bytes);

/* *ret_bytes_per_sec is set with SLOPE_FALLING only. */
enum slope_state slope_fall(const struct slope *slope, uint64_t *ret_bytes_per_sec);
/* *ret_usec is set with SLOPE_FALLING only. */
enum slope_state slope_time_to_empty(const struct slope *slope, usec_t *ret_usec);
