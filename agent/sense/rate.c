/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/rate.h"

#include <stddef.h>

/* What makes up "about a second": ticks may come a little early, and the first ones of a new series
 * are better answered from half a second than not at all. */
#define SPAN_USEC  (900 * USEC_PER_MSEC)
#define SHORT_USEC (200 * USEC_PER_MSEC)
#define GAP_USEC   (3 * USEC_PER_SEC)
/* RATE_SAMPLES of these are 1.6 s, so that a reference is there at the fastest cadence too. */
#define SPACING_USEC (50 * USEC_PER_MSEC)

/* The newest sample at least a span old, else the oldest there is; NULL without samples. */
static const struct rate_sample *reference(const struct rate *rate, usec_t at)
{
	const struct rate_sample *sample = NULL;

	for (unsigned i = 0; i < rate->count; i++) {
		sample = &rate->samples[(rate->newest + RATE_SAMPLES - i) % RATE_SAMPLES];
		if (at - sample->at >= SPAN_USEC)
			break;
	}
	return sample;
}

static void keep(struct rate *rate, usec_t at, uint64_t total)
{
	if (rate->count > 0 && at - rate->samples[rate->newest].at < SPACING_USEC)
		return;
	rate->newest = (rate->newest + 1) % RATE_SAMPLES;
	rate->samples[rate->newest] = (struct rate_sample){ at, total };
	if (rate->count < RATE_SAMPLES)
		rate->count++;
}

bool rate_update(struct rate *rate, usec_t at, uint64_t total, uint64_t *ret_growth,
		 usec_t *ret_elapsed)
{
	const struct rate_sample *then;
	bool known = false;

	if (rate->count > 0 &&
	    (at < rate->samples[rate->newest].at || total < rate->samples[rate->newest].total))
		rate->count = 0;
	then = reference(rate, at);
	if (then && at - then->at >= SHORT_USEC && at - then->at <= GAP_USEC) {
		*ret_growth = total - then->total;
		*ret_elapsed = at - then->at;
		known = true;
	}
	keep(rate, at, total);
	return known;
}
