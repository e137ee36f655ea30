/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/attribution.h"

#include "util/macro.h"

/* Where hits are not counted: less than this part of the limit is left. The kernel charges in
 * batches of 64 pages for each CPU (MEMCG_CHARGE_BATCH), so a service at its limit is seldom nearer
 * than that. */
#define NEAR_PART 64

bool attribution_is_at_limit(const struct attribution_signs *signs)
{
	if (signs->events_known)
		return signs->since_hit_usec <= ATTRIBUTION_WINDOW_USEC;
	return signs->headroom_bytes >= 0 &&
	       signs->headroom_bytes <= signs->limit_bytes / NEAR_PART;
}

int64_t attribution_self(const struct attribution_signs *signs, int64_t pressure)
{
	return attribution_is_at_limit(signs) ? pressure : 0;
}

void attribution_add(struct attribution *own, int64_t self)
{
	own->count++;
	if (self <= 0)
		return;
	own->largest = MAX_OF(own->largest, self);
	if (__builtin_add_overflow(own->sum, self, &own->sum))
		own->sum = INT64_MAX;
}

int64_t attribution_shared(const struct attribution *own, int64_t now, int64_t average)
{
	if (now < 0 || own->count == 0)
		return MAX_OF(now, (int64_t)ATTRIBUTION_UNKNOWN);
	if (average < 0)
		return ATTRIBUTION_UNKNOWN;
	return MIN_OF(now, MAX_OF(average - own->sum, INT64_C(0)));
}

int64_t attribution_least(const struct attribution *own, int64_t pressure)
{
	return MAX_OF(MIN_OF(own->largest, pressure), INT64_C(0));
}

int64_t attribution_most(const struct attribution *own, int64_t pressure)
{
	return MAX_OF(MIN_OF(own->sum, pressure), INT64_C(0));
}

int64_t attribution_held(struct attribution_hold *hold, const struct attribution *own, usec_t now,
			 int64_t shared)
{
	if (shared < 0) {
		*hold = (struct attribution_hold){ 0 };
		return shared;
	}
	/* After a gap what was before says nothing. */
	if (hold->since_usec == 0 || now - hold->since_usec >= 2 * ATTRIBUTION_HOLD_USEC) {
		*hold = (struct attribution_hold){ now, shared, shared };
	} else if (now - hold->since_usec >= ATTRIBUTION_HOLD_USEC) {
		*hold = (struct attribution_hold){ now, hold->least, shared };
	} else {
		hold->least = MIN_OF(hold->least, shared);
	}
	return own->count == 0 ? shared : MIN_OF(hold->before, hold->least);
}
