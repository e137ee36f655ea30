/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel's log: kills and failed allocations, for the journal and for host.alloc-failures. A
 * kill also says which service to read at once.
 */

#include "sense/event_sensor.h"

#include "sense/service_restarts.h"
#include "sense/service_walk.h"
#include "sense/state.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

/* So that a kernel that logs without end cannot keep the agent here. */
#define RECORDS_MAX 512

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

static void keep(struct event_sensor *e, const struct kmsg_finding *f)
{
	static const enum oom_constraint constraints[] = {
		[KMSG_CONSTRAINT_UNKNOWN] = OOM_CONSTRAINT_UNKNOWN,
		[KMSG_CONSTRAINT_NONE] = OOM_CONSTRAINT_NONE,
		[KMSG_CONSTRAINT_CPUSET] = OOM_CONSTRAINT_CPUSET,
		[KMSG_CONSTRAINT_MEMORY_POLICY] = OOM_CONSTRAINT_MEMORY_POLICY,
		[KMSG_CONSTRAINT_MEMCG] = OOM_CONSTRAINT_MEMCG,
	};
	struct kernel_event *event;

	if (e->event_count == KERNEL_EVENTS_MAX) {
		e->events_dropped++;
		return;
	}
	event = &e->kernel_events[(e->first_event + e->event_count) % KERNEL_EVENTS_MAX];
	e->event_count++;
	*event = (struct kernel_event){
		.kind = f->kind == KMSG_OOM_KILL ? KERNEL_EVENT_OOM_KILL
						 : KERNEL_EVENT_ALLOC_FAILURE,
		.at_usec = f->usec,
		.pid = f->pid,
		.constraint = constraints[f->constraint],
		.order = f->order,
		.cgroup_known = f->cgroup_known,
		.dropped_before = e->events_dropped,
	};
	memcpy(event->comm, f->comm, sizeof(event->comm));
	memcpy(event->cgroup, f->cgroup, sizeof(event->cgroup));
	e->events_dropped = 0;
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
	if (f->cgroup_known)
		force_owner(s, f->cgroup);
}

void event_kernel_take(struct sense *s)
{
	struct event_sensor *e = &s->events;

	for (int i = 0; i < RECORDS_MAX; i++) {
		ssize_t n = kmsg_read(e->kmsg_fd, s->text, s->text_size);
		struct kmsg_record record;
		struct kmsg_finding finding;

		/* Overwritten before it was read: the next one is there. */
		if (n == -EPIPE)
			continue;
		if (n <= 0)
			return;
		if (kmsg_parse(s->text, (size_t)n, &record) == 0 &&
		    kmsg_take(&e->kmsg, &record, &finding))
			take_finding(s, &finding);
	}
}
