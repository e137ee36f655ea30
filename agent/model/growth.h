/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How much an amount grew over up to an hour. A leak shows in what a busy minute hides, so the span
 * is as long as there are samples for (longer than an hour where they come less often than every
 * 400 s). A ring of fixed size; nothing allocates.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GROWTH_SAMPLES	 8
#define GROWTH_SPAN_USEC (60 * USEC_PER_MIN)
/* From a shorter span an hour is not to be told. */
#define GROWTH_SPAN_MIN_USEC (1 * USEC_PER_MIN)

struct growth_sample {
	usec_t at;
	uint64_t bytes;
};

/* A zeroed one is empty. */
struct growth {
	struct growth_sample samples[GROWTH_SAMPLES];
	struct growth_sample last;
	unsigned newest;
	unsigned count;
};

/* A sample that is not later than the last one is ignored. After two spans without one it starts
 * anew. */
void growth_add(struct growth *growth, usec_t now, uint64_t bytes);

/* Since the oldest sample; negative: it shrank. False while there is too little to tell. */
bool growth_get(const struct growth *growth, int64_t *ret_bytes, usec_t *ret_usec);

/* Of growth_get(): bytes a second, rounded towards zero; usec is not 0. */
int64_t growth_rate(int64_t bytes, usec_t usec);
