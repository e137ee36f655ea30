/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How large a call of a move is, how long it rests, and when it gives way. */

#include "act/huge_guess.h"
#include "act/move_pace.h"
#include "act/move_pressure.h"
#include "test.h"

static usec_t clock_usec;

/* One call that takes so long; the time that it rests afterwards. */
static usec_t call(struct move_pace *pace, usec_t usec, size_t stayed)
{
	const size_t pages = move_pace_pages(pace, UINT64_MAX);
	const struct move_call c = { .named = pages,
				     .tried = pages,
				     .stayed = stayed,
				     .call_usec = usec,
				     .begun_usec = clock_usec,
				     .ended_usec = clock_usec + usec };

	move_pace_note_call(pace, &c);
	clock_usec += usec;
	return pace->rest_until > clock_usec ? pace->rest_until - clock_usec : 0;
}

static size_t pages(const struct move_pace *pace)
{
	return move_pace_pages(pace, UINT64_MAX);
}

static void begin(struct move_pace *pace, bool is_calm)
{
	move_pace_init(pace, is_calm, 5 * USEC_PER_MSEC, 512, 2048, 32);
	clock_usec = USEC_PER_SEC;
}

TEST(short_calls_double_at_once)
{
	struct move_pace pace;

	begin(&pace, false);
	check_int(pages(&pace), 1024);
	call(&pace, 1000, 0);
	check_int(pages(&pace), 2048);
	call(&pace, 2000, 0);
	check_int(pages(&pace), 2048);
	check_int(move_pace_huge(&pace, UINT64_MAX), 4);
}

TEST(a_good_length_is_kept)
{
	struct move_pace pace;

	begin(&pace, false);
	for (unsigned i = 0; i < 100; i++)
		call(&pace, (28 + i % 14) * USEC_PER_MSEC, 0);
	check_int(pages(&pace), 1024);
	/* One that is slow is chance, and so is one that is quick. */
	for (unsigned i = 0; i < 30; i++) {
		call(&pace, 30 * USEC_PER_MSEC, 0);
		call(&pace, 200 * USEC_PER_MSEC, 0);
		call(&pace, 20 * USEC_PER_MSEC, 0);
	}
	check_int(pages(&pace), 1024);
	/* What is left at the end of a mapping is as quick as it is small. */
	for (unsigned i = 0; i < 100; i++)
		move_pace_note_call(&pace, &(struct move_call){ .named = 100, .call_usec = 1000 });
	check_int(pages(&pace), 1024);
}

/* A third of a call is not copying: window by window, until it is long enough. */
TEST(middling_calls_grow_by_windows)
{
	struct move_pace pace;

	begin(&pace, false);
	for (unsigned i = 0; i < 100; i++)
		call(&pace, 8000 + pages(&pace) * 14, 0);
	check_int(pages(&pace), 1536);
}

/* All of it is: it is tried, and given up for long. */
TEST(growing_that_makes_calls_too_long_is_taken_back)
{
	struct move_pace pace;
	unsigned large = 0;

	begin(&pace, false);
	for (unsigned i = 0; i < 140; i++) {
		large += pages(&pace) > 1024;
		check(pages(&pace) <= 1536);
		call(&pace, pages(&pace) > 1024 ? 45000 : 22000, 0);
	}
	check_int(pages(&pace), 1024);
	check_int(large, 2 * 3);
}

/* But not below a window: of that a part is no cheaper. */
TEST(long_calls_halve_where_that_helps)
{
	struct move_pace pace;

	begin(&pace, false);
	for (unsigned i = 0; i < 40; i++)
		call(&pace, pages(&pace) * 60, 0);
	check_int(pages(&pace), 512);
	for (unsigned i = 0; i < 300; i++)
		call(&pace, pages(&pace) * 200, 0);
	check_int(pages(&pace), 512);
	/* It was load, and comes back when that is over. */
	for (unsigned i = 0; i < 70; i++)
		call(&pace, pages(&pace) * 28, 0);
	check_int(pages(&pace), 1024);
}

/* A machine where each call waits for others, a tenth of a second and at times much more. */
TEST(what_is_slow_whatever_its_size_is_made_large)
{
	struct move_pace pace;
	uint64_t moved = 0;

	begin(&pace, false);
	for (unsigned i = 0; i < 100; i++) {
		moved += pages(&pace);
		call(&pace, (100 + pages(&pace) / 50 + (i % 7 == 3 ? 2000U : 0)) * USEC_PER_MSEC,
		     0);
		check(pages(&pace) >= 512);
	}
	check_int(pages(&pace), 2048);
	check(moved >= 85 * 2048);
}

TEST(a_call_is_never_empty)
{
	struct move_pace pace;

	move_pace_init(&pace, false, 0, 512, 1, 1);
	check_int(pages(&pace), 1);
	for (unsigned i = 0; i < 10; i++)
		call(&pace, USEC_PER_SEC, 0);
	check_int(pages(&pace), 1);
	check_int(move_pace_pages(&pace, 0), 1);
	check_int(move_pace_huge(&pace, 0), 1);
}

TEST(little_room_makes_small_calls)
{
	struct move_pace pace;

	begin(&pace, false);
	check_int(move_pace_pages(&pace, 4096), 1024);
	check_int(move_pace_pages(&pace, 1000), 250);
	check_int(move_pace_pages(&pace, 10), 64);
	check_int(move_pace_pages(&pace, 0), 64);
	move_pace_note_call(&pace, &(struct move_call){ .huge = true, .named = 4 });
	check_int(move_pace_huge(&pace, UINT64_MAX), 8);
	check_int(move_pace_huge(&pace, 8192), 4);
	check_int(move_pace_huge(&pace, 100), 1);
}

TEST(rests_of_relief_and_of_calm)
{
	struct move_pace pace;

	begin(&pace, false);
	check_int(call(&pace, 32000, 0), 0);
	check_int(call(&pace, 1000, 0), 4000);
	/* Most of it is held by others. */
	check_int(call(&pace, 32000, 1200), 4000);
	check_int(call(&pace, 32000, 0), 0);
	for (unsigned i = 0; i < 10; i++)
		move_pace_note_pressure(&pace, true);
	check_int(call(&pace, 32000, 0), 32000);
	move_pace_note_pressure(&pace, false);
	check_int(call(&pace, 32000, 0), 16000);
	for (unsigned i = 0; i < 10; i++)
		move_pace_note_pressure(&pace, false);
	check_int(call(&pace, 32000, 0), 0);

	begin(&pace, true);
	check_int(call(&pace, 32000, 0), 32000);
	for (unsigned i = 0; i < 10; i++)
		move_pace_note_pressure(&pace, true);
	check_int(call(&pace, 32000, 0), 8 * 32000);
	check_int(call(&pace, 32000, 2000), 8 * 32000);
	for (unsigned i = 0; i < 10; i++)
		move_pace_note_pressure(&pace, false);
	check_int(call(&pace, 32000, 0), 32000);
}

/* A sleep of a millisecond takes two: it is put together with the next ones. */
TEST(short_rests_are_put_together)
{
	struct move_pace pace;
	usec_t rested = 0;
	unsigned rests = 0;

	begin(&pace, false);
	for (unsigned i = 0; i < 32; i++) {
		usec_t usec;

		call(&pace, 3500, 0);
		usec = move_pace_rest(&pace, clock_usec);
		check(usec == 0 || usec >= 3000);
		rests += usec > 0;
		rested += usec;
		clock_usec += usec;
	}
	check_int(rested, 32 * 1500);
	check_int(rests, 16);
	check_int(move_pace_rest(&pace, clock_usec), 0);
}

/* Stall of so many hundredths of a percent since the last reading, a second ago. */
static bool press(struct move_pressure *pressure, struct stall_reading *readings, unsigned which,
		  uint64_t permyriad)
{
	clock_usec += USEC_PER_SEC;
	readings[which].total_usec += permyriad * 100;
	check(move_pressure_due(pressure, clock_usec));
	return move_pressure_update(pressure, readings, clock_usec);
}

TEST(pressure_is_what_came_with_it)
{
	for (unsigned i = 0; i < STALL_COUNT_; i++) {
		struct stall_reading readings[STALL_COUNT_] = { 0 };
		struct move_pressure pressure = { 0 };

		readings[i] = (struct stall_reading){ .known = true,
						      .total_usec = UINT64_C(1) << 40,
						      .avg10 = 1000 };
		check(!press(&pressure, readings, i, 0));
		check(!press(&pressure, readings, i, 1000));
		check(!press(&pressure, readings, i, 1500));
		check(press(&pressure, readings, i, 1510));
		check(press(&pressure, readings, i, 10000));
		check(!press(&pressure, readings, i, 0));
		check(!move_pressure_due(&pressure, clock_usec + 100 * USEC_PER_MSEC));
	}
}

TEST(pressure_that_is_not_known_is_none)
{
	struct stall_reading readings[STALL_COUNT_] = { 0 };
	struct move_pressure pressure = { 0 };

	check(!press(&pressure, readings, 0, 5000));
	check(!press(&pressure, readings, 0, 5000));
	/* It comes late, and goes back (the cgroup is another one). */
	readings[0].known = true;
	check(!press(&pressure, readings, 0, 9000));
	check(press(&pressure, readings, 0, 9000));
	readings[0].total_usec = 5;
	check(!press(&pressure, readings, 0, 0));
	readings[0].known = false;
	check(!press(&pressure, readings, 0, 9000));
}

TEST(guesses)
{
	struct huge_guess guess = { 0 };

	huge_guess_begin(&guess, UINT64_C(1) << 30);
	check(huge_guess_tries(&guess));
	huge_guess_learn(&guess, 1, 0);
	check_int(guess.state, HUGE_GUESS_HUGE);
	/* One that is not is no reason. */
	huge_guess_learn(&guess, 0, 1);
	check_int(guess.state, HUGE_GUESS_HUGE);
	huge_guess_learn(&guess, 1, 1);
	huge_guess_learn(&guess, 0, 2);
	check_int(guess.state, HUGE_GUESS_SMALL);
	for (unsigned i = 0; i < 127; i++)
		check(!huge_guess_tries(&guess));
	check(huge_guess_tries(&guess));
	huge_guess_learn(&guess, 1, 0);
	check(huge_guess_tries(&guess));

	/* Neither moved: it shows nothing. */
	huge_guess_begin(&guess, UINT64_C(1) << 30);
	for (unsigned i = 0; i < 10; i++)
		huge_guess_learn(&guess, 0, 0);
	check_int(guess.state, HUGE_GUESS_OPEN);

	for (unsigned i = 0; i < 4; i++) {
		huge_guess_begin(&guess, UINT64_C(8) << 20);
		check(huge_guess_tries(&guess));
		huge_guess_learn(&guess, 0, 2);
	}
	huge_guess_begin(&guess, UINT64_C(8) << 20);
	check(!huge_guess_tries(&guess));
	huge_guess_begin(&guess, UINT64_C(64) << 20);
	check(huge_guess_tries(&guess));
}
