/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel's log: kills and failed allocations, for the journal and for host.alloc-failures. A
 * kill also says which service to read at once. Where the log cannot be read kills are told by
 * counters, once they have been read: that of the host, and of a service that shows the same one
 * whose it was.
 */

#include "sense/event_sensor.h"

#include "sense/service_restarts.h"
#include "sense/service_walk.h"
#include "sense/state.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

/* So that a kernel that logs without end cannot keep the agent here. */
#define RECORDS_MAX 512
/* What is lost again is no news for so long. */
#define LOST_USEC (60 * USEC_PER_SEC)

static void fill(struct sense *s)
{
	host_set(s, METRIC_HOST_ALLOC_FAILURES,
		 s->events.kmsg_fd >= 0 ? reading_of_bytes(s->events.alloc_failures)
					: READING_NONE);
}

void event_kernel_open(struct sense *s)
{
	struct event_sensor *e = &s->events;

	e->kmsg_fd = kmsg_open(s->root);
	e->kmsg_error = MIN_OF(e->kmsg_fd, 0);
	if (e->kmsg_fd >= 0 && event_add(s, e->kmsg_fd, EPOLLIN, EVENT_KMSG, 0) < 0) {
		close(e->kmsg_fd);
		e->kmsg_error = -ENOENT;
	}
	e->kmsg_fd = e->kmsg_error < 0 ? -1 : e->kmsg_fd;
	fill(s);
}

void event_kernel_close(struct sense *s)
{
	event_drop(s, &s->events.kmsg_fd);
	s->events.kmsg = (struct kmsg_reader){ 0 };
}

/* The next place; NULL: there is none, which is counted. */
static struct kernel_event *add(struct event_sensor *e)
{
	struct kernel_event *event;

	if (e->event_count == KERNEL_EVENTS_MAX) {
		e->events_dropped++;
		return NULL;
	}
	event = &e->kernel_events[(e->first_event + e->event_count) % KERNEL_EVENTS_MAX];
	e->event_count++;
	*event = (struct kernel_event){ .dropped_before = e->events_dropped };
	e->events_dropped = 0;
	return event;
}

static void keep(struct event_sensor *e, const struct kmsg_finding *f)
{
	static const enum oom_constraint constraints[] = {
		[KMSG_CONSTRAINT_UNKNOWN] = OOM_CONSTRAINT_UNKNOWN,
		[KMSG_CONSTRAINT_NONE] = OOM_CONSTRAINT_NONE,
		[KMSG_CONSTRAINT_CPUSET] = OOM_CONSTRAINT_CPUSET,
		[KMSG_CONSTRAINT_MEMORY_POLICY] = OOM_CONSTRAINT_MEMORY_POLICY,
		[KMSG_CONSTRAINT_MEMCG] = OOM_CONSTRAINT_MEMCG,
	};
	struct kernel_event *event = add(e);

	if (!event)
		return;
	event->kind = f->kind == KMSG_OOM_KILL ? KERNEL_EVENT_OOM_KILL : KERNEL_EVENT_ALLOC_FAILURE;
	event->at_usec = f->usec;
	event->not_before_usec = e->kmsg_read_at;
	event->pid = f->pid;
	event->constraint = constraints[f->constraint];
	event->order = f->order;
	event->order_known = f->order_known;
	event->by_hand = f->by_hand;
	event->nodes = f->nodes;
	event->nodes_known = f->nodes_known;
	event->cgroup_known = f->cgroup_known;
	event->limit_known = f->limit_known;
	event->limit_length = f->limit_length;
	memcpy(event->comm, f->comm, sizeof(event->comm));
	memcpy(event->cgroup, f->cgroup, sizeof(event->cgroup));
}

/* The service that a cgroup is, or lies below; the path counts from the hierarchy's root. */
static void force_owner(struct sense *s, const char *cgroup)
{
	struct service_entry *found = NULL;

	for (size_t i = 0; i < s->registry.count; i++) {
		struct service_entry *entry = &s->registry.entries[i];

		/* Parents come first: the last one is the nearest. */
		if (strcmp(entry->path, cgroup) == 0 || service_path_is_below(cgroup, entry->path))
			found = entry;
	}
	service_restarts_oom(s, cgroup, found ? found->path : "");
	if (!found)
		return;
	found->is_oom_killed = true;
	event_force(s, found, true);
}

static void take_finding(struct sense *s, const struct kmsg_finding *f)
{
	struct event_sensor *e = &s->events;

	keep(e, f);
	if (f->kind == KMSG_ALLOC_FAILURE) {
		e->alloc_failures++;
		fill(s);
		return;
	}
	e->is_stirred = true;
	canary_sensor_note_kill(s, f->pid, f->cgroup_known ? f->cgroup : "");
	if (f->cgroup_known)
		force_owner(s, f->cgroup);
}

/* What was said of a kill may be among it, and would be taken for another one's. */
static void note_lost(struct sense *s)
{
	struct event_sensor *e = &s->events;
	struct kernel_event *event;

	e->kmsg = (struct kmsg_reader){ 0 };
	/* Kills that it told of show in counters. */
	e->is_stirred = true;
	if (e->lost_at != 0 && s->now - e->lost_at < LOST_USEC)
		return;
	event = add(e);
	if (!event)
		return;
	e->lost_at = s->now;
	event->kind = KERNEL_EVENT_LOG_LOST;
	event->at_usec = s->now;
	event->not_before_usec = e->kmsg_read_at;
}

bool event_kernel_take_one(struct sense *s, ssize_t n)
{
	struct kmsg_record record;
	struct kmsg_finding finding;

	if (n == -EPIPE)
		note_lost(s);
	else if (n <= 0)
		return false;
	else if (kmsg_parse(s->text, (size_t)n, &record) == 0 &&
		 kmsg_take(&s->events.kmsg, &record, &finding))
		take_finding(s, &finding);
	return true;
}

void event_kernel_take(struct sense *s)
{
	struct event_sensor *e = &s->events;
	int i = 0;

	while (i < RECORDS_MAX &&
	       event_kernel_take_one(s, kmsg_read(e->kmsg_fd, s->text, s->text_size)))
		i++;
	e->is_kmsg_left = i == RECORDS_MAX;
}

void event_kernel_end_round(struct sense *s)
{
	struct event_sensor *e = &s->events;

	if (e->has_looked && !e->is_kmsg_left)
		e->kmsg_read_at = s->now;
	e->has_looked = false;
}

/* --- without the log: what counters tell */

static bool counts(const struct sense *s)
{
	return s->root->live && s->events.kmsg_fd < 0;
}

static struct kernel_event *add_counted(struct sense *s, uint64_t kills)
{
	struct kernel_event *event = add(&s->events);

	if (!event)
		return NULL;
	event->kind = KERNEL_EVENT_OOM_KILL;
	event->at_usec = s->now;
	event->counted = (unsigned)MIN_OF(kills, (uint64_t)UINT32_MAX);
	return event;
}

void event_kernel_count(struct sense *s)
{
	struct event_sensor *e = &s->events;
	struct reading now = s->snapshot.host.readings[metric_index(METRIC_HOST_OOM_KILLS)];
	uint64_t kills = reading_amount(now);

	if (!counts(s) || now.state != READING_KNOWN)
		return;
	/* Those of the tick before: services have had their say since. */
	if (e->kills_untold > 0)
		(void)add_counted(s, (uint64_t)e->kills_untold);
	e->kills_untold = MIN_OF(e->kills_untold, (int64_t)0);
	if (e->kills_counted && kills > e->kills_seen) {
		e->kills_untold += (int64_t)(kills - e->kills_seen);
		e->is_stirred = true;
	}
	e->kills_seen = kills;
	e->kills_counted = true;
}

void event_kernel_note(struct sense *s, const char *path, uint64_t kills, bool at_limit)
{
	struct kernel_event *event = counts(s) ? add_counted(s, kills) : NULL;
	size_t length = strlen(path);

	if (!event)
		return;
	s->events.kills_untold -= (int64_t)event->counted;
	if (at_limit)
		event->constraint = OOM_CONSTRAINT_MEMCG;
	if (length >= sizeof(event->cgroup))
		return;
	memcpy(event->cgroup, path, length + 1);
	event->cgroup_known = true;
}
