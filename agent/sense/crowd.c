/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/crowd.h"

#include "sense/state.h"
#include "util/macro.h"

#define SMALL_PART 1000

static uint64_t host_bytes(const struct sense *s, enum metric_id id)
{
	return reading_amount(host_reading(s, id));
}

/* The least limit that is known of it, or UINT64_MAX. */
static uint64_t limit_bytes(const struct service *service)
{
	static const enum metric_id ids[] = { METRIC_SERVICE_MAX, METRIC_SERVICE_LIMIT };
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct reading limit = service->readings[metric_index(ids[i])];

		if (limit.state == READING_KNOWN && limit.value >= 0)
			least = MIN_OF(least, (uint64_t)limit.value);
	}
	return least;
}

/* The kernel weighs processes against memory and swap together. */
struct crowd crowd_begin(const struct sense *s, size_t index)
{
	uint64_t page = s->snapshot.host.page_size_bytes;
	uint64_t host = host_bytes(s, METRIC_MEM_TOTAL) + host_bytes(s, METRIC_SWAP_TOTAL);
	uint64_t limit = MIN_OF(host, limit_bytes(&s->registry.services[index]));

	return (struct crowd){
		.below = limit / SMALL_PART / page,
		.host_below = host / SMALL_PART / page,
	};
}

static void add(uint64_t *sum, uint64_t pages)
{
	if (__builtin_add_overflow(*sum, pages, sum))
		*sum = UINT64_MAX;
}

void crowd_add(struct crowd *crowd, uint64_t rss_pages)
{
	if (rss_pages < crowd->below)
		add(&crowd->pages, rss_pages);
	if (rss_pages < crowd->host_below)
		add(&crowd->host_pages, rss_pages);
}

void crowd_take(struct sense *s, size_t index, const struct crowd *crowd)
{
	struct service_entry *entry = &s->registry.entries[index];

	entry->crowd_pages = (uint32_t)MIN_OF(crowd->pages, (uint64_t)UINT32_MAX);
	entry->crowd_host_pages = (uint32_t)MIN_OF(crowd->host_pages, (uint64_t)UINT32_MAX);
	s->processes.is_crowd_stale = true;
	crowd_fill_service(s, index);
}

/* What so many pages of a service are at most; false: that is not known. */
static bool bound(const struct sense *s, size_t index, uint32_t pages, uint64_t *ret_bytes)
{
	const struct service *service = &s->registry.services[index];
	struct reading whole = service->readings[metric_index(METRIC_SERVICE_ANON)];

	if (whole.state != READING_KNOWN)
		whole = service->readings[metric_index(METRIC_SERVICE_CURRENT)];
	if (s->registry.entries[index].listed_at == 0 || whole.state != READING_KNOWN ||
	    host_bytes(s, METRIC_MEM_TOTAL) == 0)
		return false;
	*ret_bytes = MIN_OF(pages * s->snapshot.host.page_size_bytes, reading_amount(whole));
	return true;
}

void crowd_fill_service(struct sense *s, size_t index)
{
	struct reading *reading =
		&s->registry.services[index].readings[metric_index(METRIC_SERVICE_CROWD)];
	uint64_t bytes;

	*reading = bound(s, index, s->registry.entries[index].crowd_pages, &bytes)
			   ? reading_of_bytes(bytes)
			   : READING_NONE;
}

/* A service that nothing is known of leaves the sum a lower bound, which is what rules ask for. */
void crowd_fill_host(struct sense *s)
{
	struct reading *reading = &s->snapshot.host.readings[metric_index(METRIC_HOST_CROWD)];
	uint64_t sum = 0, bytes;
	bool any = false;

	if (!s->processes.is_crowd_stale)
		return;
	s->processes.is_crowd_stale = false;
	for (size_t i = 0; i < s->registry.count; i++) {
		if (!bound(s, i, s->registry.entries[i].crowd_host_pages, &bytes))
			continue;
		any = true;
		add(&sum, bytes);
	}
	*reading = any || s->registry.count == 0 ? reading_of_bytes(sum) : READING_NONE;
}
