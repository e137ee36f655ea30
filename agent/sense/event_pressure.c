/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Pressure that wakes. Of the host, of the slices right below the root that hold services, and of
 * services where a rule in force is about theirs.
 */

#include "sense/event_sensor.h"

#include "sense/state.h"
#include "sys/cgroup_layout.h"
#include "sys/psi_trigger.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

static const char pressure_file[] = "memory.pressure";

/* A hundredth of a second of stalls in one second. What a host stalls for when nothing is wrong (a
 * page that is read back, a compaction) stays well below; rules begin at tenths, so this leaves
 * time to look. The window is as long as the slowest cadence: without stalls a tick comes as soon
 * by itself. */
static const struct psi_threshold host_threshold = {
	.stalled_usec = 10 * USEC_PER_MSEC,
	.window_usec = 1 * USEC_PER_SEC,
};

/* A twentieth, in the shortest window that needs no thread. A slice's stalls count for the host
 * too, so what is told twice is told seldom. And some waiting for CPU and I/O is nothing wrong. */
static const struct psi_threshold calm_threshold = {
	.stalled_usec = 100 * USEC_PER_MSEC,
	.window_usec = 2 * USEC_PER_SEC,
};

static void open_host_trigger(struct sense *s)
{
	struct event_sensor *e = &s->events;
	int fd, r = psi_trigger_open_host(s->root, "memory", &host_threshold, &fd);

	e->host_trigger_error = r;
	if (r != 0)
		return;
	e->host_trigger = fd;
	if (event_add(s, fd, EPOLLPRI, EVENT_HOST_PRESSURE, 0) < 0)
		event_drop(s, &e->host_trigger);
}

static const char *const average_names[HOST_AVERAGE_COUNT] = {
	[HOST_PRESSURE_CPU] = "cpu",
	[HOST_PRESSURE_IO] = "io",
};

static void update_average_trigger(struct sense *s, size_t which)
{
	int *trigger = &s->events.average_triggers[which];
	int fd;

	if (!s->events.wants_average[which]) {
		event_drop(s, trigger);
		return;
	}
	if (*trigger >= 0 ||
	    psi_trigger_open_host(s->root, average_names[which], &calm_threshold, &fd) != 0)
		return;
	*trigger = fd;
	if (event_add(s, fd, EPOLLPRI, EVENT_HOST_AVERAGE, which) < 0)
		event_drop(s, trigger);
	/* What began before is not told of. */
	s->host.average_moves[which] = true;
}

void event_pressure_open(struct sense *s)
{
	s->events.is_slice_refused = s->events.is_service_refused = false;
	open_host_trigger(s);
}

static void drop_triggers(struct sense *s)
{
	struct event_sensor *e = &s->events;

	for (size_t i = 0; i < e->trigger_count; i++)
		event_drop(s, &e->triggers[i].fd);
	free(e->triggers);
	e->triggers = NULL;
	e->trigger_count = 0;
}

void event_pressure_close(struct sense *s)
{
	event_drop(s, &s->events.host_trigger);
	for (size_t i = 0; i < HOST_AVERAGE_COUNT; i++)
		event_drop(s, &s->events.average_triggers[i]);
	for (size_t i = 0; i < EVENT_SLICES_MAX; i++)
		event_drop(s, &s->events.slices[i].fd);
	drop_triggers(s);
}

/* 0; PSI_TRIGGER_REFUSED; -errno. */
static int open_trigger(struct sense *s, const struct cgroup_dir *dir, enum event_source source,
			size_t index, struct event_trigger *ret)
{
	int fd, r = psi_trigger_open_cgroup(dir->fd, pressure_file, &calm_threshold, &fd);

	if (r != 0)
		return r;
	r = event_add(s, fd, EPOLLPRI, source, index);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret = (struct event_trigger){ .inode = dir->inode, .fd = fd, .is_seen = true };
	return 0;
}

static void keep_slice(struct sense *s, const struct cgroup_dir *dir)
{
	struct event_sensor *e = &s->events;
	size_t room = EVENT_SLICES_MAX;

	for (size_t i = 0; i < EVENT_SLICES_MAX; i++) {
		if (e->slices[i].fd < 0) {
			room = MIN_OF(room, i);
			continue;
		}
		if (e->slices[i].inode == dir->inode) {
			e->slices[i].is_seen = true;
			return;
		}
	}
	/* More slices than that: the host's pressure is theirs too. */
	if (room < EVENT_SLICES_MAX && !e->is_slice_refused)
		e->is_slice_refused = open_trigger(s, dir, EVENT_SLICE_PRESSURE, room,
						   &e->slices[room]) == PSI_TRIGGER_REFUSED;
}

/* Their names are what the paths of services begin with, and those are sorted. */
static void update_slices(struct sense *s)
{
	struct event_sensor *e = &s->events;
	char name[NAME_BYTES * 4] = "";

	for (size_t i = 0; i < EVENT_SLICES_MAX; i++)
		e->slices[i].is_seen = false;
	for (size_t i = 0; i < s->registry.count; i++) {
		const char *path = s->registry.entries[i].path;
		_cleanup_(cgroup_dir_done) struct cgroup_dir dir = { .fd = -1 };
		size_t length = strcspn(path, "/");

		if (path[length] == '\0' || length >= sizeof(name) ||
		    (strncmp(path, name, length) == 0 && name[length] == '\0'))
			continue;
		memcpy(name, path, length);
		name[length] = '\0';
		if (cgroup_dir_open(s->layout, name, &dir) == 0)
			keep_slice(s, &dir);
	}
	for (size_t i = 0; i < EVENT_SLICES_MAX; i++)
		if (!e->slices[i].is_seen)
			event_drop(s, &e->slices[i].fd);
}

/* --- services */

/* Room for one each; who has one keeps its place, as the epoll set knows it by that. */
static int make_room(struct event_sensor *e, size_t count)
{
	struct event_trigger *triggers;

	if (count <= e->trigger_count)
		return 0;
	triggers = reallocarray(e->triggers, count, sizeof(*triggers));
	if (!triggers)
		return -ENOMEM;
	for (size_t i = e->trigger_count; i < count; i++)
		triggers[i] = (struct event_trigger){ .fd = -1 };
	e->triggers = triggers;
	e->trigger_count = count;
	return 0;
}

static struct event_trigger *find_trigger(struct event_sensor *e, uint64_t inode, size_t place)
{
	for (size_t i = 0; i < e->trigger_count; i++) {
		/* Triggers were made in the order of services: mostly the first look finds it. */
		struct event_trigger *t = &e->triggers[(place + i) % e->trigger_count];

		if (t->fd >= 0 && t->inode == inode)
			return t;
	}
	return NULL;
}

static void open_service_trigger(struct sense *s, size_t place, size_t *room)
{
	const struct service_entry *entry = &s->registry.entries[place];
	_cleanup_(cgroup_dir_done) struct cgroup_dir dir = { .fd = -1 };
	struct event_sensor *e = &s->events;

	while (*room < e->trigger_count && e->triggers[*room].fd >= 0)
		(*room)++;
	if (*room == e->trigger_count || cgroup_dir_open(s->layout, entry->path, &dir) < 0 ||
	    dir.inode != entry->inode)
		return;
	if (open_trigger(s, &dir, EVENT_SERVICE_PRESSURE, *room, &e->triggers[*room]) ==
	    PSI_TRIGGER_REFUSED)
		e->is_service_refused = true;
	e->triggers[*room].place = (uint32_t)place;
}

static int update_services(struct sense *s)
{
	struct event_sensor *e = &s->events;
	size_t room = 0;
	int r;

	if (!e->wants_service_pressure) {
		drop_triggers(s);
		return 0;
	}
	r = make_room(e, s->registry.count);
	if (r < 0)
		return r;
	for (size_t i = 0; i < e->trigger_count; i++)
		e->triggers[i].is_seen = false;
	for (size_t i = 0; i < s->registry.count; i++) {
		struct event_trigger *t = find_trigger(e, s->registry.entries[i].inode, i);

		if (!t)
			continue;
		t->is_seen = true;
		t->place = (uint32_t)i;
	}
	for (size_t i = 0; i < e->trigger_count; i++)
		if (!e->triggers[i].is_seen)
			event_drop(s, &e->triggers[i].fd);
	for (size_t i = 0; i < s->registry.count && !e->is_service_refused; i++)
		if (!find_trigger(e, s->registry.entries[i].inode, i))
			open_service_trigger(s, i, &room);
	return 0;
}

int event_pressure_update(struct sense *s)
{
	if (s->events.host_trigger < 0 && s->events.host_trigger_error != PSI_TRIGGER_REFUSED)
		open_host_trigger(s);
	for (size_t i = 0; i < HOST_AVERAGE_COUNT; i++)
		update_average_trigger(s, i);
	/* On a hybrid host it is systemd's tree, whose cgroups have pressure too. */
	if (s->layout->tree != CGROUP_TREE_V2)
		return 0;
	update_slices(s);
	return update_services(s);
}

void event_pressure_take(struct sense *s, enum event_source source, size_t index, uint32_t what)
{
	struct event_sensor *e = &s->events;
	struct event_trigger *t = source == EVENT_SLICE_PRESSURE     ? &e->slices[index]
				  : source == EVENT_SERVICE_PRESSURE ? &e->triggers[index]
								     : NULL;
	struct service_entry *entry;

	if (source == EVENT_SERVICE_PRESSURE) {
		entry = event_find(s, t->inode, t->place);
		if (entry)
			event_force(s, entry, false);
	} else if (source == EVENT_HOST_AVERAGE) {
		s->host.average_moves[index] = true;
	} else if (what & EPOLLPRI && !(what & EPOLLERR)) {
		e->is_stirred = true;
	}
	/* Gone, or switched off. It would be reported for ever. */
	if (what & (EPOLLERR | EPOLLHUP))
		event_drop(s, t				     ? &t->fd
			      : source == EVENT_HOST_AVERAGE ? &e->average_triggers[index]
							     : &e->host_trigger);
}
