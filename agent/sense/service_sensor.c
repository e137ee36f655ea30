/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Economy. A host may have a thousand services of which next to none changes, and what a quiet
 * round costs must not depend on how many there are. What a service does with memory shows in the
 * host's numbers, which are read anyway. As long as those stand still (free and available memory,
 * pressure, OOM kills), a round looks at the services with something the matter (an event, a limit
 * that is near, stalls) and at one more in turn. When they move, it looks at memory.current: of the
 * services that weigh on this host in each round, of the rest at a part of them, of all where
 * little is left. All files of a service are read where that moved, and now and then.
 *
 * Files of services that weigh are kept open: when memory is gone, an open(2) may wait for it. No
 * more than 256 can weigh. memory.current is kept open for all only where little is left: a kept
 * file costs the kernel a page.
 */

#include "sense/service_sensor.h"

#include "sense/service_files.h"
#include "sense/service_readings.h"
#include "sense/service_walk.h"
#include "sense/state.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

/* On a quiet host it is one service's turn to be looked at every minute, and every ten minutes
 * another one's to be read whole and its processes listed. What that would find late is told by
 * events (event_sensor.h); where there are none, so many are looked at that a thousand take a
 * minute. */
#define LOOK_TURN_USEC	(60 * USEC_PER_SEC)
#define READ_TURN_USEC	(10 * USEC_PER_MIN)
#define BLIND_TURN_USEC (900 * USEC_PER_MSEC)
#define BLIND_READ_USEC (10 * USEC_PER_SEC)
#define BLIND_COUNT	16
/* Of the services that do not weigh, this part is looked at in a round on a host that moves, and in
 * each of the next ones until all were. */
#define LIGHT_PART 4
/* What moves less on the host than this is no news: 64 MiB of 16 GiB. */
#define STIR_PART      256
#define STIR_MIN_BYTES (UINT64_C(4) << 20)
/* A thousandth of the time stalled for memory. */
#define STIR_STALL_PART 1000
/* A service weighs from this part of the host's memory on, so that no more than that many do. */
#define WEIGHT_PART 256
#define DANGER_PART 8
#define DOUBT_PART  4
/* Fully read again at the latest: when it weighs and the host moves; when it is stalled or near its
 * limit; when its turn comes. */
#define WEIGHTY_USEC (400 * USEC_PER_MSEC)
#define CLOSE_USEC   (2 * USEC_PER_SEC)
#define STALE_USEC   (60 * USEC_PER_SEC)
/* In danger so many services are read for the first time in a round: one takes some 300
 * microseconds with its processes, and thousands may come at once. */
#define NEW_IN_DANGER 128
/* A change of memory.current that asks for the other files. */
#define PULSE_PART	32
#define PULSE_MIN_BYTES (UINT64_C(4) << 20)

/* Do events tell what the services meet? */
static bool is_watched(const struct sense *s)
{
	return s->events.files_fd >= 0 && !s->events.is_exhausted;
}

uint64_t service_sensor_weight(const struct sense *s)
{
	return reading_amount(host_reading(s, METRIC_MEM_TOTAL)) / WEIGHT_PART;
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
	service_agenda_done(&s->services.agenda);
	s->services = (struct service_sensor){ 0 };
}

static bool is_far(uint64_t then, uint64_t now, uint64_t whole)
{
	return apart(then, now) > MAX_OF(whole / STIR_PART, STIR_MIN_BYTES);
}

static bool is_below(const struct sense *s, unsigned part)
{
	struct reading available = host_reading(s, METRIC_MEM_AVAILABLE);

	return available.state == READING_KNOWN &&
	       (uint64_t)available.value < reading_amount(host_reading(s, METRIC_MEM_TOTAL)) / part;
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

	if (!v->compared || v->moved_by_us || s->services.in_danger || s->events.is_stirred)
		return true;
	if (s->host.oom_kills != v->oom_kills || s->host.stalled_usec < v->stalled_usec ||
	    s->host.stalled_usec - v->stalled_usec > elapsed / STIR_STALL_PART)
		return true;
	return is_far(v->available_bytes, reading_amount(host_reading(s, METRIC_MEM_AVAILABLE)),
		      reading_amount(host_reading(s, METRIC_MEM_TOTAL))) ||
	       nodes_moved(s);
}

static void note_host(struct sense *s, usec_t now)
{
	struct service_sensor *v = &s->services;

	v->compared = true;
	v->moved_by_us = false;
	v->compared_at = now;
	v->available_bytes = reading_amount(host_reading(s, METRIC_MEM_AVAILABLE));
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
	bool read_all; /* not memory.current alone */
};

static bool is_read_due(const struct sense *s, const struct service_entry *entry,
			const struct round *round)
{
	usec_t age = round->now - entry->read_at;

	if (entry->read_at == 0 || entry->is_forced || has_jumped(entry))
		return true;
	if (age >= STALE_USEC && !is_watched(s))
		return true;
	if ((entry->is_near_limit || entry->is_stalled) && age >= CLOSE_USEC)
		return true;
	if (!round->stirred || entry->totals.current_bytes < service_sensor_weight(s))
		return false;
	return round->moved_by_us || age >= WEIGHTY_USEC;
}

void service_sensor_touch(struct sense *s, size_t index)
{
	service_agenda_touch(&s->services.agenda, index);
}

void service_sensor_force(struct sense *s)
{
	s->services.is_forced = true;
}

/* The readings of a service are made of its own numbers and of those right below it. */
static void mark_changed(struct sense *s, size_t index)
{
	struct service_registry *r = &s->registry;
	size_t parent = r->entries[index].parent;

	r->entries[index].is_changed = true;
	service_sensor_touch(s, index);
	if (parent == NO_SERVICE)
		return;
	r->entries[parent].is_changed = true;
	service_sensor_touch(s, parent);
}

static void read_files(struct sense *s, size_t index, int dir_fd, usec_t now)
{
	if (s->registry.entries[index].read_at == 0)
		s->services.new_left = less(s->services.new_left, 1);
	service_files_read(s, index, dir_fd, now);
	s->confinement.is_stale = true;
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
	read_files(s, index, entry->dir_fd, round->now);
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
		read_files(s, index, dir.fd, round->now);
}

static void begin_round(struct sense *s)
{
	s->services.new_left = s->services.in_danger ? NEW_IN_DANGER : SIZE_MAX;
}

/* Nothing has been read of it so far, and in this round nothing will be. */
static bool is_put_off(struct sense *s, size_t index)
{
	if (s->registry.entries[index].read_at != 0 || s->services.new_left > 0)
		return false;
	s->services.has_put_off = true;
	return true;
}

static void look(struct sense *s, size_t index, const struct round *round)
{
	bool due = false;

	if (is_put_off(s, index))
		return;
	mark_changed(s, index);
	s->registry.services[index].sampled_at = round->now;
	if (look_at_kept(s, index, &due, round) && !due)
		return;
	/* Files of a cgroup that is gone, or lost its controller, stay dead. */
	if (!due)
		service_entry_close(&s->registry.entries[index]);
	look_by_path(s, index, round);
}

static bool is_troubled(const struct sense *s, size_t index)
{
	const struct service_entry *entry = &s->registry.entries[index];

	return entry->is_near_limit || entry->is_stalled ||
	       s->registry.services[index].hold == HOLD_INCOMING_MIGRATION;
}

bool service_sensor_goes_on(const struct sense *s)
{
	return s->services.parts_left > 0 ||
	       service_agenda_next(&s->services.agenda, 0) != SIZE_MAX;
}

static void look_and_note(struct sense *s, size_t index, const struct round *round)
{
	struct service_entry *entry = &s->registry.entries[index];

	if (round->read_all)
		entry->is_forced = entry->is_forced_list = true;
	look(s, index, round);
	service_agenda_attend(&s->services.agenda, index, is_troubled(s, index));
}

/* Of a host that moves. */
static bool is_part_of_round(const struct sense *s, size_t index)
{
	const struct service_entry *entry = &s->registry.entries[index];

	if (entry->read_at == 0 || entry->is_forced || entry->is_forced_list ||
	    s->services.in_danger || service_agenda_attends(&s->services.agenda, index) ||
	    entry->totals.current_bytes >= service_sensor_weight(s))
		return true;
	return index % LIGHT_PART == s->services.part;
}

static void look_at_many(struct sense *s, const struct round *round)
{
	for (size_t i = 0; i < s->registry.count; i++)
		if (is_part_of_round(s, i))
			look_and_note(s, i, round);
	s->services.part = (s->services.part + 1) % LIGHT_PART;
	s->services.parts_left--;
}

static void look_at_forced(struct sense *s, const struct round *round)
{
	for (size_t i = 0; i < s->registry.count; i++)
		if (s->registry.entries[i].is_forced || s->registry.entries[i].is_forced_list)
			look_and_note(s, i, round);
}

static void look_at_troubled(struct sense *s, const struct round *round)
{
	const struct service_agenda *agenda = &s->services.agenda;

	for (size_t i = service_agenda_next(agenda, 0); i < s->registry.count;
	     i = service_agenda_next(agenda, i + 1))
		look_and_note(s, i, round);
}

static size_t take_turn(const struct sense *s, size_t *cursor)
{
	*cursor = *cursor + 1 < s->registry.count ? *cursor + 1 : 0;
	return *cursor;
}

static void look_in_turn(struct sense *s, const struct round *round)
{
	struct service_sensor *v = &s->services;
	bool watched = is_watched(s);
	size_t count = watched ? 1 : BLIND_COUNT;
	struct round whole = *round;

	if (round->now - v->looked_at >= (watched ? LOOK_TURN_USEC : BLIND_TURN_USEC)) {
		v->looked_at = round->now;
		for (size_t i = 0; i < count && i < s->registry.count; i++)
			look_and_note(s, take_turn(s, &v->look_cursor), round);
	}
	if (round->now - v->read_at < (watched ? READ_TURN_USEC : BLIND_READ_USEC))
		return;
	v->read_at = round->now;
	whole.read_all = true;
	look_and_note(s, take_turn(s, &v->read_cursor), &whole);
}

static void subtract_shares(struct node_share *own, const struct node_share *below, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		own[i].bytes = less(own[i].bytes, below[i].bytes);
		own[i].movable_bytes = less(own[i].movable_bytes, below[i].movable_bytes);
		own[i].shmem_bytes = less(own[i].shmem_bytes, below[i].shmem_bytes);
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
		if (r->entries[i].parent != index || own.is_flat)
			continue;
		service_totals_subtract(s, &own, &r->entries[i].totals);
		subtract_shares(shares, r->totals + i * nodes, nodes);
	}
	r->services[index].shares = entry->totals.shares_known ? shares : NULL;
	service_readings_fill(s, index, &own);
}

/* Of a host that stands still. */
static void look_at_few(struct sense *s, const struct round *round)
{
	if (s->services.is_forced || s->events.is_service_news)
		look_at_forced(s, round);
	look_at_troubled(s, round);
	look_in_turn(s, round);
}

static void fill_if_changed(struct sense *s, size_t index)
{
	if (s->registry.entries[index].is_changed)
		fill_own(s, index);
	s->registry.entries[index].is_changed = false;
}

/* Other services than before, or in other places: the agenda begins anew. */
static bool is_reordered(struct sense *s)
{
	return s->services.agenda.order != s->registry.order;
}

static void fill_changed(struct sense *s)
{
	struct service_agenda *agenda = &s->services.agenda;

	if (!is_reordered(s)) {
		for (size_t i = 0; i < agenda->touched_count; i++)
			fill_if_changed(s, agenda->touched[i]);
		return;
	}
	service_agenda_reset(agenda, s->registry.order);
	s->services.all_touched = true;
	s->confinement.is_stale = true;
	for (size_t i = 0; i < s->registry.count; i++) {
		fill_if_changed(s, i);
		service_agenda_attend(agenda, i, is_troubled(s, i));
	}
}

/* Whoever comes nearer to a limit of his own has attention. */
static struct reading nearest_limit(const struct sense *s)
{
	const struct service_agenda *agenda = &s->services.agenda;
	struct reading nearest = READING_NONE;

	for (size_t i = service_agenda_next(agenda, 0); i < s->registry.count;
	     i = service_agenda_next(agenda, i + 1)) {
		struct reading left = s->registry.services[i]
					      .readings[metric_index(METRIC_SERVICE_TIME_TO_LIMIT)];

		if (left.state == READING_KNOWN &&
		    (nearest.state != READING_KNOWN || left.value < nearest.value))
			nearest = left;
	}
	return nearest;
}

static void service_sensor_services(struct sense *s, usec_t now)
{
	struct service_sensor *v = &s->services;
	struct round round = { .now = now, .moved_by_us = v->moved_by_us };

	v->in_danger = node_sensor_is_short(s) || is_below(s, DANGER_PART);
	v->in_doubt = v->in_danger || is_below(s, DOUBT_PART);
	round.stirred = is_stirred(s, now);
	if (round.stirred) {
		note_host(s, now);
		/* Which node is the roomiest may be another one by now. */
		s->confinement.is_stale = true;
	}
	v->is_stirred = round.stirred;
	if (round.stirred || is_reordered(s))
		v->parts_left = LIGHT_PART;
	begin_round(s);
	v->has_put_off = false;
	if (v->parts_left > 0)
		look_at_many(s, &round);
	else if (s->registry.count > 0)
		look_at_few(s, &round);
	if (v->has_put_off)
		v->parts_left = MAX_OF(v->parts_left, 1U);
	v->is_forced = s->events.is_service_news = s->events.is_stirred = false;
	service_registry_sweep(s);
	fill_changed(s);
	s->snapshot.nearest_limit = nearest_limit(s);
}

static bool is_worth_keeping(const struct sense *s, const struct service_entry *entry)
{
	uint64_t weight = service_sensor_weight(s);

	if (entry->is_near_limit)
		return true;
	/* Once kept, it stays so until it is well below. */
	return entry->totals.current_bytes >= (entry->dir_fd >= 0 ? weight / 4 : weight);
}

/* What is kept open of it. */
static void keep(struct sense *s, struct service_entry *entry)
{
	if (entry->read_at == 0 || !entry->has_memory)
		return;
	if (is_worth_keeping(s, entry))
		service_files_keep(s, entry);
	else if (!s->services.in_doubt)
		service_entry_close(entry);
	else if (entry->dir_fd >= 0 || entry->files[SERVICE_CURRENT] < 0)
		service_files_keep_current(s, entry);
}

static int service_sensor_rescan(struct sense *s, usec_t now, bool housekeep)
{
	const struct round round = { .now = now };
	struct service_sensor *v = &s->services;
	int r = service_sensor_open(s);

	(void)housekeep;
	if (r == 0)
		r = service_agenda_reserve(&v->agenda, s->registry.count);
	if (r < 0 || (!s->registry.has_news && v->in_doubt == v->was_in_doubt))
		return r;
	v->was_in_doubt = v->in_doubt;
	begin_round(s);
	/* What a new service has decides how many of its processes there is room for. */
	for (size_t i = 0; i < s->registry.count; i++)
		if (s->registry.entries[i].read_at == 0)
			look(s, i, &round);
	service_registry_sweep(s);
	/* A captured tree's files are replaced, not rewritten, by whoever makes a next one. */
	if (!s->root->live)
		return 0;
	for (size_t i = 0; i < s->registry.count; i++)
		keep(s, &s->registry.entries[i]);
	return 0;
}

static void service_sensor_gaps(const struct sense *s, struct gap_list *list)
{
	if (s->services.numa_stat_absent && s->registry.count > 0 &&
	    s->layout->controllers[CGROUP_MEMORY] == CGROUP_V2)
		gap_add(list, "node.movable: this kernel has no memory.numa_stat (before 5.10); on "
			      "which node a service's memory is, is not known");
}

/* Whoever asks after this tick asks what it touched. */
static void service_sensor_fast(struct sense *s, usec_t now)
{
	(void)now;
	service_agenda_clear_touched(&s->services.agenda);
	s->services.all_touched = false;
}

/* What was touched once is cleared once. */
static usec_t service_sensor_due(const struct sense *s)
{
	(void)s;
	return USEC_INFINITY;
}

/* What is opened next may be another tree. */
static void service_sensor_close(struct sense *s)
{
	service_sensor_force(s);
}

const struct sensor service_sensor = {
	.open = service_sensor_open,
	.close = service_sensor_close,
	.done = service_sensor_done,
	.fast = service_sensor_fast,
	.due = service_sensor_due,
	.rescan = service_sensor_rescan,
	.services = service_sensor_services,
	.gaps = service_sensor_gaps,
};
