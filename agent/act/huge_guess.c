/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/huge_guess.h"

/* Each miss costs a call for one page. One alone may be a window at the edge. */
#define MISSES_MAX 2
/* Windows, a quarter of a GiB: what the kernel collapses meanwhile is noticed then. */
#define AGAIN_WINDOWS 128
/* After so many mappings of small pages the next ones are supposed to be alike, unless they are
 * large enough to be worth a call. */
#define SMALL_MAPS_MAX 4
#define WORTH_BYTES    (UINT64_C(32) << 20)

void huge_guess_begin(struct huge_guess *guess, uint64_t map_bytes)
{
	guess->misses = 0;
	guess->since = 0;
	guess->state = guess->small_maps >= SMALL_MAPS_MAX && map_bytes <= WORTH_BYTES
			       ? HUGE_GUESS_SMALL
			       : HUGE_GUESS_OPEN;
}

bool huge_guess_tries(struct huge_guess *guess)
{
	if (guess->state != HUGE_GUESS_SMALL)
		return true;
	if (++guess->since < AGAIN_WINDOWS)
		return false;
	guess->since = 0;
	return true;
}

void huge_guess_learn(struct huge_guess *guess, size_t whole, size_t not_whole)
{
	if (whole > 0) {
		guess->state = HUGE_GUESS_HUGE;
		guess->misses = 0;
		guess->small_maps = 0;
		return;
	}
	guess->misses += (unsigned)not_whole;
	if (guess->misses < MISSES_MAX || guess->state == HUGE_GUESS_SMALL)
		return;
	guess->state = HUGE_GUESS_SMALL;
	guess->small_maps++;
}
