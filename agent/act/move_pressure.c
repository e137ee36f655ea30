/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What was before is the average of ten seconds that the kernel shows when the move begins; what is
 * now is the difference of totals since the last reading, which is exact over any span.
 */

#include "act/move_pressure.h"

#define READ_EVERY_USEC (250 * USEC_PER_MSEC)
/* 5 points, as hundredths of a percent: less is noise of a machine that does something. */
#define MORE_MAX       500
#define FULL_PERMYRIAD 10000

bool move_pressure_due(const struct move_pressure *pressure, usec_t now)
{
	return !pressure->begun || now - pressure->read_at >= READ_EVERY_USEC;
}

static bool has_risen(uint64_t stalled_usec, usec_t span, uint32_t before)
{
	/* Both are far below what overflows: spans of hours. */
	return stalled_usec * FULL_PERMYRIAD > ((uint64_t)before + MORE_MAX) * span;
}

bool move_pressure_update(struct move_pressure *pressure,
			  const struct stall_reading readings[STALL_COUNT_], usec_t now)
{
	const usec_t span = now - pressure->read_at;
	bool high = false;

	for (unsigned i = 0; i < STALL_COUNT_; i++) {
		const struct stall_reading *r = &readings[i];

		if (!r->known) {
			pressure->of[i].known = false;
			continue;
		}
		if (!pressure->begun)
			pressure->of[i].before = r->avg10;
		else if (pressure->of[i].known && r->total_usec >= pressure->of[i].total_usec &&
			 has_risen(r->total_usec - pressure->of[i].total_usec, span,
				   pressure->of[i].before))
			high = true;
		pressure->of[i].known = true;
		pressure->of[i].total_usec = r->total_usec;
	}
	pressure->begun = true;
	pressure->read_at = now;
	return high;
}
