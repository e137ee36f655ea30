/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Memory of nodes by the size of its pieces: how much of what is free lies in blocks too small, and
 * huge pages that nobody uses. In calm rounds: buddyinfo takes each zone's lock, and pools are
 * directories. Fills node.unusable.* and node.hugetlb-free.
 */

#include "sense/sensor.h"

struct block_sensor {
	int buddyinfo_fd;
	usec_t looked_at;    /* 0: never */
	unsigned generation; /* of the list of nodes then */
	bool lists_failed;
	bool pools_absent;
	bool pools_due; /* one was written */
	bool lists_due; /* and what is free may lie otherwise */
};

extern const struct sensor block_sensor;
