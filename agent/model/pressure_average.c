/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/pressure_average.h"

#include "util/macro.h"

#include <stdbool.h>

#define PLACES	       16
#define ONE	       (UINT64_C(1) << PLACES)
#define FULL_PERMYRIAD UINT64_C(10000)
#define STEP_USEC      (100 * USEC_PER_MSEC)
/* e to the power of -0.01, a step through 10 s. */
#define STEP_DECAY UINT64_C(64884)
/* Of what was before two minutes nothing is left. */
#define STEPS_MAX (2 * USEC_PER_MIN / STEP_USEC)

static uint64_t decay_of(uint64_t steps)
{
	uint64_t decay = ONE, power = STEP_DECAY;

	for (; steps > 0; steps >>= 1) {
		if (steps & 1)
			decay = (decay * power + ONE / 2) >> PLACES;
		power = (power * power + ONE / 2) >> PLACES;
	}
	return decay;
}

static void start(struct pressure_average *a, usec_t now, const uint64_t *total_usec)
{
	*a = (struct pressure_average){ .at = now };
	for (int i = 0; i < PRESSURE_LINE_COUNT_; i++)
		a->total_usec[i] = total_usec[i];
}

static bool is_another(const struct pressure_average *a, usec_t now, const uint64_t *total_usec)
{
	if (a->at == 0 || now < a->at)
		return true;
	for (int i = 0; i < PRESSURE_LINE_COUNT_; i++)
		if (total_usec[i] < a->total_usec[i])
			return true;
	return false;
}

void pressure_average_add(struct pressure_average *a, usec_t now,
			  const uint64_t total_usec[static PRESSURE_LINE_COUNT_])
{
	uint64_t elapsed, decay;

	if (is_another(a, now, total_usec)) {
		start(a, now, total_usec);
		return;
	}
	elapsed = now - a->at;
	if (elapsed < STEP_USEC)
		return;
	decay = decay_of(MIN_OF(elapsed / STEP_USEC, STEPS_MAX));
	for (int i = 0; i < PRESSURE_LINE_COUNT_; i++) {
		uint64_t growth = MIN_OF(total_usec[i] - a->total_usec[i], elapsed);
		uint64_t share = (uint64_t)((unsigned __int128)growth * (FULL_PERMYRIAD << PLACES) /
					    elapsed);

		a->average[i] =
			(uint32_t)((a->average[i] * decay + share * (ONE - decay)) >> PLACES);
		a->total_usec[i] = total_usec[i];
	}
	a->at = now;
}

uint32_t pressure_average_get(const struct pressure_average *a, enum pressure_line line)
{
	return (uint32_t)((a->average[line] + ONE / 2) >> PLACES);
}
