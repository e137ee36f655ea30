/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/dirty_limits.h"

/* Before the quarter was added. */
static uint64_t without_quarter(uint64_t bytes)
{
	return bytes / 5 * 4 + bytes % 5 * 4 / 5;
}

/* One of them is set in bytes: what it is shown with beyond its quarter, the other one has too. */
static bool of_known(uint64_t known, uint64_t seen, uint64_t seen_other, uint64_t *ret_other)
{
	uint64_t quarter_more = known + known / 4;

	if (seen < quarter_more || seen_other < seen - quarter_more)
		return false;
	*ret_other = without_quarter(seen_other - (seen - quarter_more));
	return true;
}

/* A background that is set to no less than the limit is half of it, and tells nothing of its own.
 * The addition is a 32nd of the limit of late: of the one that holds, once that is in effect. */
static struct dirty_limits halved(uint64_t seen_bytes)
{
	uint64_t bytes = seen_bytes / 41 * 32;

	return (struct dirty_limits){ .bytes = bytes, .background_bytes = bytes / 2 };
}

static bool of_ratios(uint64_t limit, uint64_t background, struct dirty_limits seen,
		      struct dirty_limits *ret)
{
	uint64_t apart, bytes;

	if (background >= limit) {
		*ret = halved(seen.bytes);
		return true;
	}
	if (seen.background_bytes > seen.bytes)
		return false;
	apart = without_quarter(seen.bytes - seen.background_bytes);
	if (__builtin_mul_overflow(apart, limit, &bytes))
		return false;
	bytes /= limit - background;
	*ret = (struct dirty_limits){ .bytes = bytes, .background_bytes = bytes - apart };
	return true;
}

bool dirty_limits_of_others(struct dirty_knob limit, struct dirty_knob background,
			    struct dirty_limits seen, struct dirty_limits *ret)
{
	uint64_t other = background.value;

	if (limit.is_ratio && background.is_ratio)
		return of_ratios(limit.value, background.value, seen, ret);
	if (limit.is_ratio) {
		if (!of_known(background.value, seen.background_bytes, seen.bytes, &other) ||
		    other <= background.value)
			*ret = halved(seen.bytes);
		else
			*ret = (struct dirty_limits){ .bytes = other,
						      .background_bytes = background.value };
		return true;
	}
	if (background.is_ratio &&
	    !of_known(limit.value, seen.bytes, seen.background_bytes, &other))
		return false;
	*ret = (struct dirty_limits){
		.bytes = limit.value,
		.background_bytes = other < limit.value ? other : limit.value / 2,
	};
	return true;
}
