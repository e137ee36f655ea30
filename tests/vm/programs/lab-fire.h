/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What lab-fire.so and whoever lights it share: a file of this size, zeroes at first. */

#include <stdint.h>

enum fire_request {
	FIRE_HEAP,
	FIRE_MAPPING,
	FIRE_FORK,
	FIRE_REQUESTS_,
};

struct fire {
	volatile uint32_t is_there; /* the library takes part */
	volatile uint32_t lit;	    /* all further requests are refused, and counted */
	uint32_t by_main[FIRE_REQUESTS_];
	uint32_t by_others[FIRE_REQUESTS_]; /* what it has forked */
};
