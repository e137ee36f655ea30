/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/event_sensor.h"

#include "sense/state.h"
#include "sys/cgroup_layout.h"
#include "sys/psi.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

/* So that who makes events faster than they are taken cannot keep the agent here. */
#define BATCHES_MAX 8

void event_sensor_init(struct sense *s)
{
	struct event_sensor *e = &s->events;

	e->epoll_fd = e->loop_fd = e->files_fd = e->tree_fd = e->host_trigger = e->kmsg_fd = -1;
	for (size_t i = 0; i < HOST_AVERAGE_COUNT; i++)
		e->average_triggers[i] = -1;
	for (size_t i = 0; i < EVENT_SLICES_MAX; i++)
		e->slices[i].fd = -1;
	for (size_t i = 0; i < EVENT_V1_COUNT; i++)
		e->v1_events[i] = -1;
}

int event_add(struct sense *s, int fd, uint32_t interest, enum event_source source, size_t index)
{
	struct epoll_event event = {
		.events = interest,
		.data.u64 = (uint64_t)source << 32 | (uint32_t)index,
	};

	return epoll_ctl(s->events.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void event_rearm(struct sense *s, int fd, enum event_source source)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLONESHOT,
		.data.u64 = (uint64_t)source << 32,
	};

	(void)epoll_ctl(s->events.epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

void event_drop(struct sense *s, int *fd)
{
	if (*fd < 0)
		return;
	(void)epoll_ctl(s->events.epoll_fd, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
}

/* Services move by few places when others come and go, so it is looked for from there outwards. */
struct service_entry *event_find(struct sense *s, uint64_t inode, size_t place)
{
	struct service_registry *r = &s->registry;

	if (r->count == 0)
		return NULL;
	place = MIN_OF(place, r->count - 1);
	for (size_t away = 0; away <= place || place + away < r->count; away++) {
		if (away <= place && r->entries[place - away].inode == inode)
			return &r->entries[place - away];
		if (place + away < r->count && r->entries[place + away].inode == inode)
			return &r->entries[place + away];
	}
	return NULL;
}

void event_force(struct sense *s, struct service_entry *entry, bool also_list)
{
	entry->is_forced = true;
	entry->is_forced_list |= also_list;
	s->events.is_service_news = true;
}

static void take(struct sense *s, const struct epoll_event *event, usec_t now)
{
	enum event_source source = (enum event_source)(event->data.u64 >> 32);
	size_t index = (uint32_t)event->data.u64;

	switch (source) {
	case EVENT_FILES:
		event_files_take(s);
		break;
	case EVENT_KMSG:
		event_kernel_take(s);
		break;
	case EVENT_HOST_PRESSURE:
	case EVENT_HOST_AVERAGE:
	case EVENT_SLICE_PRESSURE:
	case EVENT_SERVICE_PRESSURE:
		event_pressure_take(s, source, index, event->events);
		break;
	case EVENT_V1_PRESSURE:
	case EVENT_V1_OOM:
	case EVENT_V1_USAGE:
		event_v1_take(s, source, now);
		break;
	case EVENT_EXIT:
		event_exits_take(s, index);
		break;
	case EVENT_TREE:
		event_tree_take(s, now);
		break;
	case EVENT_LOOP:
		break;
	}
}

void sense_take_events(struct sense *s, usec_t now)
{
	struct epoll_event ready[EVENT_BATCH];

	if (s->events.epoll_fd < 0)
		return;
	event_tree_listen(s, now);
	for (int i = 0; i < BATCHES_MAX; i++) {
		int n = epoll_wait(s->events.epoll_fd, ready, EVENT_BATCH, 0);

		for (int k = 0; k < n; k++)
			take(s, &ready[k], now);
		s->events.has_looked = n >= 0 && n < EVENT_BATCH;
		if (n < EVENT_BATCH)
			break;
	}
}

/* Whoever waits has taken already what there is. */
static void event_sensor_fast(struct sense *s, usec_t now)
{
	struct event_sensor *e = &s->events;
	size_t count = e->ready_count;

	if (e->loop_fd < 0 || count == EVENT_BATCH)
		sense_take_events(s, now);
	else
		event_tree_listen(s, now);
	for (size_t i = 0; i < count; i++)
		take(s, &e->ready[i], now);
	e->ready_count = 0;
	event_kernel_end_round(s);
	event_kernel_count(s);
}

/* Who waits is woken by anything else. */
static usec_t event_sensor_due(const struct sense *s)
{
	const struct event_sensor *e = &s->events;

	if (e->loop_fd < 0 || e->kills_untold > 0)
		return 0;
	return e->is_tree_silent ? event_tree_due(s) : USEC_INFINITY;
}

static void listen_to_loop(struct sense *s)
{
	if (s->events.epoll_fd >= 0 && s->events.loop_fd >= 0)
		(void)event_add(s, s->events.loop_fd, EPOLLIN, EVENT_LOOP, 0);
}

void sense_watch(struct sense *s, int fd)
{
	s->events.loop_fd = fd;
	listen_to_loop(s);
}

static int wait_for_loop(const struct sense *s, int timeout_msec)
{
	struct pollfd p = { .fd = s->events.loop_fd, .events = POLLIN };
	int n = poll(&p, 1, timeout_msec);

	return n <= 0 ? n : SENSE_WAKE_LOOP;
}

_hot_ static int wait_for_all(struct sense *s, int timeout_msec)
{
	struct event_sensor *e = &s->events;
	int woken = 0;
	int n = epoll_wait(e->epoll_fd, e->ready, EVENT_BATCH, timeout_msec);

	for (int i = 0; i < n; i++)
		woken |= e->ready[i].data.u64 >> 32 == EVENT_LOOP ? SENSE_WAKE_LOOP
								  : SENSE_WAKE_EVENT;
	e->ready_count = n > 0 ? (size_t)n : 0;
	e->has_looked = n >= 0 && n < EVENT_BATCH;
	return n < 0 ? n : woken;
}

_hot_ int sense_wait(struct sense *s, usec_t timeout_usec, bool for_events)
{
	int msec = (int)MIN_OF((timeout_usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC, (usec_t)INT_MAX);
	int r = for_events && s->events.epoll_fd >= 0 ? wait_for_all(s, msec)
						      : wait_for_loop(s, msec);

	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	return r;
}

bool event_sensor_tells_all(const struct sense *s)
{
	const struct event_sensor *e = &s->events;
	bool are_services_told =
		s->registry.count == 0 || (e->files_fd >= 0 && !e->is_exhausted) ||
		(s->layout->controllers[CGROUP_MEMORY] == CGROUP_V1 && !e->is_v1_refused);

	return e->loop_fd >= 0 && e->epoll_fd >= 0 && are_services_told &&
	       (e->tree_watched || s->layout->tree == CGROUP_TREE_NONE);
}

bool sense_wants_services(const struct sense *s)
{
	return s->events.is_stirred || s->events.is_service_news || s->canaries.has_news;
}

void sense_want_service_pressure(struct sense *s, bool wanted)
{
	if (s->events.wants_service_pressure == wanted)
		return;
	s->events.wants_service_pressure = wanted;
	s->events.is_due = true;
}

bool sense_next_kernel_event(struct sense *s, struct kernel_event *ret)
{
	struct event_sensor *e = &s->events;

	if (e->event_count == 0)
		return false;
	*ret = e->kernel_events[e->first_event];
	e->first_event = (e->first_event + 1) % KERNEL_EVENTS_MAX;
	e->event_count--;
	return true;
}

static int event_sensor_open(struct sense *s)
{
	struct event_sensor *e = &s->events;

	e->is_due = true;
	e->tree_watched = false;
	if (s->root->live)
		e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	event_kernel_open(s);
	if (e->epoll_fd < 0)
		return 0;
	listen_to_loop(s);
	event_files_open(s);
	event_pressure_open(s);
	event_v1_open(s);
	return 0;
}

static void event_sensor_close(struct sense *s)
{
	struct event_sensor *e = &s->events;

	event_files_close(s);
	event_pressure_close(s);
	event_v1_close(s);
	event_exits_close(s);
	event_kernel_close(s);
	drop_fd(&e->epoll_fd);
	e->ready_count = 0;
}

static void event_sensor_done(struct sense *s)
{
	struct event_sensor *e = &s->events;

	free(e->files);
	free(e->dirs);
	free(e->triggers);
	free(e->thresholds);
	free(e->exits);
	*e = (struct event_sensor){ 0 };
	event_sensor_init(s);
}

static int event_sensor_rescan(struct sense *s, usec_t now, bool housekeep)
{
	struct event_sensor *e = &s->events;
	int r;

	(void)now;
	if (e->epoll_fd < 0)
		return 0;
	/* What was refused for want of room, or whose limit is another one now, now and then. */
	if (e->is_due || housekeep || e->order != s->registry.order) {
		bool is_same = !e->is_due && e->order == s->registry.order;

		r = is_same && !e->is_incomplete && !e->is_exhausted ? 0 : event_files_update(s);
		if (r >= 0)
			r = event_pressure_update(s);
		if (r >= 0)
			r = event_v1_update(s);
		if (r < 0)
			return r;
		e->order = s->registry.order;
		e->is_due = false;
	}
	return event_exits_update(s);
}

static void kmsg_gap(const struct sense *s, struct gap_list *list)
{
	const struct event_sensor *e = &s->events;

	if (!s->root->live)
		gap_add(list,
			"host.alloc-failures: a captured machine has no kernel log to follow");
	else if (e->kmsg_error == -EPERM || e->kmsg_error == -EACCES)
		gap_add(list, "host.alloc-failures: the kernel log cannot be read here "
			      "(kernel.dmesg_restrict, and no CAP_SYSLOG)");
	else if (e->kmsg_error < 0)
		gap_add(list, "host.alloc-failures: there is no kernel log to be read here");
}

static void event_sensor_gaps(const struct sense *s, struct gap_list *list)
{
	const struct event_sensor *e = &s->events;
	enum cgroup_version memory = s->layout->controllers[CGROUP_MEMORY];

	kmsg_gap(s, list);
	if (!s->root->live)
		return;
	if (e->host_trigger < 0 && !psi_is_absent(s->host.pressure_error))
		gap_add(list, "wake on pressure: the kernel gives no pressure triggers here; "
			      "pressure is read instead");
	else if (e->is_slice_refused || e->is_service_refused)
		gap_add(list, "wake on pressure: the kernel gives triggers without a thread of "
			      "their own to nobody here (before 6.4); the pressure of cgroups is "
			      "read instead");
	if (e->files_error < 0 && memory == CGROUP_V2)
		gap_add(list, "wake on memory.events: there is no inotify here, or "
			      "fs.inotify.max_user_instances is reached; they are read instead");
	else if (e->is_exhausted)
		gap_add(list, "wake on memory.events: half of fs.inotify.max_user_watches, or all, "
			      "is in use; some are read instead, and cgroups counted");
	if (memory == CGROUP_V1 && e->is_v1_refused)
		gap_add(list, "wake on pressure: the memory controller does not notify here "
			      "(cgroup.event_control); its files are read instead");
}

const struct sensor event_sensor = {
	.open = event_sensor_open,
	.close = event_sensor_close,
	.done = event_sensor_done,
	.rescan = event_sensor_rescan,
	.fast = event_sensor_fast,
	.due = event_sensor_due,
	.gaps = event_sensor_gaps,
};
