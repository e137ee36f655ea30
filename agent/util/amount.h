/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Sums of amounts that come from outside: they stay at the end of the range rather than wrap.
 */

#include <stdint.h>

static inline uint64_t plus(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static inline uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static inline uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static inline int64_t plus_signed(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return b < 0 ? INT64_MIN : INT64_MAX;
}
