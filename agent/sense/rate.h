/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How much a counter grew over about the last second, at whatever rate it is sampled. A counter
 * that goes backwards is another counter (a container that moved, a wrap): it starts anew.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stdint.h>

#define RATE_SAMPLES 32

struct rate_sample {
	usec_t at;
	uint64_t total;
};

/* A zeroed one is empty. */
struct rate {
	struct rate_sample samples[RATE_SAMPLES];
	unsigned newest;
	unsigned count;
};

/* Adds a sample. True and the growth since the sample of about 1 s ago; false while there is none
 * that tells: at first, and after a gap. */
bool rate_update(struct rate *rate, usec_t at, uint64_t total, uint64_t *ret_growth,
		 usec_t *ret_elapsed);
