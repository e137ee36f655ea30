/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/slope.h"
#include "test.h"
#include "util/macro.h"

#define MIB ((int64_t)1 << 20)
#define MS  USEC_PER_MSEC

/* Samples `step` apart from `from` up to and with `to`, falling by `rate` bytes a second. */
static int64_t run(struct slope *s, usec_t from, usec_t to, usec_t step, int64_t level,
		   int64_t rate)
{
	for (usec_t t = from; t <= to; t += step)
		slope_add(s, t,
			  level - (int64_t)((t - from) * (usec_t)llabs(rate) / USEC_PER_SEC) *
					  (rate < 0 ? -1 : 1),
			  0);
	return level - (int64_t)(to - from) * rate / (int64_t)USEC_PER_SEC;
}

static void check_falls(const struct slope *s, int64_t rate)
{
	uint64_t got = 0;

	check_int(slope_fall(s, &got), SLOPE_FALLING);
	/* Rounding of the test's own levels: two bytes over the shortest span. */
	check((int64_t)got >= rate - rate / 1000 - 200 && (int64_t)got <= rate + rate / 1000 + 200);
}

TEST(three_samples_are_needed)
{
	struct slope s = { 0 };
	uint64_t rate = 7;
	usec_t left = 7;

	check_int(slope_fall(&s, &rate), SLOPE_UNKNOWN);
	slope_add(&s, 1000 * MS, 300 * MIB, 0);
	slope_add(&s, 1100 * MS, 290 * MIB, 0);
	check_int(slope_fall(&s, &rate), SLOPE_UNKNOWN);
	check_int(slope_time_to_empty(&s, &left), SLOPE_UNKNOWN);
	check_int(rate, 7);
	slope_add(&s, 1200 * MS, 280 * MIB, 0);
	check_falls(&s, 100 * MIB);
	check_int(slope_time_to_empty(&s, &left), SLOPE_FALLING);
	check_int(left, 2800 * MS);
}

TEST(what_does_not_fall_never_empties)
{
	struct slope s = { 0 };
	uint64_t rate = 7;
	usec_t left = 7;

	run(&s, 0, 8000 * MS, 100 * MS, 300 * MIB, 0);
	check_int(slope_fall(&s, &rate), SLOPE_STEADY);
	check_int(slope_time_to_empty(&s, &left), SLOPE_STEADY);
	slope_reset(&s);
	run(&s, 0, 8000 * MS, 100 * MS, 300 * MIB, -5 * MIB);
	check_int(slope_time_to_empty(&s, &left), SLOPE_STEADY);
	check_int(left, 7);
	check_int(rate, 7);
}

TEST(at_every_cadence)
{
	static const usec_t steps[] = { 1 * MS,	  7 * MS,   20 * MS,  33 * MS,
					100 * MS, 450 * MS, 1000 * MS };

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct slope s = { 0 };

		run(&s, 5, 5 + 12000 * MS, steps[i], 4096 * MIB, 64 * MIB);
		check_falls(&s, 64 * MIB);
	}
}

/* Slow for long, then fast: the short span answers. */
TEST(the_faster_of_two_spans_when_a_burst_begins)
{
	struct slope s = { 0 };
	int64_t level = run(&s, 0, 6000 * MS, 20 * MS, 4096 * MIB, 10 * MIB);

	run(&s, 6000 * MS, 6600 * MS, 20 * MS, level, 500 * MIB);
	check_falls(&s, 500 * MIB);
}

/* Fast, then quiet for less than the long span: the long span remembers. */
TEST(the_faster_of_two_spans_between_bursts)
{
	struct slope s = { 0 };
	int64_t level = run(&s, 0, 4000 * MS, 20 * MS, 4096 * MIB, 100 * MIB);
	uint64_t rate;

	run(&s, 4020 * MS, 5020 * MS, 20 * MS, level, 0);
	check_int(slope_fall(&s, &rate), SLOPE_FALLING);
	/* 400 MiB fell in about five seconds. */
	check(rate > (uint64_t)(75 * MIB) && rate < (uint64_t)(85 * MIB));
	run(&s, 5040 * MS, 12000 * MS, 20 * MS, level, 0);
	check_int(slope_fall(&s, &rate), SLOPE_STEADY);
}

TEST(the_long_span_is_not_longer)
{
	struct slope s = { 0 };
	int64_t level = run(&s, 0, 5000 * MS, 20 * MS, 4096 * MIB, 100 * MIB);
	uint64_t rate;

	/* Back up, then level: nothing of the fall before is within 5 s. */
	run(&s, 5020 * MS, 10600 * MS, 20 * MS, level, 0);
	check_int(slope_fall(&s, &rate), SLOPE_STEADY);
}

TEST(own_moves_are_added_back)
{
	struct slope s = { 0 };
	uint64_t rate;

	/* Filled by us with 50 MiB a tenth: not running dry. */
	for (int i = 0; i < 20; i++)
		slope_add(&s, (usec_t)i * 100 * MS, 4096 * MIB - i * 50 * MIB, i * 50 * MIB);
	check_int(slope_fall(&s, &rate), SLOPE_STEADY);
	/* Emptied by us while others fill it by as much: it falls, though its level stands. */
	slope_reset(&s);
	for (int i = 0; i < 20; i++)
		slope_add(&s, (usec_t)i * 100 * MS, 1000 * MIB, -i * 50 * MIB);
	check_falls(&s, 500 * MIB);
}

TEST(a_gap_makes_a_new_start)
{
	struct slope s = { 0 };
	uint64_t rate;

	run(&s, 0, 1000 * MS, 100 * MS, 4096 * MIB, 100 * MIB);
	slope_add(&s, 1000 * MS + SLOPE_GAP_USEC, 900 * MIB, 0);
	check_int(slope_fall(&s, &rate), SLOPE_FALLING);
	slope_add(&s, 1000 * MS + 2 * SLOPE_GAP_USEC + 1, 100 * MIB, 0);
	check_int(slope_fall(&s, &rate), SLOPE_UNKNOWN);
	slope_add(&s, 1100 * MS + 2 * SLOPE_GAP_USEC, 100 * MIB, 0);
	check_int(slope_fall(&s, &rate), SLOPE_UNKNOWN);
	slope_add(&s, 1200 * MS + 2 * SLOPE_GAP_USEC, 100 * MIB, 0);
	check_int(slope_fall(&s, &rate), SLOPE_STEADY);
}

TEST(time_that_does_not_advance_is_ignored)
{
	struct slope s = { 0 };
	usec_t left;

	slope_add(&s, 1000 * MS, 300 * MIB, 0);
	slope_add(&s, 1100 * MS, 290 * MIB, 0);
	slope_add(&s, 1200 * MS, 280 * MIB, 0);
	slope_add(&s, 1200 * MS, 1 * MIB, 0);
	slope_add(&s, 900 * MS, 1 * MIB, 0);
	check_int(slope_time_to_empty(&s, &left), SLOPE_FALLING);
	check_int(left, 2800 * MS);
}

TEST(an_empty_level_is_empty_now)
{
	struct slope s = { 0 };
	usec_t left = 7;

	run(&s, 0, 1000 * MS, 100 * MS, 100 * MIB, 100 * MIB);
	check_int(slope_time_to_empty(&s, &left), SLOPE_FALLING);
	check_int(left, 0);
}

TEST(extremes_do_not_wrap)
{
	struct slope s = { 0 };
	uint64_t rate;
	usec_t left;

	slope_add(&s, 1, INT64_MAX, INT64_MAX);
	slope_add(&s, 2, 0, 0);
	slope_add(&s, 3, INT64_MIN, INT64_MIN);
	check_int(slope_fall(&s, &rate), SLOPE_FALLING);
	check(rate > 0);
	check_int(slope_time_to_empty(&s, &left), SLOPE_FALLING);
	check_int(left, 0);
	slope_reset(&s);
	slope_add(&s, 1 * MS, INT64_MAX, 0);
	slope_add(&s, 500 * MS, INT64_MAX, 0);
	slope_add(&s, 1000 * MS, INT64_MAX - 1, 0);
	check_int(slope_time_to_empty(&s, &left), SLOPE_FALLING);
	check(left > USEC_PER_SEC && left != USEC_INFINITY);
}

/* Of a level that is looked at less often than every three seconds. */
TEST(a_gap_is_as_long_as_whoever_looks_says)
{
	struct slope s = { 0 }, patient = { .gap_usec = 11 * USEC_PER_SEC };
	uint64_t rate;

	for (unsigned i = 1; i <= 3; i++) {
		slope_add(&s, 5 * i * USEC_PER_SEC, (100 - 10 * (int64_t)i) * MIB, 0);
		slope_add(&patient, 5 * i * USEC_PER_SEC, (100 - 10 * (int64_t)i) * MIB, 0);
	}
	check_int(slope_fall(&s, &rate), SLOPE_UNKNOWN);
	check_falls(&patient, 2 * MIB);
	slope_reset(&patient);
	check_int(patient.gap_usec, 11 * USEC_PER_SEC);
	slope_add(&patient, 20 * USEC_PER_SEC, 50 * MIB, 0);
	slope_add(&patient, 40 * USEC_PER_SEC, 40 * MIB, 0);
	check_int(patient.count, 1);
}
