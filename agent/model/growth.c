/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/growth.h"

/* Samples come a little later than asked for. */
#define SPACING_USEC (GROWTH_SPAN_USEC / (GROWTH_SAMPLES + 1))

static const struct growth_sample *oldest(const struct growth *g)
{
	return &g->samples[(g->newest + GROWTH_SAMPLES + 1 - g->count) % GROWTH_SAMPLES];
}

void growth_add(struct growth *g, usec_t now, uint64_t bytes)
{
	if (g->count > 0 && now <= g->last.at)
		return;
	if (g->count > 0 && now - g->last.at > 2 * GROWTH_SPAN_USEC)
		g->count = 0;
	g->last = (struct growth_sample){ now, bytes };
	if (g->count > 0 && now - g->samples[g->newest].at < SPACING_USEC)
		return;
	g->newest = (g->newest + 1) % GROWTH_SAMPLES;
	g->samples[g->newest] = g->last;
	if (g->count < GROWTH_SAMPLES)
		g->count++;
}

static int64_t difference(uint64_t from, uint64_t to)
{
	uint64_t apart = to > from ? to - from : from - to;
	int64_t amount = apart > INT64_MAX ? INT64_MAX : (int64_t)apart;

	return to > from ? amount : -amount;
}

bool growth_get(const struct growth *g, int64_t *ret_bytes, usec_t *ret_usec)
{
	if (g->count == 0 || g->last.at - oldest(g)->at < GROWTH_SPAN_MIN_USEC)
		return false;
	*ret_bytes = difference(oldest(g)->bytes, g->last.bytes);
	*ret_usec = g->last.at - oldest(g)->at;
	return true;
}

int64_t growth_rate(int64_t bytes, usec_t usec)
{
	__int128 rate = (__int128)bytes * (__int128)USEC_PER_SEC / (__int128)usec;

	return rate > INT64_MAX ? INT64_MAX : rate < INT64_MIN ? INT64_MIN : (int64_t)rate;
}
