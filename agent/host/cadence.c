/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/cadence.h"

#include "act/outlook.h"
#include "util/macro.h"

/* Bytes that a host can lose in a microsecond: 6 GB/s. */
#define FILL_BYTES_PER_USEC INT64_C(6000)
/* The measured fall may quadruple before the next sample and still be seen in time. */
#define FALL_FACTOR 4

static usec_t delay_of(struct reading left, struct reading time_to_empty)
{
	if (left.state != READING_KNOWN)
		return CADENCE_MAX_USEC;

	int64_t delay = MAX_OF(left.value, INT64_C(0)) / FILL_BYTES_PER_USEC;

	if (time_to_empty.state == READING_KNOWN)
		delay = MIN_OF(delay, time_to_empty.value / FALL_FACTOR);
	return (usec_t)MAX_OF(delay, INT64_C(0));
}

static usec_t delay_of_services(const struct snapshot *snapshot)
{
	struct reading left = snapshot->nearest_limit;

	if (left.state != READING_KNOWN)
		return CADENCE_MAX_USEC;
	return (usec_t)MAX_OF(left.value, INT64_C(0)) / FALL_FACTOR;
}

static usec_t bounded(usec_t delay)
{
	return MAX_OF(CADENCE_MIN_USEC, MIN_OF(delay, CADENCE_MAX_USEC));
}

usec_t cadence_next(const struct snapshot *snapshot)
{
	const struct reading *host = snapshot->host.readings;
	usec_t delay = delay_of(host[metric_index(METRIC_MEM_AVAILABLE)],
				host[metric_index(METRIC_MEM_TIME_TO_EMPTY)]);

	for (size_t i = 0; i < snapshot->node_count; i++) {
		const struct reading *node = snapshot->nodes[i].readings;

		delay = MIN_OF(delay, delay_of(node[metric_index(METRIC_NODE_HEADROOM)],
					       node[metric_index(METRIC_NODE_TIME_TO_EMPTY)]));
	}
	return bounded(MIN_OF(delay, delay_of_services(snapshot)));
}

bool cadence_is_urgent(const struct snapshot *snapshot)
{
	const struct reading *host = snapshot->host.readings;

	if (outlook_is_urgent(host[metric_index(METRIC_MEM_AVAILABLE)],
			      host[metric_index(METRIC_MEM_TOTAL)],
			      host[metric_index(METRIC_MEM_TIME_TO_EMPTY)]))
		return true;
	for (size_t i = 0; i < snapshot->node_count; i++) {
		const struct reading *node = snapshot->nodes[i].readings;

		if (outlook_is_urgent(node[metric_index(METRIC_NODE_HEADROOM)],
				      node[metric_index(METRIC_NODE_TOTAL)],
				      node[metric_index(METRIC_NODE_TIME_TO_EMPTY)]))
			return true;
	}
	return false;
}

usec_t cadence_services(const struct snapshot *snapshot, bool urgent)
{
	usec_t delay = urgent ? 100 * USEC_PER_MSEC : CADENCE_MAX_USEC;

	return bounded(MIN_OF(delay, delay_of_services(snapshot)));
}

usec_t cadence_rescan(bool urgent)
{
	return urgent ? 250 * USEC_PER_MSEC : CADENCE_MAX_USEC;
}
