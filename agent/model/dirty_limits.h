/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's thresholds for dirty memory, from those that a real-time task is shown.
 *
 * vmstat has nr_dirty_threshold and nr_dirty_background_threshold as they hold for its reader, and
 * a real-time task is let further: by a quarter, and by a part of what the limit was of late that
 * is told nowhere (domain_dirty_limits(), mm/page-writeback.c). That addition is the same in both,
 * so that it falls out of their difference, or is found from one that is set in bytes. Who took
 * the numbers as they are would tighten a limit by a quarter to what it is already.
 */

#include <stdbool.h>
#include <stdint.h>

/* vm.dirty or vm.dirty_background: bytes, or percent of what may be dirty. */
struct dirty_knob {
	uint64_t value;
	bool is_ratio;
};

struct dirty_limits {
	uint64_t bytes;
	uint64_t background_bytes;
};

/* Those for everybody else. False: what was seen does not go with what is set. */
bool dirty_limits_of_others(struct dirty_knob limit, struct dirty_knob background,
			    struct dirty_limits seen, struct dirty_limits *ret);
