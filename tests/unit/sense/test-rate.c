/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "sense/rate.h"

static struct rate rate;
static uint64_t growth;
static usec_t elapsed;

static bool update_at_msec(usec_t msec, uint64_t total)
{
	return rate_update(&rate, msec * USEC_PER_MSEC, total, &growth, &elapsed);
}

TEST(the_first_sample_tells_nothing)
{
	rate = (struct rate){ 0 };
	check(!update_at_msec(1000, 500));
}

TEST(a_second_apart_gives_the_growth)
{
	rate = (struct rate){ 0 };
	update_at_msec(1000, 500);
	check(update_at_msec(2000, 800));
	check_int(growth, 300);
	check_int(elapsed, USEC_PER_SEC);
}

TEST(at_a_fast_cadence_the_reference_is_a_second_old)
{
	rate = (struct rate){ 0 };
	for (usec_t t = 0; t <= 5000; t += 20)
		update_at_msec(t, t);
	check(elapsed >= 900 * USEC_PER_MSEC && elapsed <= 1000 * USEC_PER_MSEC);
	check_int(growth, elapsed / USEC_PER_MSEC);
}

TEST(too_short_a_span_is_no_rate)
{
	rate = (struct rate){ 0 };
	update_at_msec(1000, 0);
	check(!update_at_msec(1100, 100));
	check(update_at_msec(1300, 100));
	check_int(elapsed, 300 * USEC_PER_MSEC);
}

TEST(after_a_gap_it_starts_anew)
{
	rate = (struct rate){ 0 };
	update_at_msec(1000, 0);
	check(!update_at_msec(10000, 900));
	check(update_at_msec(11000, 1000));
	check_int(growth, 100);
}

TEST(a_counter_that_goes_backwards_is_another_one)
{
	rate = (struct rate){ 0 };
	update_at_msec(1000, 1000000);
	check(!update_at_msec(2000, 10));
	check(update_at_msec(3000, 30));
	check_int(growth, 20);
}

TEST(time_that_goes_backwards_starts_anew)
{
	rate = (struct rate){ 0 };
	update_at_msec(9000, 5);
	check(!update_at_msec(1000, 6));
	check(update_at_msec(2000, 8));
	check_int(growth, 2);
}
