/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Economy. A host may have a thousand services of which next to none changes, and reading all of
 * them all the time would cost more than everything else. What a service does with memory shows in
 * the host's numbers, which are read anyway: as long as those stand still (free and available
 * memory, pressure, OOM kills), a few services a round are looked at in turn. When they move, each
 * service's memory.current is read, and all of its files where that moved, where it weighs on the
 * host, or where it is near its limit.
 *
 * Files of services that weigh are kept open: when memory is gone, an open(2) may wait for it.
 * memory.current is kept open for all. The rest is opened when it is read: a kept file costs the
 * kernel a page.
 */

#include "sense/service_sensor.h"

#include "sense/service_files.h"
#include "sense/service_walk.h"
#include "sense/state.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* Looked at in a round in which nothing moved. A thousand take a minute. */
#define TURN_COUNT 16
/* What moves less on the host than this is no news: 64 MiB of 16 GiB. */
#define STIR_PART      256
#define STIR_MIN_BYTES (UINT64_C(4) << 20)
/* A thousandth of the time stalled for memory. */
#define STIR_STALL_PART 1000
/* A service weighs from this part of the host's memory on, so that no more than that many do. */
#define WEIGHT_PART 256
#define DANGER_PART 8
/* Fully read again at the latest: when it weighs and the host moves; when it is stalled or near its
 * limit; when its turn comes. */
#define WEIGHTY_USEC (400 * USEC_PER_MSEC)
#define CLOSE_USEC   (2 * USEC_PER_SEC)
#define STALE_USEC   (60 * USEC_PER_SEC)
/* A change of memory.current that asks for the other files. */
#define PULSE_PART	32
#define PULSE_MIN_BYTES (UINT64_C(4) << 20)

static struct reading host_reading(const struct sense *s, enum metric_id id)
{
	return s->snapshot.host.readings[metric_index(id)];
}

static uint64_t known_or_zero(struct reading r)
{
	return r.state == READING_KNOWN && r.value > 0 ? (uint64_t)r.value : 0;
}

uint64_t service_sensor_weight(const struct sense *s)
{
	return known_or_zero(host_reading(s, METRIC_MEM_TOTAL)) / WEIGHT_PART;
}

static void set(struct service *service, enum metric_id id, struct reading value)
{
	service->readings[metric_index(id)] = value;
}

/* Room for the comparison with the host of before. */
static int service_sensor_open(struct sense *s)
{
	uint64_t *bytes;

	if (s->services.node_count == s->nodes.count)
		return 0;
	bytes = calloc(s->nodes.count, sizeof(*bytes));
	if (!bytes)
		return -ENOMEM;
	free(s->services.node_bytes);
	s->services.node_bytes = bytes;
	s->services.node_count = s->nodes.count;
	s->services.compared = false;
	return 0;
}

static void service_sensor_done(struct sense *s)
{
	free(s->services.node_bytes);
	s->services.node_bytes = NULL;
	s->services.node_count = 0;
}

static bool is_far(uint64_t then, uint64_t now, uint64_t whole)
{
	return apart(then, now) > MAX_OF(whole / STIR_PART, STIR_MIN_BYTES);
}

static bool is_in_danger(const struct sense *s)
{
	struct reading available = host_reading(s, METRIC_MEM_AVAILABLE);

	if (node_sensor_is_short(s))
		return true;
	return available.state == READING_KNOWN &&
	       (uint64_t)available.value <
		       known_or_zero(host_reading(s, METRIC_MEM_TOTAL)) / DANGER_PART;
}

static bool nodes_moved(const struct sense *s)
{
	for (size_t i = 0; i < s->services.node_count && i < s->nodes.count; i++)
		if (is_far(s->services.node_bytes[i], s->nodes.states[i].sum_bytes,
			   s->nodes.states[i].then.whole_bytes))
			return true;
	return false;
}

/* Did the host move enough since the last look at all services to look at all of them again? */
static bool is_stirred(const struct sense *s, usec_t now)
{
	const struct service_sensor *v = &s->services;
	usec_t elapsed = now - v->compared_at;

	if (!v->compared || v->moved_by_us || s->services.in_danger)
		return true;
	if (s->host.oom_kills != v->oom_kills || s->host.stalled_usec < v->stalled_usec ||
	    s->host.stalled_usec - v->stalled_usec > elapsed / STIR_STALL_PART)
		return true;
	return is_far(v->available_bytes, known_or_zero(host_reading(s, METRIC_MEM_AVAILABLE)),
		      known_or_zero(host_reading(s, METRIC_MEM_TOTAL))) ||
	       nodes_moved(s);
}

static void note_host(struct sense *s, usec_t now)
{
	struct service_sensor *v = &s->services;

	v->compared = true;
	v->moved_by_us = false;
	v->compared_at = now;
	v->available_bytes = known_or_zero(host_reading(s, METRIC_MEM_AVAILABLE));
	v->oom_kills = s->host.oom_kills;
	v->stalled_usec = s->host.stalled_usec;
	for (size_t i = 0; i < v->node_count && i < s->nodes.count; i++)
		v->node_bytes[i] = s->nodes.states[i].sum_bytes;
}

static bool has_jumped(const struct service_entry *entry)
{
	uint64_t step = MAX_OF(entry->pulse_bytes / PULSE_PART, PULSE_MIN_BYTES);

	return apart(entry->totals.current_bytes, entry->pulse_bytes) > step;
}

struct round {
	usec_t now;
	bool stirred;
	bool moved_by_us;
};

static bool is_read_due(const struct sense *s, const struct service_entry *entry,
			const struct round *round)
{
	usec_t age = round->now - entry->read_at;

	if (entry->read_at == 0 || entry->is_forced || has_jumped(entry) || age >= STALE_USEC)
		return true;
	if ((entry->is_near_limit || entry->is_stalled) && age >= CLOSE_USEC)
		return true;
	if (!round->stirred || entry->totals.current_bytes < service_sensor_weight(s))
		return false;
	return round->moved_by_us || age >= WEIGHTY_USEC;
}

/* The readings of a service are made of its own numbers and of those right below it. */
static void mark_changed(struct service_registry *r, size_t index)
{
	r->entries[index].is_changed = true;
	if (r->entries[index].parent != NO_SERVICE)
		r->entries[r->entries[index].parent].is_changed = true;
}

/* From files that are kept open, all of them or memory.current alone. False: something says that
 * the cgroup may not be there any more. */
static bool look_at_kept(struct sense *s, size_t index, bool *ret_due, const struct round *round)
{
	struct service_entry *entry = &s->registry.entries[index];

	if (entry->files[SERVICE_CURRENT] < 0 || service_files_pulse(s, entry, entry->dir_fd) < 0)
		return false;
	*ret_due = is_read_due(s, entry, round);
	if (!*ret_due || entry->dir_fd < 0)
		return true;
	service_files_read(s, index, entry->dir_fd, round->now);
	*ret_due = false;
	return true;
}

/* By its path, so that one that is gone, or was made anew, is noticed here. */
static void look_by_path(struct sense *s, size_t index, const struct round *round)
{
	struct service_entry *entry = &s->registry.entries[index];
	_cleanup_(cgroup_dir_done) struct cgroup_dir dir = { .fd = -1 };

	if (service_registry_open(s, entry, &dir) == -ENOENT)
		entry->is_gone = true;
	if (dir.fd < 0)
		return;
	(void)service_files_pulse(s, entry, dir.fd);
	entry->has_memory = entry->totals.current_known;
	if (is_read_due(s, entry, round))
		service_files_read(s, index, dir.fd, round->now);
}

static void look(struct sense *s, size_t index, const struct round *round)
{
	bool due = false;

	mark_changed(&s->registry, index);
	s->registry.services[index].sampled_at = round->now;
	if (look_at_kept(s, index, &due, round) && !due)
		return;
	/* Files of a cgroup that is gone, or lost its controller, stay dead. */
	if (!due)
		service_entry_close(&s->registry.entries[index]);
	look_by_path(s, index, round);
}

static bool is_turn(const struct sense *s, size_t index)
{
	size_t ahead = (index + s->registry.count - s->services.cursor) % s->registry.count;

	return ahead < TURN_COUNT;
}

static bool is_always_looked_at(const struct service_entry *entry)
{
	return entry->read_at == 0 || entry->is_forced || entry->is_near_limit || entry->is_stalled;
}

static void subtract_totals(struct service_totals *own, const struct service_totals *below)
{
	own->current_bytes = less(own->current_bytes, below->current_bytes);
	own->anon_bytes = less(own->anon_bytes, below->anon_bytes);
	own->swap_bytes = less(own->swap_bytes, below->swap_bytes);
	for (int i = 0; i < MEMORY_EVENT_COUNT_; i++)
		own->events.values[i] = less(own->events.values[i], below->events.values[i]);
}

static struct reading event_reading(const struct service_totals *own, enum memory_event event)
{
	if (!(own->events.present & (1u << event)))
		return READING_NONE;
	return reading_of_bytes(own->events.values[event]);
}

/* Without swap there is none to hold, whether or not the kernel has a file to say so. */
static struct reading swap_reading(const struct sense *s, const struct service_totals *own)
{
	if (own->swap_known)
		return reading_of_bytes(own->swap_bytes);
	if (own->current_known && host_reading(s, METRIC_SWAP_TOTAL).state == READING_KNOWN &&
	    !s->snapshot.host.swap_present)
		return reading_of(0);
	return READING_NONE;
}

static void fill(struct sense *s, const struct service_totals *own, struct service *service)
{
	set(service, METRIC_SERVICE_CURRENT,
	    own->current_known ? reading_of_bytes(own->current_bytes) : READING_NONE);
	set(service, METRIC_SERVICE_ANON,
	    own->anon_known ? reading_of_bytes(own->anon_bytes) : READING_NONE);
	set(service, METRIC_SERVICE_SWAP, swap_reading(s, own));
	set(service, METRIC_SERVICE_EVENTS_HIGH, event_reading(own, MEMORY_EVENT_HIGH));
	set(service, METRIC_SERVICE_EVENTS_MAX, event_reading(own, MEMORY_EVENT_MAX));
	set(service, METRIC_SERVICE_EVENTS_OOM, event_reading(own, MEMORY_EVENT_OOM));
	set(service, METRIC_SERVICE_OOM_KILLS, event_reading(own, MEMORY_EVENT_OOM_KILL));
}

static void subtract_shares(struct node_share *own, const struct node_share *below, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		own[i].bytes = less(own[i].bytes, below[i].bytes);
		own[i].movable_bytes = less(own[i].movable_bytes, below[i].movable_bytes);
	}
}

/* Services right below it are found behind it, until the path leaves it. */
static void fill_own(struct sense *s, size_t index)
{
	struct service_registry *r = &s->registry;
	const struct service_entry *entry = &r->entries[index];
	struct service_totals own = entry->totals;
	size_t nodes = r->node_count, length = strlen(entry->path);
	struct node_share *shares = r->shares + index * nodes;

	memcpy(shares, r->totals + index * nodes, nodes * sizeof(*shares));
	for (int i = 0; i < MEMORY_EVENT_COUNT_; i++)
		own.events.values[i] = less(own.events.values[i], entry->gone_events[i]);
	for (size_t i = index + 1; i < r->count; i++) {
		if (strncmp(r->entries[i].path, entry->path, length) != 0 ||
		    r->entries[i].path[length] != '/')
			break;
		if (r->entries[i].parent != index)
			continue;
		subtract_totals(&own, &r->entries[i].totals);
		subtract_shares(shares, r->totals + i * nodes, nodes);
	}
	r->services[index].shares = entry->totals.shares_known ? shares : NULL;
	fill(s, &own, &r->services[index]);
}

static void service_sensor_services(struct sense *s, usec_t now)
{
	struct service_sensor *v = &s->services;
	struct service_registry *r = &s->registry;
	struct round round = { .now = now, .moved_by_us = v->moved_by_us };

	v->in_danger = is_in_danger(s);
	round.stirred = is_stirred(s, now);
	if (round.stirred)
		note_host(s, now);
	for (size_t i = 0; i < r->count; i++)
		if (round.stirred || is_turn(s, i) || is_always_looked_at(&r->entries[i]))
			look(s, i, &round);
	v->cursor = r->count > 0 ? (v->cursor + TURN_COUNT) % r->count : 0;
	service_registry_sweep(s);
	for (size_t i = 0; i < r->count; i++) {
		if (r->entries[i].is_changed)
			fill_own(s, i);
		r->entries[i].is_changed = false;
	}
}

static bool is_worth_keeping(const struct sense *s, const struct service_entry *entry)
{
	uint64_t weight = service_sensor_weight(s);

	if (entry->is_near_limit)
		return true;
	/* Once kept, it stays so until it is well below. */
	return entry->totals.current_bytes >= (entry->dir_fd >= 0 ? weight / 4 : weight);
}

static int service_sensor_rescan(struct sense *s, usec_t now, bool housekeep)
{
	const struct round round = { .now = now };
	int r = service_sensor_open(s);

	(void)housekeep;
	if (r < 0 || !s->registry.has_news)
		return r;
	/* What a new service has decides how many of its processes there is room for. */
	for (size_t i = 0; i < s->registry.count; i++)
		if (s->registry.entries[i].read_at == 0)
			look(s, i, &round);
	service_registry_sweep(s);
	/* A captured tree's files are replaced, not rewritten, by whoever makes a next one. */
	if (!s->root->live)
		return 0;
	for (size_t i = 0; i < s->registry.count; i++) {
		struct service_entry *entry = &s->registry.entries[i];

		if (entry->read_at == 0 || !entry->has_memory)
			continue;
		if (is_worth_keeping(s, entry))
			service_files_keep(s, entry);
		else if (entry->dir_fd >= 0 || entry->files[SERVICE_CURRENT] < 0)
			service_files_keep_current(s, entry);
	}
	return 0;
}

static void service_sensor_gaps(const struct sense *s, struct gap_list *list)
{
	if (s->services.numa_stat_absent && s->registry.count > 0 &&
	    s->layout->controllers[CGROUP_MEMORY] == CGROUP_V2)
		gap_add(list, "node.movable: this kernel has no memory.numa_stat (before 5.10); on "
			      "which node a service's memory is, is not known");
}

const struct sensor service_sensor = {
	.open = service_sensor_open,
	.done = service_sensor_done,
	.rescan = service_sensor_rescan,
	.services = service_sensor_services,
	.gaps = service_sensor_gaps,
};
