/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Events of cgroup v1's memory controller. One eventfd for each kind, shared by all services: which
 * of them it was is found by looking at all, and a descriptor for each would cost more than that.
 */

#include "sense/event_sensor.h"

#include "sense/state.h"
#include "sys/cgroup_layout.h"
#include "sys/cgroup_v1_event.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

/* As near to its limit as the service sensor calls near. */
#define NEAR_PART 8
/* A limit that moved by less than this part keeps its threshold: there is no taking one back. */
#define MOVED_PART 32
/* An OOM may go on for long; all files of all services are not read more often for it. */
#define FORCE_USEC (1 * USEC_PER_SEC)

static int event_fd_of(const struct event_sensor *e, enum event_source source)
{
	return e->v1_events[source - EVENT_V1_FIRST];
}

static bool is_on_v1(const struct sense *s)
{
	return s->layout->controllers[CGROUP_MEMORY] == CGROUP_V1 && s->layout->memory_fd >= 0;
}

void event_v1_open(struct sense *s)
{
	struct event_sensor *e = &s->events;

	e->is_v1_refused = false;
	if (!is_on_v1(s))
		return;
	for (size_t i = 0; i < EVENT_V1_COUNT; i++) {
		e->v1_events[i] = MAX_OF(cgroup_v1_event_new(s->root), -1);
		if (e->v1_events[i] < 0 ||
		    event_add(s, e->v1_events[i], EPOLLIN, (enum event_source)(EVENT_V1_FIRST + i),
			      0) < 0) {
			event_v1_close(s);
			e->is_v1_refused = true;
			return;
		}
	}
	/* At the controller's root reclaim of the host shows, and that of all below. Where there is
	 * a pressure trigger it tells more, and kernels from 6.12 on warn of this file's end. */
	if (e->host_trigger < 0)
		e->is_v1_refused = cgroup_v1_event_pressure(s->layout->memory_fd,
							    event_fd_of(e, EVENT_V1_PRESSURE),
							    CGROUP_V1_MEDIUM) != 0;
}

void event_v1_close(struct sense *s)
{
	struct event_sensor *e = &s->events;

	for (size_t i = 0; i < EVENT_V1_COUNT; i++)
		event_drop(s, &e->v1_events[i]);
	e->threshold_count = 0;
}

static uint64_t limit_of(const struct sense *s, size_t place)
{
	return reading_amount(
		s->registry.services[place].readings[metric_index(METRIC_SERVICE_MAX)]);
}

static bool is_as_registered(uint64_t then, uint64_t now)
{
	if (then == 0 || now == 0)
		return then == now;
	return apart(then, now) <= now / MOVED_PART;
}

static const struct event_threshold *find_threshold(const struct event_sensor *e, uint64_t inode,
						    size_t place)
{
	for (size_t i = 0; i < e->threshold_count; i++) {
		const struct event_threshold *t = &e->thresholds[(place + i) % e->threshold_count];

		if (t->inode == inode)
			return t;
	}
	return NULL;
}

/* What is registered with a cgroup stays with it, so the limit is written down even where the
 * kernel refuses: it will not do otherwise the next time. */
static void watch_limit(struct sense *s, size_t place, const struct event_threshold *then,
			struct event_threshold *now)
{
	const struct service_entry *entry = &s->registry.entries[place];
	uint64_t limit = limit_of(s, place), before = then ? then->bytes : 0;
	_cleanup_(closep) int dir_fd = -1;
	struct event_sensor *e = &s->events;

	*now = (struct event_threshold){ entry->inode, before };
	if (is_as_registered(before, limit))
		return;
	now->bytes = limit;
	if (limit == 0)
		return;
	dir_fd = cgroup_memory_open(s->layout, entry->path);
	if (dir_fd < 0)
		return;
	(void)cgroup_v1_event_usage(dir_fd, event_fd_of(e, EVENT_V1_USAGE),
				    limit - limit / NEAR_PART);
	if (before == 0)
		(void)cgroup_v1_event_oom(dir_fd, event_fd_of(e, EVENT_V1_OOM));
}

int event_v1_update(struct sense *s)
{
	size_t count = s->registry.count;
	struct event_threshold *thresholds;
	struct event_sensor *e = &s->events;

	if (event_fd_of(e, EVENT_V1_USAGE) < 0)
		return 0;
	thresholds = calloc(MAX_OF(count, (size_t)1), sizeof(*thresholds));
	if (!thresholds)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		watch_limit(s, i, find_threshold(e, s->registry.entries[i].inode, i),
			    &thresholds[i]);
	free(e->thresholds);
	e->thresholds = thresholds;
	e->threshold_count = count;
	return 0;
}

static void force_limited(struct sense *s, usec_t now)
{
	if (s->events.v1_forced_at != 0 && now - s->events.v1_forced_at < FORCE_USEC)
		return;
	s->events.v1_forced_at = now;
	for (size_t i = 0; i < s->registry.count; i++)
		if (limit_of(s, i) > 0)
			event_force(s, &s->registry.entries[i], false);
}

void event_v1_take(struct sense *s, enum event_source source, usec_t now)
{
	if (cgroup_v1_event_take(event_fd_of(&s->events, source)) == 0)
		return;
	s->events.is_stirred = true;
	if (source == EVENT_V1_OOM)
		force_limited(s, now);
}
