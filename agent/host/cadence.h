/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * When to look again. The next sample comes before what is left could be gone: headroom divided by
 * the larger of four times the measured fall and 6 GB/s, the speed at which a few processes fill
 * memory on today's machines, between 20 ms and 1 s, for the host and every node.
 */

#include "core/snapshot.h"
#include "util/usec.h"

#define CADENCE_MIN_USEC (20 * USEC_PER_MSEC)
#define CADENCE_MAX_USEC (1 * USEC_PER_SEC)

usec_t cadence_next(const struct snapshot *snapshot);

/* How old a reading of services may get: often while a rule is not idle, else at the slow round. */
usec_t cadence_services(bool alert);
