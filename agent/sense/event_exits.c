/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The end of guests, and of canaries (canary_sensor.h). When the largest process of a guest is
 * gone, so is nearly all of its memory: what is known of it, of its node and of who is confined
 * there is of the past at once, and a rule that was about to act on it must not.
 */

#include "sense/event_sensor.h"

#include "sense/state.h"
#include "sys/process_effects.h"
#include "util/macro.h"

#include <errno.h>
#include <sys/epoll.h>

void event_exits_close(struct sense *s)
{
	for (size_t i = 0; s->events.exits && i < EVENT_EXITS_MAX; i++)
		event_drop(s, &s->events.exits[i].fd);
	s->events.listed = 0;
	s->events.is_exit_refused = false;
}

static int make_room(struct event_sensor *e)
{
	if (e->exits)
		return 0;
	e->exits = calloc(EVENT_EXITS_MAX, sizeof(*e->exits));
	if (!e->exits)
		return -ENOMEM;
	for (size_t i = 0; i < EVENT_EXITS_MAX; i++)
		e->exits[i].fd = -1;
	return 0;
}

static const struct process *largest_of(const struct sense *s, size_t place)
{
	const struct service *service = &s->registry.services[place];
	const struct process *process;

	if ((service->guest == GUEST_NONE && !canary_sensor_has(s, service)) ||
	    service->process_count == 0)
		return NULL;
	process = &s->processes.processes[service->first_process];
	return process->pid > 0 ? process : NULL;
}

static void watch_end(struct sense *s, size_t place, const struct process *process)
{
	struct event_sensor *e = &s->events;
	struct event_exit *room = NULL;
	struct process_handle handle;

	for (size_t i = 0; i < EVENT_EXITS_MAX; i++) {
		struct event_exit *exit = &e->exits[i];

		if (exit->fd < 0) {
			room = room ? room : exit;
		} else if (exit->pid == process->pid && exit->start_ticks == process->start_ticks) {
			exit->is_seen = true;
			return;
		}
	}
	if (!room || e->is_exit_refused ||
	    process_handle_open(s->root, process->pid, process->start_ticks, &handle) < 0)
		return;
	if (handle.pidfd < 0) {
		e->is_exit_refused = true;
		return;
	}
	if (event_add(s, handle.pidfd, EPOLLIN, EVENT_EXIT, (size_t)(room - e->exits)) < 0) {
		process_handle_done(&handle);
		return;
	}
	*room = (struct event_exit){
		.inode = s->registry.entries[place].inode,
		.start_ticks = process->start_ticks,
		.pid = process->pid,
		.fd = TAKE_FD(handle.pidfd),
		.is_seen = true,
	};
}

int event_exits_update(struct sense *s)
{
	struct event_sensor *e = &s->events;
	int r;

	/* Nobody's processes were listed since. */
	if (e->listed == s->processes.listed)
		return 0;
	e->listed = s->processes.listed;
	for (size_t i = 0; e->exits && i < EVENT_EXITS_MAX; i++)
		e->exits[i].is_seen = false;
	for (size_t i = 0; i < s->registry.count; i++) {
		const struct process *process = largest_of(s, i);

		if (!process)
			continue;
		r = make_room(e);
		if (r < 0)
			return r;
		watch_end(s, i, process);
	}
	for (size_t i = 0; e->exits && i < EVENT_EXITS_MAX; i++)
		if (!e->exits[i].is_seen)
			event_drop(s, &e->exits[i].fd);
	return 0;
}

void event_exits_take(struct sense *s, size_t index)
{
	struct event_exit *exit = &s->events.exits[index];
	struct service_entry *entry = event_find(s, exit->inode, 0);

	canary_sensor_note_end(s, exit->pid, exit->inode);
	if (entry)
		event_force(s, entry, true);
	/* It stays readable for ever. */
	event_drop(s, &exit->fd);
}

bool event_exits_has(const struct sense *s, pid_t pid)
{
	for (size_t i = 0; s->events.exits && i < EVENT_EXITS_MAX; i++)
		if (s->events.exits[i].fd >= 0 && s->events.exits[i].pid == pid)
			return true;
	return s->events.is_exit_refused;
}
