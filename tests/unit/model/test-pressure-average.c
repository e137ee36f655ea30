/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "model/pressure_average.h"

#define STALLED 10000u

static void add(struct pressure_average *a, usec_t now, uint64_t some, uint64_t full)
{
	pressure_average_add(a, now, (uint64_t[]){ some, full });
}

static void check_near(uint32_t got, uint32_t wanted, uint32_t apart)
{
	check(got + apart >= wanted && got <= wanted + apart);
}

TEST(a_stall_without_end_comes_near_to_all_of_the_time)
{
	struct pressure_average a = { 0 };
	usec_t t = USEC_PER_SEC;

	add(&a, t, 500, 0);
	check_int(pressure_average_get(&a, PRESSURE_SOME), 0);
	for (int i = 1; i <= 60; i++)
		add(&a, t + (usec_t)i * USEC_PER_SEC, 500 + (uint64_t)i * USEC_PER_SEC, 0);
	check_near(pressure_average_get(&a, PRESSURE_SOME), STALLED, 30);
	check_int(pressure_average_get(&a, PRESSURE_FULL), 0);
}

/* By 1 - 1/e of it in the 10 s that it is named after, whoever looks how often. */
TEST(it_rises_as_the_kernels_does)
{
	static const usec_t every[] = { USEC_PER_SEC / 10, USEC_PER_SEC, 2 * USEC_PER_SEC,
					10 * USEC_PER_SEC };

	for (size_t i = 0; i < sizeof(every) / sizeof(every[0]); i++) {
		struct pressure_average a = { 0 };

		for (usec_t t = 0; t <= 10 * USEC_PER_SEC; t += every[i])
			add(&a, USEC_PER_SEC + t, t, t / 2);
		check_near(pressure_average_get(&a, PRESSURE_SOME), 6321, 25);
		check_near(pressure_average_get(&a, PRESSURE_FULL), 3161, 25);
	}
}

TEST(it_falls_when_nothing_stalls)
{
	struct pressure_average a = { 0 };
	usec_t t = USEC_PER_SEC;

	add(&a, t, 0, 0);
	t += USEC_PER_MIN;
	add(&a, t, USEC_PER_MIN, 0);
	check_near(pressure_average_get(&a, PRESSURE_SOME), STALLED, 30);
	t += 10 * USEC_PER_SEC;
	add(&a, t, USEC_PER_MIN, 0);
	check_near(pressure_average_get(&a, PRESSURE_SOME), 3679, 30);
	/* However long nobody looked. */
	t += UINT64_C(1) << 50;
	add(&a, t, USEC_PER_MIN, 0);
	check_int(pressure_average_get(&a, PRESSURE_SOME), 0);
}

TEST(looks_that_come_close_together_lose_nothing)
{
	struct pressure_average a = { 0 };
	usec_t t = USEC_PER_SEC;

	add(&a, t, 0, 0);
	for (usec_t at = 0; at <= 10 * USEC_PER_SEC; at += USEC_PER_SEC / 50)
		add(&a, t + at, at, 0);
	check_near(pressure_average_get(&a, PRESSURE_SOME), 6321, 60);
}

TEST(another_cgroup_or_time_starts_anew)
{
	struct pressure_average a = { 0 };

	add(&a, USEC_PER_SEC, 1000, 1000);
	add(&a, 60 * USEC_PER_SEC, 59 * USEC_PER_SEC, 1000);
	check(pressure_average_get(&a, PRESSURE_SOME) > 9000);
	add(&a, 61 * USEC_PER_SEC, 59 * USEC_PER_SEC, 999);
	check_int(pressure_average_get(&a, PRESSURE_SOME), 0);
	add(&a, 71 * USEC_PER_SEC, 69 * USEC_PER_SEC, 999);
	check(pressure_average_get(&a, PRESSURE_SOME) > 6000);
	add(&a, 3 * USEC_PER_SEC, 69 * USEC_PER_SEC, 999);
	check_int(pressure_average_get(&a, PRESSURE_SOME), 0);
}

TEST(totals_that_outrun_the_clock_are_all_of_the_time)
{
	struct pressure_average a = { 0 };

	add(&a, USEC_PER_SEC, 0, 0);
	add(&a, 121 * USEC_PER_SEC, UINT64_MAX, UINT64_MAX);
	check_near(pressure_average_get(&a, PRESSURE_FULL), STALLED, 1);
	check(pressure_average_get(&a, PRESSURE_FULL) <= STALLED);
}
