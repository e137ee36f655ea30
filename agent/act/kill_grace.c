/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/kill_grace.h"

#include "act/outlook.h"
#include "util/amount.h"
#include "util/macro.h"

/* USEC_INFINITY: it does not fall, or that is not known. */
static usec_t time_left(const struct snapshot *snapshot, struct subject subject)
{
	struct reading left =
		subject.scope == SCOPE_SERVICE
			? snapshot_reading(snapshot, subject, METRIC_SERVICE_TIME_TO_LIMIT)
			: outlook_time_to_empty(snapshot, subject);

	/* Where nothing is left, nothing falls any more. */
	if (outlook_is_dry(snapshot, subject))
		return 0;
	return left.state == READING_KNOWN && left.value >= 0 ? (usec_t)left.value : USEC_INFINITY;
}

usec_t kill_grace(const struct snapshot *snapshot, struct subject subject, usec_t least,
		  usec_t most)
{
	usec_t half = MAX_OF(time_left(snapshot, subject) / 2, least);

	return MIN_OF(most, half);
}

usec_t kill_deadline(const struct snapshot *snapshot, struct subject subject, usec_t now,
		     usec_t since, usec_t least, usec_t deadline)
{
	usec_t left = time_left(snapshot, subject);

	if (left == USEC_INFINITY)
		return deadline;
	return MIN_OF(deadline, MAX_OF(plus(now, left / 2), since + least));
}
