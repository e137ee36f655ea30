/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/slope.h"

#include "util/macro.h"

/* A ring holds a little more than its span when samples are this far apart. */
#define SPACING(span) ((span) / (SLOPE_RING - 2))

void slope_reset(struct slope *slope)
{
	*slope = (struct slope){ .gap_usec = slope->gap_usec };
}

static const struct slope_sample *at_age(const struct slope_ring *ring, unsigned age)
{
	return &ring->samples[(ring->newest + SLOPE_RING - age) % SLOPE_RING];
}

static void push(struct slope_ring *ring, const struct slope_sample *sample, usec_t spacing)
{
	if (ring->count > 0 && sample->at - at_age(ring, 0)->at < spacing)
		return;
	ring->newest = (ring->newest + 1) % SLOPE_RING;
	ring->samples[ring->newest] = *sample;
	ring->count = MIN_OF(ring->count + 1, (unsigned)SLOPE_RING);
}

static int64_t saturating_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return b > 0 ? INT64_MAX : INT64_MIN;
}

void slope_add(struct slope *slope, usec_t now, int64_t level_bytes, int64_t moved_on_bytes)
{
	struct slope_sample sample = {
		.at = now,
		/* What we moved on made the level lower than others would have. */
		.level_bytes = saturating_add(level_bytes, moved_on_bytes),
	};

	if (slope->count > 0 && now <= slope->last.at)
		return;
	if (slope->count > 0 &&
	    now - slope->last.at > (slope->gap_usec ? slope->gap_usec : SLOPE_GAP_USEC))
		slope_reset(slope);
	push(&slope->dense, &sample, SPACING(SLOPE_SHORT_USEC));
	push(&slope->sparse, &sample, SPACING(SLOPE_LONG_USEC));
	slope->last = sample;
	slope->level_bytes = level_bytes;
	slope->count = MIN_OF(slope->count + 1, (unsigned)SLOPE_SAMPLES_MIN);
}

/* The youngest sample that is at least `span` old, or the oldest there is. */
static const struct slope_sample *sample_before(const struct slope_ring *ring, usec_t now,
						usec_t span)
{
	for (unsigned age = 0; age + 1 < ring->count; age++)
		if (now - at_age(ring, age)->at >= span)
			return at_age(ring, age);
	return at_age(ring, ring->count - 1);
}

/* a * b / c, as exact as 64 bits allow. */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t product;

	if (!__builtin_mul_overflow(a, b, &product))
		return product / c;
	return __builtin_mul_overflow(a / c, b, &product) ? UINT64_MAX : product;
}

/* Bytes per second that the level fell by since `from`; 0: it did not. */
static uint64_t fall_since(const struct slope *slope, const struct slope_sample *from)
{
	usec_t elapsed = slope->last.at - from->at;
	int64_t fall;

	if (elapsed == 0 || from->level_bytes <= slope->last.level_bytes)
		return 0;
	if (__builtin_sub_overflow(from->level_bytes, slope->last.level_bytes, &fall))
		fall = INT64_MAX;
	return scale((uint64_t)fall, USEC_PER_SEC, elapsed);
}

enum slope_state slope_fall(const struct slope *slope, uint64_t *ret_bytes_per_sec)
{
	const struct slope_sample *of_short, *of_long;
	uint64_t rate;

	if (slope->count < SLOPE_SAMPLES_MIN)
		return SLOPE_UNKNOWN;
	of_short = sample_before(&slope->dense, slope->last.at, SLOPE_SHORT_USEC);
	of_long = sample_before(&slope->sparse, slope->last.at, SLOPE_LONG_USEC);
	rate = MAX_OF(fall_since(slope, of_short), fall_since(slope, of_long));
	if (rate == 0)
		return SLOPE_STEADY;
	*ret_bytes_per_sec = rate;
	return SLOPE_FALLING;
}

enum slope_state slope_time_to_empty(const struct slope *slope, usec_t *ret_usec)
{
	uint64_t rate, level;
	enum slope_state state = slope_fall(slope, &rate);

	if (state != SLOPE_FALLING)
		return state;
	level = slope->level_bytes > 0 ? (uint64_t)slope->level_bytes : 0;
	*ret_usec = MIN_OF(scale(level, USEC_PER_SEC, rate), USEC_INFINITY - 1);
	return SLOPE_FALLING;
}
