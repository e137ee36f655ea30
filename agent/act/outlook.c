/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/outlook.h"

/* Memory that is gone within this time is no slow trend. */
#define URGENT_LEFT_USEC ((int64_t)(30 * USEC_PER_SEC))
/* Nearly empty: below a sixteenth of what there is. */
#define URGENT_SHARE 16

enum metric_id outlook_headroom_metric(enum scope scope)
{
	switch (scope) {
	case SCOPE_HOST:
	case SCOPE_CANARY:
		return METRIC_MEM_AVAILABLE;
	case SCOPE_NODE:
		return METRIC_NODE_HEADROOM;
	case SCOPE_SERVICE:
	case SCOPE_COUNT_:
		break;
	}
	return METRIC_NONE;
}

enum metric_id outlook_time_to_empty_metric(enum scope scope)
{
	switch (scope) {
	case SCOPE_HOST:
	case SCOPE_CANARY:
		return METRIC_MEM_TIME_TO_EMPTY;
	case SCOPE_NODE:
		return METRIC_NODE_TIME_TO_EMPTY;
	case SCOPE_SERVICE:
	case SCOPE_COUNT_:
		break;
	}
	return METRIC_NONE;
}

struct reading outlook_time_to_empty(const struct snapshot *snapshot, struct subject subject)
{
	enum metric_id metric = outlook_time_to_empty_metric(subject.scope);

	return metric == METRIC_NONE ? READING_NONE : snapshot_reading(snapshot, subject, metric);
}

uint64_t outlook_fall(const struct snapshot *snapshot, struct subject subject)
{
	enum metric_id metric = outlook_headroom_metric(subject.scope);
	struct reading empty = outlook_time_to_empty(snapshot, subject);
	struct reading headroom;

	if (metric == METRIC_NONE || empty.state != READING_KNOWN)
		return 0;
	headroom = snapshot_reading(snapshot, subject, metric);
	if (headroom.state != READING_KNOWN || headroom.value <= 0 || empty.value <= 0)
		return 0;

	/* Divided first, so that nothing overflows before it is too large to matter. */
	uint64_t msec = (uint64_t)empty.value / USEC_PER_MSEC;
	uint64_t per_msec = (uint64_t)headroom.value / (msec > 0 ? msec : 1);

	return per_msec > UINT64_MAX / 1000 ? UINT64_MAX : per_msec * 1000;
}

static bool is_none(struct reading headroom)
{
	return headroom.state == READING_KNOWN && headroom.value <= 0;
}

bool outlook_is_dry(const struct snapshot *snapshot, struct subject subject)
{
	switch (subject.scope) {
	case SCOPE_HOST:
		for (size_t i = 0; i < snapshot->node_count; i++)
			if (!is_none(snapshot->nodes[i]
					     .readings[metric_index(METRIC_NODE_HEADROOM)]))
				return false;
		return snapshot->node_count > 0;
	case SCOPE_NODE:
		return is_none(snapshot_reading(snapshot, subject, METRIC_NODE_HEADROOM));
	case SCOPE_SERVICE:
		return is_none(snapshot_reading(snapshot, subject, METRIC_SERVICE_HEADROOM));
	case SCOPE_CANARY:
	case SCOPE_COUNT_:
		break;
	}
	return false;
}

bool outlook_is_urgent(struct reading left, struct reading whole, struct reading time_to_empty)
{
	if (time_to_empty.state == READING_KNOWN && time_to_empty.value < URGENT_LEFT_USEC)
		return true;
	return left.state == READING_KNOWN && whole.state == READING_KNOWN &&
	       left.value < whole.value / URGENT_SHARE;
}
