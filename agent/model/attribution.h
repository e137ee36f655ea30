/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who makes the pressure.
 *
 * A service that is throttled at its own memory.high, or reclaims at its own memory.max, stalls for
 * a reason that no other memory of the host can cure; yet the host's pressure counts its stalls
 * like any others. A rule that acts on the host's pressure would then take memory, or a life, from
 * somebody who has no part in it. So the pressure of such a service is its own, and what the host
 * shares is what is left:
 *
 *   shared = max(0, host - sum over services at their own limits of their pressure)
 *
 * Pressure is time: the part of it in which somebody (some), or everybody who had work (full), was
 * stalled. The host's time is the union of what its services were stalled for. How far their times
 * overlap is not known: the union of those at their limits is at least the largest of them and at
 * most their sum, and it may cover stalls that are shared as well. Of what is subtracted the sum is
 * the most that they can explain, and what is left is stalled by others for certain: a lower bound.
 * That is the careful side, as this pressure is there to act on others by. What it can miss, a host
 * that is short while many services hit limits, shows in available memory and its fall, which need
 * no attribution.
 *
 * The same holds of full, service by service: at an instant when everybody is stalled, and all of
 * it for own limits, one of those services has stalled tasks, and none that run.
 *
 * Averages are compared with averages: both are over the same 10 s (kernel/sched/psi.c, EXP_10s;
 * model/pressure_average.h), so both lag alike, while totals of services are read in slower rounds
 * than the host's. The pressure of this very second caps the result, so that it ends when
 * the stalls do. The kernel renews each average every 2 s, of each cgroup at another time, and a
 * service is read again every 2 s: for a moment the host's may be ahead. So while somebody is at a
 * limit the least of the last seconds counts (attribution_hold()).
 *
 * Of services that lie in one another only the outermost at a limit may be added: its pressure has
 * that of the others in it.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stdint.h>

/* memory.pressure's avg10 tells of this long; so does a limit that was hit. */
#define ATTRIBUTION_WINDOW_USEC (10 * USEC_PER_SEC)

#define ATTRIBUTION_UNKNOWN (-1)

/* What a service shows. */
struct attribution_signs {
	bool events_known;	/* memory.events, or memory.failcnt on v1 */
	usec_t since_hit_usec;	/* since high or max grew; USEC_INFINITY: not while it was looked at
				 */
	int64_t headroom_bytes; /* below its tightest limit; negative: unknown, or there is none */
	int64_t limit_bytes;	/* that limit; meaningful with headroom_bytes */
};

/* Did it stall for its own limit, within the window? By its events where there are any, else by how
 * near it is. */
bool attribution_is_at_limit(const struct attribution_signs *signs);
/* `pressure` (hundredths of a percent) where it is at its limit, else 0. */
int64_t attribution_self(const struct attribution_signs *signs, int64_t pressure);

/* Services at their own limits, together; a zeroed one is empty. */
struct attribution {
	unsigned count;
	int64_t largest;
	int64_t sum;
};

/* A service at its limit; its average may not show it yet. */
void attribution_add(struct attribution *own, int64_t self);

/* The host's pressure that is nobody's own: `now` the last second's, `average` the last 10 s', both
 * in hundredths of a percent or ATTRIBUTION_UNKNOWN. ATTRIBUTION_UNKNOWN where it cannot be told:
 * without `now`, and without `average` if anybody is at a limit. */
int64_t attribution_shared(const struct attribution *own, int64_t now, int64_t average);

/* What the services at their limits explain of that pressure. */
int64_t attribution_least(const struct attribution *own, int64_t pressure);
int64_t attribution_most(const struct attribution *own, int64_t pressure);

/* What was attributed in the last 4 to 8 s; a zeroed one is empty. */
#define ATTRIBUTION_HOLD_USEC (4 * USEC_PER_SEC)
struct attribution_hold {
	usec_t since_usec; /* 0: nothing yet */
	int64_t before;	   /* the least of the span before this one */
	int64_t least;	   /* of this one */
};

/* Takes `shared` in and returns it, or while somebody is at a limit the least of what it has been.
 */
int64_t attribution_held(struct attribution_hold *hold, const struct attribution *own, usec_t now,
			 int64_t shared);
