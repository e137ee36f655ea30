/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * When to look again. The next sample comes before what is left could be gone: headroom divided by
 * the larger of four times the measured fall and 6 GB/s, the speed at which a few processes fill
 * memory on today's machines, between 20 ms and 1 s, for the host and every node; and four times
 * before the service that comes nearest to a limit of its own can be there.
 */

#include "core/snapshot.h"
#include "util/usec.h"

#define CADENCE_MIN_USEC (20 * USEC_PER_MSEC)
#define CADENCE_MAX_USEC (1 * USEC_PER_SEC)

usec_t cadence_next(const struct snapshot *snapshot);

/* Is the host or a node falling so fast that the next rounds decide, or nearly empty already? Who
 * does it, and where that one is confined to, then has to be found out within moments. */
bool cadence_is_urgent(const struct snapshot *snapshot);

/* How old the readings of services and the list of them may get. */
usec_t cadence_services(const struct snapshot *snapshot, bool urgent);
usec_t cadence_rescan(bool urgent);
