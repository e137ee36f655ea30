/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Time to a limit needs a history of a kilobyte, which not every service is worth: those have one
 * that have used up half of what a limit leaves them. A service that is further away gets one a
 * calm round after it has come so far; growing at 1 GB/s it has seconds left by then, and one that
 * has 4 GiB of room or less has no time to lose anyway and is near its limit at once.
 */

#include "sense/service_readings.h"

#include "model/attribution.h"
#include "sense/crowd.h"
#include "sense/service_bounds.h"
#include "sense/state.h"
#include "util/macro.h"

#include <stdio.h>
#include <stdlib.h>

#define NEAR_PART 8
/* A history from half of the limit on, until three quarters are free again. */
#define SLOPE_PART	   2
#define SLOPE_RELEASE_PART 4
#define SLOPES_MAX	   256

void service_totals_subtract(const struct sense *s, struct service_totals *own,
			     const struct service_totals *below)
{
	own->current_bytes = less(own->current_bytes, below->current_bytes);
	own->anon_bytes = less(own->anon_bytes, below->anon_bytes);
	own->swap_bytes = less(own->swap_bytes, below->swap_bytes);
	own->file_bytes = less(own->file_bytes, below->file_bytes);
	own->shmem_bytes = less(own->shmem_bytes, below->shmem_bytes);
	own->dirty_bytes = less(own->dirty_bytes, below->dirty_bytes);
	own->slab_bytes = less(own->slab_bytes, below->slab_bytes);
	own->refault_rate = less(own->refault_rate, below->refault_rate);
	if (s->layout->local_events)
		return;
	own->high_rate = (uint32_t)less(own->high_rate, below->high_rate);
	own->max_rate = (uint32_t)less(own->max_rate, below->max_rate);
	for (int i = 0; i < MEMORY_EVENT_COUNT_; i++)
		own->events.values[i] = less(own->events.values[i], below->events.values[i]);
}

struct filling {
	struct sense *sense;
	struct service_entry *entry;
	struct service *service;
	const struct service_totals *own;
};

static void set(const struct filling *f, enum metric_id id, struct reading value)
{
	f->service->readings[metric_index(id)] = value;
}

static struct reading get(const struct filling *f, enum metric_id id)
{
	return f->service->readings[metric_index(id)];
}

static struct reading known(bool is_known, uint64_t value)
{
	return is_known ? reading_of_bytes(value) : READING_NONE;
}

static bool has_event(const struct filling *f, enum memory_event event)
{
	return f->own->events.present & (1u << event);
}

/* By how much a counter has grown since it was read last. */
static uint64_t growth(const struct filling *f, enum memory_event event, enum metric_id id)
{
	struct reading before = get(f, id);

	if (before.state != READING_KNOWN || !has_event(f, event))
		return 0;
	return less(f->own->events.values[event], reading_amount(before));
}

/* Before the readings are those of now. */
static void note_kills(const struct filling *f)
{
	uint64_t kills = growth(f, MEMORY_EVENT_OOM_KILL, METRIC_SERVICE_OOM_KILLS);

	if (kills > 0)
		event_kernel_note(f->sense, f->entry->path, kills,
				  growth(f, MEMORY_EVENT_OOM, METRIC_SERVICE_EVENTS_OOM) > 0);
}

static void fill_events(const struct filling *f)
{
	static const struct {
		enum memory_event event;
		enum metric_id metric;
	} rows[] = {
		{ MEMORY_EVENT_HIGH, METRIC_SERVICE_EVENTS_HIGH },
		{ MEMORY_EVENT_MAX, METRIC_SERVICE_EVENTS_MAX },
		{ MEMORY_EVENT_OOM, METRIC_SERVICE_EVENTS_OOM },
		{ MEMORY_EVENT_OOM_KILL, METRIC_SERVICE_OOM_KILLS },
	};
	const struct service_totals *own = f->own;

	note_kills(f);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		set(f, rows[i].metric,
		    known(has_event(f, rows[i].event), own->events.values[rows[i].event]));
	set(f, METRIC_SERVICE_EVENTS_HIGH_RATE,
	    known(own->rates_known && has_event(f, MEMORY_EVENT_HIGH), own->high_rate));
	set(f, METRIC_SERVICE_EVENTS_MAX_RATE,
	    known(own->rates_known && has_event(f, MEMORY_EVENT_MAX), own->max_rate));
}

/* Without swap there is none to hold, whether or not the kernel has a file to say so. */
static struct reading swap_reading(const struct filling *f)
{
	const struct host *host = &f->sense->snapshot.host;

	if (f->own->swap_known)
		return reading_of_bytes(f->own->swap_bytes);
	if (f->own->current_known && !host->swap_present &&
	    host->readings[metric_index(METRIC_SWAP_TOTAL)].state == READING_KNOWN)
		return reading_of(0);
	return READING_NONE;
}

/* What its own limit leaves: file pages that need not be written first give way. */
static uint64_t room_of(const struct service_entry *entry)
{
	const struct service_totals *totals = &entry->totals;
	uint64_t droppable = 0;

	/* 3.10 does not tell what is dirty; before memory.stat was read nothing does. */
	if (totals->file_known && entry->history.stat_at != 0)
		droppable = less(totals->file_bytes, totals->dirty_known ? totals->dirty_bytes : 0);
	return less(entry->max_bytes, less(totals->current_bytes, droppable));
}

static void fill_slope(const struct filling *f, const struct service_headroom *headroom)
{
	struct reading before = get(f, METRIC_SERVICE_LIMIT);
	struct slope *slope = f->entry->slope;

	if (!slope) {
		set(f, METRIC_SERVICE_TIME_TO_LIMIT, READING_NONE);
		return;
	}
	/* Less room below another limit is no growth. */
	if (before.state != READING_KNOWN || (uint64_t)before.value != headroom->limit_bytes)
		slope_reset(slope);
	slope_add(slope, f->service->sampled_at, (int64_t)headroom->headroom_bytes, 0);
	set(f, METRIC_SERVICE_TIME_TO_LIMIT, reading_of_slope(slope));
	/* What falls is looked at until it does no more. */
	f->entry->is_stalled |= get(f, METRIC_SERVICE_TIME_TO_LIMIT).state == READING_KNOWN;
}

static void fill_limit(const struct filling *f)
{
	struct service_headroom headroom;
	struct reading none = READING_NONE;

	if (!f->entry->totals.current_known ||
	    !service_bounds_tightest(f->sense, f->entry, room_of(f->entry), &headroom)) {
		if (f->entry->totals.current_known)
			none = READING_FOREVER;
		set(f, METRIC_SERVICE_LIMIT, none);
		set(f, METRIC_SERVICE_HEADROOM, none);
		set(f, METRIC_SERVICE_TIME_TO_LIMIT, none);
		return;
	}
	fill_slope(f, &headroom);
	f->service->limit_length = (uint16_t)MIN_OF(headroom.path_length, (size_t)UINT16_MAX);
	set(f, METRIC_SERVICE_LIMIT, reading_of_bytes(headroom.limit_bytes));
	set(f, METRIC_SERVICE_HEADROOM, reading_of_bytes(headroom.headroom_bytes));
	f->entry->is_near_limit |= headroom.headroom_bytes < headroom.limit_bytes / NEAR_PART;
}

/* Its own limit, not that of a service below. */
static usec_t since_hit(const struct filling *f)
{
	const struct service_totals *own = f->own, *totals = &f->entry->totals;
	usec_t hit_at = f->entry->history.hit_at;

	if (hit_at == 0 || (totals->high_rate + (uint64_t)totals->max_rate > 0 &&
			    own->high_rate + (uint64_t)own->max_rate == 0))
		return USEC_INFINITY;
	return less(f->sense->now, hit_at);
}

static void fill_self(const struct filling *f)
{
	struct reading pressure = get(f, METRIC_SERVICE_PSI_SOME);
	struct reading headroom = get(f, METRIC_SERVICE_HEADROOM);
	const struct attribution_signs signs = {
		.events_known = f->own->rates_known,
		.since_hit_usec = since_hit(f),
		.headroom_bytes = headroom.state == READING_KNOWN ? headroom.value : -1,
		.limit_bytes = get(f, METRIC_SERVICE_LIMIT).value,
	};
	int64_t self = attribution_self(&signs, pressure.value);

	set(f, METRIC_SERVICE_PSI_SELF,
	    pressure.state == READING_KNOWN ? reading_of(self) : READING_NONE);
	f->service->held_length = 0;
	if (pressure.state == READING_KNOWN && pressure.value > 0 && self == 0)
		f->service->held_length = (uint16_t)MIN_OF(service_bounds_hit(f->sense, f->entry),
							   (size_t)UINT16_MAX);
}

void service_readings_fill(struct sense *s, size_t index, const struct service_totals *own)
{
	const struct filling f = {
		.sense = s,
		.entry = &s->registry.entries[index],
		.service = &s->registry.services[index],
		.own = own,
	};

	set(&f, METRIC_SERVICE_CURRENT, known(own->current_known, own->current_bytes));
	set(&f, METRIC_SERVICE_ANON, known(own->anon_known, own->anon_bytes));
	set(&f, METRIC_SERVICE_FILE, known(own->file_known, own->file_bytes));
	set(&f, METRIC_SERVICE_SHMEM, known(own->file_known, own->shmem_bytes));
	set(&f, METRIC_SERVICE_DIRTY, known(own->dirty_known, own->dirty_bytes));
	set(&f, METRIC_SERVICE_SLAB, known(own->slab_known, own->slab_bytes));
	set(&f, METRIC_SERVICE_SWAP, swap_reading(&f));
	set(&f, METRIC_SERVICE_REFAULT_RATE, known(own->refault_known, own->refault_rate));
	fill_events(&f);
	fill_limit(&f);
	fill_self(&f);
	crowd_fill_service(s, index);
}

static bool is_slope_wanted(const struct service *service, unsigned part)
{
	struct reading limit = service->readings[metric_index(METRIC_SERVICE_LIMIT)];
	struct reading headroom = service->readings[metric_index(METRIC_SERVICE_HEADROOM)];

	return limit.state == READING_KNOWN && headroom.state == READING_KNOWN &&
	       headroom.value <= limit.value - limit.value / part;
}

void service_readings_rescan(struct sense *s)
{
	struct service_registry *r = &s->registry;
	size_t slopes = 0;

	for (size_t i = 0; i < r->count; i++) {
		struct service_entry *entry = &r->entries[i];

		if (entry->slope && !is_slope_wanted(&r->services[i], SLOPE_RELEASE_PART)) {
			free(entry->slope);
			entry->slope = NULL;
		}
		slopes += entry->slope != NULL;
	}
	for (size_t i = 0; i < r->count && slopes < SLOPES_MAX; i++) {
		struct service_entry *entry = &r->entries[i];

		if (entry->slope || !is_slope_wanted(&r->services[i], SLOPE_PART))
			continue;
		/* Without memory for it the time is unknown, and that is all. */
		entry->slope = calloc(1, sizeof(*entry->slope));
		slopes += entry->slope != NULL;
	}
}

void service_readings_v1_gaps(const struct sense *s, struct gap_list *list)
{
	char text[sizeof(((struct sense_gap *)0)->text)];
	size_t absent = 0;

	gap_add(list, "service.slab, service.events.high*: cgroup v1 does not tell them");
	if (s->layout->tree != CGROUP_TREE_V2)
		gap_add(list, "service.psi.*: cgroup v1 has no pressure of single services");
	for (size_t i = 0; i < s->registry.count; i++)
		absent += s->registry.entries[i].read_at > 0 && !s->registry.entries[i].has_memory;
	if (absent == 0)
		return;
	(void)snprintf(
		text, sizeof(text),
		"service.*: %zu of %zu services have no memory accounting (MemoryAccounting= of "
		"their units)",
		absent, s->registry.count);
	gap_add(list, text);
}
