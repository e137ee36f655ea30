/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/dirty_limits.h"
#include "test.h"

#define MIB ((uint64_t)1 << 20)

static const struct dirty_knob of_80_percent = { 80, true }, of_40_percent = { 40, true };

/* What the kernel shows to a real-time task: `of_late` is what the limit was. */
static struct dirty_limits shown(uint64_t bytes, uint64_t background, uint64_t of_late)
{
	return (struct dirty_limits){
		.bytes = bytes + bytes / 4 + of_late / 32,
		.background_bytes = background + background / 4 + of_late / 32,
	};
}

/* Within a thousandth. */
static void check_about(uint64_t is, uint64_t wanted)
{
	check(is >= wanted - wanted / 1000 && is <= wanted + wanted / 1000);
}

static void check_limits(struct dirty_knob limit, struct dirty_knob background,
			 struct dirty_limits seen, uint64_t bytes, uint64_t background_bytes)
{
	struct dirty_limits limits;

	check(dirty_limits_of_others(limit, background, seen, &limits));
	check_about(limits.bytes, bytes);
	check_about(limits.background_bytes, background_bytes);
}

TEST(two_ratios)
{
	check_limits(of_80_percent, of_40_percent, shown(416 * MIB, 208 * MIB, 416 * MIB),
		     416 * MIB, 208 * MIB);
	/* Memory was taken a moment ago, and what the limit was follows slowly. */
	check_limits(of_80_percent, of_40_percent, shown(416 * MIB, 208 * MIB, 980 * MIB),
		     416 * MIB, 208 * MIB);
	check_limits((struct dirty_knob){ 20, true }, (struct dirty_knob){ 10, true },
		     shown(8000000 * MIB, 4000000 * MIB, 8000000 * MIB), 8000000 * MIB,
		     4000000 * MIB);
	/* The older kernels add a quarter alone. */
	check_limits(of_80_percent, of_40_percent, shown(416 * MIB, 208 * MIB, 0), 416 * MIB,
		     208 * MIB);
}

TEST(one_in_bytes)
{
	check_limits((struct dirty_knob){ 300 * MIB, false }, of_40_percent,
		     shown(300 * MIB, 208 * MIB, 980 * MIB), 300 * MIB, 208 * MIB);
	check_limits(of_80_percent, (struct dirty_knob){ 156 * MIB, false },
		     shown(416 * MIB, 156 * MIB, 980 * MIB), 416 * MIB, 156 * MIB);
}

TEST(both_in_bytes_need_no_reading)
{
	check_limits((struct dirty_knob){ 300 * MIB, false },
		     (struct dirty_knob){ 100 * MIB, false }, (struct dirty_limits){ 0 }, 300 * MIB,
		     100 * MIB);
}

/* Then it is half of it, whatever it is set to. */
TEST(a_background_above_the_limit)
{
	struct dirty_limits seen = shown(400 * MIB, 200 * MIB, 400 * MIB);

	check_limits((struct dirty_knob){ 300 * MIB, false },
		     (struct dirty_knob){ 500 * MIB, false }, seen, 300 * MIB, 150 * MIB);
	check_limits(of_40_percent, of_80_percent, seen, 400 * MIB, 200 * MIB);
	check_limits(of_40_percent, of_40_percent, seen, 400 * MIB, 200 * MIB);
	check_limits(of_40_percent, (struct dirty_knob){ 900 * MIB, false }, seen, 400 * MIB,
		     200 * MIB);
	/* Newer kernels take the half of what is shown. */
	seen.background_bytes = seen.bytes / 2;
	check_limits(of_40_percent, of_80_percent, seen, 400 * MIB, 200 * MIB);
	check_limits(of_40_percent, (struct dirty_knob){ 900 * MIB, false }, seen, 400 * MIB,
		     200 * MIB);
}

/* Such as knobs that were written between the two readings. */
TEST(what_does_not_go_together)
{
	struct dirty_limits limits = { 7, 7 };

	check(!dirty_limits_of_others(of_80_percent, of_40_percent,
				      (struct dirty_limits){ 100 * MIB, 200 * MIB }, &limits));
	check(!dirty_limits_of_others((struct dirty_knob){ 300 * MIB, false }, of_40_percent,
				      (struct dirty_limits){ 300 * MIB, 200 * MIB }, &limits));
	check(!dirty_limits_of_others((struct dirty_knob){ 1 * MIB, false }, of_40_percent,
				      (struct dirty_limits){ 300 * MIB, 200 * MIB }, &limits));
	check(!dirty_limits_of_others(of_80_percent, of_40_percent,
				      (struct dirty_limits){ UINT64_MAX, 1 }, &limits));
	check_int(limits.bytes, 7);
	check_limits((struct dirty_knob){ 0, true }, (struct dirty_knob){ 0, true },
		     (struct dirty_limits){ 0 }, 0, 0);
}
