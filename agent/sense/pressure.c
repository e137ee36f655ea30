/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/pressure.h"

#include "util/macro.h"

void pressure_raise(struct pressure_average *average, usec_t now, struct psi *psi)
{
	struct psi_line *const lines[] = {
		[PRESSURE_SOME] = &psi->some, [PRESSURE_FULL] = &psi->full
	};
	uint64_t totals[PRESSURE_LINE_COUNT_];

	if (!psi->some.present && !psi->full.present)
		return;
	for (int i = 0; i < PRESSURE_LINE_COUNT_; i++)
		totals[i] = lines[i]->present ? lines[i]->total_usec : 0;
	pressure_average_add(average, now, totals);
	for (int i = 0; i < PRESSURE_LINE_COUNT_; i++)
		if (lines[i]->present)
			lines[i]->avg10 =
				MAX_OF(lines[i]->avg10,
				       pressure_average_get(average, (enum pressure_line)i));
}
