/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "model/growth.h"

#define MIN USEC_PER_MIN
#define MIB (UINT64_C(1) << 20)

static int64_t bytes;
static usec_t usec;

TEST(too_short_a_time_tells_nothing)
{
	struct growth g = { 0 };

	check(!growth_get(&g, &bytes, &usec));
	growth_add(&g, MIN, 5);
	check(!growth_get(&g, &bytes, &usec));
	growth_add(&g, MIN + MIN / 2, 500);
	check(!growth_get(&g, &bytes, &usec));
	growth_add(&g, 2 * MIN, 65);
	check(growth_get(&g, &bytes, &usec));
	check_int(bytes, 60);
	check_int(usec, MIN);
	check_int(growth_rate(bytes, usec), 1);
}

TEST(the_span_grows_to_an_hour_and_no_further)
{
	struct growth g = { 0 };
	usec_t longest = 0;

	for (usec_t t = 1; t <= 300; t++) {
		growth_add(&g, t * MIN, t * MIB);
		if (!growth_get(&g, &bytes, &usec))
			continue;
		check_int(bytes / (int64_t)MIB, (int64_t)(usec / MIN));
		longest = usec > longest ? usec : longest;
	}
	check(longest >= 50 * MIN && longest <= GROWTH_SPAN_USEC);
	/* And it stays long. */
	check(usec >= 50 * MIN);
}

TEST(a_dense_series_keeps_the_span)
{
	struct growth g = { 0 };

	for (usec_t t = 1; t <= 4000; t++)
		growth_add(&g, t * USEC_PER_SEC, 1000 * t);
	check(growth_get(&g, &bytes, &usec));
	check(usec >= 50 * MIN && usec <= GROWTH_SPAN_USEC);
	check_int(growth_rate(bytes, usec), 1000);
}

TEST(what_shrinks_is_negative)
{
	struct growth g = { 0 };

	growth_add(&g, 1, 100 * MIB);
	growth_add(&g, 1 + 10 * MIN, 40 * MIB);
	check(growth_get(&g, &bytes, &usec));
	check_int(bytes, -60 * (int64_t)MIB);
	check_int(growth_rate(bytes, usec), -60 * (int64_t)MIB / 600);
}

TEST(a_long_gap_starts_anew)
{
	struct growth g = { 0 };

	growth_add(&g, MIN, 1);
	growth_add(&g, 200 * MIN, 1000);
	check(!growth_get(&g, &bytes, &usec));
	growth_add(&g, 201 * MIN, 1003);
	check(growth_get(&g, &bytes, &usec));
	check_int(bytes, 3);
}

TEST(time_does_not_go_back)
{
	struct growth g = { 0 };

	growth_add(&g, 10 * MIN, 100);
	growth_add(&g, 9 * MIN, 50);
	growth_add(&g, 10 * MIN, 60);
	growth_add(&g, 12 * MIN, 130);
	check(growth_get(&g, &bytes, &usec));
	check_int(bytes, 30);
}

TEST(amounts_that_fit_no_number)
{
	struct growth g = { 0 };

	growth_add(&g, 1, 0);
	growth_add(&g, 1 + MIN, UINT64_MAX);
	check(growth_get(&g, &bytes, &usec));
	check(bytes == INT64_MAX);
	check(growth_rate(INT64_MAX, 1) == INT64_MAX);
	check(growth_rate(-INT64_MAX, 1) == INT64_MIN);
}
