/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Nearly all ticks of a host where nothing happens find it as the one before did. What each sensor
 * would find then is known beforehand: nothing, until the first of its files is due. So when a tick
 * has found nothing it notes by how much free memory may differ from then on, and until when; and
 * the next ones look at that and at nothing else, which takes a hundredth of the code. On a host
 * that is idle all of that code is cold, and to fetch it is most of what a tick costs.
 *
 * What the node's slope would have had of these ticks is kept, and given to it when they end.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sense;

/* More than there are between two looks at a node's file, in the slowest cadence. */
#define STILL_TICKS_MAX 8

struct still_tick {
	usec_t at;
	uint64_t free_bytes;
};

struct stillness {
	usec_t until; /* 0: it is not known to be still */
	uint64_t free_bytes;
	uint64_t slack_bytes; /* what free memory may differ from that by */
	uint64_t swap_free_bytes;
	struct still_tick ticks[STILL_TICKS_MAX];
	size_t count;
};

/* Before anything is sensed again. */
void stillness_end(struct sense *sense);
