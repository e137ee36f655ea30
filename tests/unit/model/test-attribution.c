/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/attribution.h"
#include "test.h"

#define PERCENT INT64_C(100)
#define GIB	(INT64_C(1) << 30)

static int64_t shared(const int64_t *self, size_t count, int64_t now, int64_t average)
{
	struct attribution own = { 0 };

	for (size_t i = 0; i < count; i++)
		if (self[i] > 0)
			attribution_add(&own, self[i]);
	return attribution_shared(&own, now, average);
}

static struct attribution_signs hit_ago(usec_t since)
{
	return (struct attribution_signs){ .events_known = true,
					   .since_hit_usec = since,
					   .headroom_bytes = ATTRIBUTION_UNKNOWN };
}

TEST(what_hits_its_limit_is_its_own)
{
	struct attribution_signs signs = hit_ago(2 * USEC_PER_SEC);

	check(attribution_is_at_limit(&signs));
	check_int(attribution_self(&signs, 90 * PERCENT), 90 * PERCENT);
	signs = hit_ago(ATTRIBUTION_WINDOW_USEC);
	check(attribution_is_at_limit(&signs));
	signs = hit_ago(ATTRIBUTION_WINDOW_USEC + 1);
	check_int(attribution_self(&signs, 90 * PERCENT), 0);
	signs = hit_ago(USEC_INFINITY);
	check_int(attribution_self(&signs, 90 * PERCENT), 0);
}

TEST(events_speak_before_nearness)
{
	struct attribution_signs signs = hit_ago(USEC_INFINITY);

	/* Full to the brim of its limit with cache and never held up by it. */
	signs.headroom_bytes = 0;
	signs.limit_bytes = GIB;
	check(!attribution_is_at_limit(&signs));
	signs.events_known = false;
	check(attribution_is_at_limit(&signs));
	signs.headroom_bytes = GIB / 64;
	check(attribution_is_at_limit(&signs));
	signs.headroom_bytes = GIB / 64 + 1;
	check(!attribution_is_at_limit(&signs));
	signs.headroom_bytes = ATTRIBUTION_UNKNOWN;
	check(!attribution_is_at_limit(&signs));
}

/* One user's slice at some 99.47 %, full 86.55 %; the host shows a little more, as it always does.
 */
TEST(the_stalls_of_one_slice_are_not_the_hosts)
{
	const int64_t some[] = { 9947 }, full[] = { 8655 };

	check_int(shared(some, 1, 9950, 9951), 4);
	check_int(shared(full, 1, 8655, 8655), 0);
	check_int(shared(NULL, 0, 9950, 9951), 9950);
}

/* A service at its memory.max with heavy I/O: the host's full avg10 is 30 %. */
TEST(a_service_at_its_memory_max)
{
	const int64_t full[] = { 30 * PERCENT };

	check_int(shared(full, 1, 31 * PERCENT, 30 * PERCENT), 0);
}

/* Throttled at memory.high, full avg10 90 % in it, 500 hits a second. */
TEST(a_service_throttled_at_its_memory_high)
{
	struct attribution_signs signs = hit_ago(0);
	const int64_t full[] = { attribution_self(&signs, 90 * PERCENT) };

	check_int(full[0], 90 * PERCENT);
	check_int(shared(full, 1, 88 * PERCENT, 87 * PERCENT), 0);
}

/* Nobody is at a limit and the host still shows 99 %: then it is the host's, and only a rule that
 * looks at free memory too is right about it. */
TEST(spikes_without_a_limit_stay_the_hosts)
{
	struct attribution_signs signs = hit_ago(USEC_INFINITY);
	const int64_t some[] = { attribution_self(&signs, 99 * PERCENT) };

	check_int(shared(some, 1, 99 * PERCENT, 60 * PERCENT), 99 * PERCENT);
}

TEST(what_overlaps_is_subtracted_once_too_often_rather_than_too_seldom)
{
	const int64_t apart[] = { 30 * PERCENT, 20 * PERCENT };
	struct attribution own = { 0 };

	check_int(shared(apart, 2, 80 * PERCENT, 75 * PERCENT), 25 * PERCENT);
	check_int(shared(apart, 2, 45 * PERCENT, 45 * PERCENT), 0);
	attribution_add(&own, apart[0]);
	attribution_add(&own, apart[1]);
	check_int(attribution_least(&own, 75 * PERCENT), 30 * PERCENT);
	check_int(attribution_most(&own, 75 * PERCENT), 50 * PERCENT);
	check_int(attribution_most(&own, 45 * PERCENT), 45 * PERCENT);
	check_int(attribution_least(&own, 10 * PERCENT), 10 * PERCENT);
	check_int(attribution_least(&own, ATTRIBUTION_UNKNOWN), 0);
}

/* The stall is over, the averages are not. */
TEST(it_ends_when_the_stalls_end)
{
	const int64_t some[] = { 20 * PERCENT };

	check_int(shared(some, 1, 0, 60 * PERCENT), 0);
	check_int(shared(some, 1, 5 * PERCENT, 60 * PERCENT), 5 * PERCENT);
}

TEST(unknown_stays_unknown)
{
	const int64_t some[] = { 20 * PERCENT };

	check_int(shared(some, 1, ATTRIBUTION_UNKNOWN, 60 * PERCENT), ATTRIBUTION_UNKNOWN);
	check_int(shared(some, 1, 60 * PERCENT, ATTRIBUTION_UNKNOWN), ATTRIBUTION_UNKNOWN);
	check_int(shared(NULL, 0, ATTRIBUTION_UNKNOWN, 60 * PERCENT), ATTRIBUTION_UNKNOWN);
	check_int(shared(NULL, 0, 60 * PERCENT, ATTRIBUTION_UNKNOWN), 60 * PERCENT);
}

TEST(no_number_breaks_it)
{
	struct attribution own = { 0 };

	attribution_add(&own, INT64_MAX);
	attribution_add(&own, INT64_MAX);
	attribution_add(&own, INT64_MIN);
	check_int(own.sum, INT64_MAX);
	check_int(attribution_shared(&own, 10000, 10000), 0);
	check_int(attribution_shared(&own, INT64_MIN, INT64_MIN), ATTRIBUTION_UNKNOWN);
}

/* It was just throttled: the host's second shows it, no average does yet. */
TEST(a_stall_that_has_just_begun)
{
	struct attribution own = { 0 };

	attribution_add(&own, 0);
	check_int(attribution_shared(&own, 99 * PERCENT, 0), 0);
	check_int(attribution_shared(&own, 99 * PERCENT, 18 * PERCENT), 18 * PERCENT);
}

TEST(an_average_that_is_ahead_for_a_moment_does_not_count)
{
	struct attribution_hold hold = { 0 };
	struct attribution nobody = { 0 }, one = { 0 };
	usec_t now = 100 * USEC_PER_SEC;

	attribution_add(&one, 0);
	check_int(attribution_held(&hold, &nobody, now, 0), 0);
	for (int i = 0; i < 3; i++) {
		now += USEC_PER_SEC;
		check_int(attribution_held(&hold, &one, now, 18 * PERCENT), 0);
	}
	/* What stays is there. */
	for (int i = 0; i < 8; i++) {
		now += USEC_PER_SEC;
		(void)attribution_held(&hold, &one, now, 18 * PERCENT);
	}
	check_int(attribution_held(&hold, &one, now, 18 * PERCENT), 18 * PERCENT);
	check_int(attribution_held(&hold, &one, now, 5 * PERCENT), 5 * PERCENT);
	/* Where nobody is at a limit it is as it is. */
	check_int(attribution_held(&hold, &nobody, now, 70 * PERCENT), 70 * PERCENT);
}

TEST(a_gap_and_the_unknown_begin_anew)
{
	struct attribution_hold hold = { 0 };
	struct attribution one = { 0 };
	usec_t now = 100 * USEC_PER_SEC;

	attribution_add(&one, 0);
	check_int(attribution_held(&hold, &one, now, 0), 0);
	now += 60 * USEC_PER_SEC;
	check_int(attribution_held(&hold, &one, now, 40 * PERCENT), 40 * PERCENT);
	check_int(attribution_held(&hold, &one, now, 0), 0);
	check_int(attribution_held(&hold, &one, now, ATTRIBUTION_UNKNOWN), ATTRIBUTION_UNKNOWN);
	check_int(attribution_held(&hold, &one, now, 40 * PERCENT), 40 * PERCENT);
}
