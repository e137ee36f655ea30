/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Does a move press on others? From pressure stall information of its service and of the host: what
 * they wait more than they did before it began.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stdint.h>

enum move_stall {
	STALL_SERVICE_MEMORY,
	STALL_SERVICE_CPU,
	STALL_HOST_MEMORY,
	STALL_HOST_CPU,
	STALL_COUNT_,
};

/* "some" of one file: at least one task waits. */
struct stall_reading {
	bool known;
	uint64_t total_usec;
	uint32_t avg10; /* hundredths of a percent */
};

struct move_pressure {
	usec_t read_at;
	bool begun;
	struct {
		bool known;
		uint64_t total_usec;
		uint32_t before; /* hundredths of a percent */
	} of[STALL_COUNT_];
};

/* Is it time to read again? Some times a second. */
bool move_pressure_due(const struct move_pressure *pressure, usec_t now);
/* True: somebody waits noticeably more than before. The first reading is what was before. */
bool move_pressure_update(struct move_pressure *pressure,
			  const struct stall_reading readings[STALL_COUNT_], usec_t now);
