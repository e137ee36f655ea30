/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/preferences.h"

#include "sense/state.h"
#include "util/macro.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Backends may change places without any node's share of the service telling. */
#define AGAIN_USEC (60 * USEC_PER_MIN)
/* A share has moved that did by this part, and by so much; or by so much since moves of ours, whose
 * planner is to see what they came to. */
#define MOVED_PART	  8
#define MOVED_BYTES	  (UINT64_C(64) << 20)
#define MOVED_BY_US_BYTES (UINT64_C(2) << 20)

struct service_preferences {
	pid_t pid;
	uint64_t start_ticks;
	uint64_t rss_bytes;
	usec_t read_at;
	size_t count;
	struct preference list[PREFERENCES_MAX];
	uint64_t shares[PREFERENCES_MAX]; /* of the service on each of these nodes then */
	uint64_t other_bytes;		  /* ... and on all others */
};

static bool is_of(const struct service_preferences *p, const struct process *process)
{
	return p && p->pid == process->pid && p->start_ticks == process->start_ticks;
}

static bool is_movable(const struct sense *s, const struct service *service)
{
	enum nodes_mode mode;

	if (!s->policies || service->policy < 0)
		return false;
	mode = s->policies->policies[service->policy].nodes;
	return mode == NODES_RELIEVE || mode == NODES_HOME;
}

/* Where the service's memory is, by the nodes that are preferred. */
static void read_shares(const struct sense *s, size_t index, const struct service_preferences *p,
			uint64_t shares[PREFERENCES_MAX], uint64_t *ret_other)
{
	const struct service_registry *r = &s->registry;
	const struct node_share *totals = r->totals + index * r->node_count;
	bool is_known = r->entries[index].totals.shares_known && service_registry_has_shares(s);

	memset(shares, 0, PREFERENCES_MAX * sizeof(*shares));
	*ret_other = 0;
	for (size_t i = 0; is_known && i < r->node_count; i++) {
		size_t at = 0;

		while (at < p->count && p->list[at].node != s->nodes.nodes[i].id)
			at++;
		if (at < p->count)
			shares[at] = totals[i].movable_bytes;
		else
			*ret_other += totals[i].movable_bytes;
	}
}

static bool has_moved(uint64_t then, uint64_t now, bool by_us)
{
	return apart(then, now) >
	       (by_us ? MOVED_BY_US_BYTES : MAX_OF(then / MOVED_PART, MOVED_BYTES));
}

static bool may_be_told(const struct sense *s, size_t index)
{
	return s->nodes.count > 1 && is_movable(s, &s->registry.services[index]) &&
	       !node_sensor_is_short(s);
}

bool preferences_have_moved(const struct sense *s, size_t index, size_t slot)
{
	const struct service_preferences *p = s->registry.entries[index].preferences;
	uint64_t shares[PREFERENCES_MAX], other;
	bool moved, by_us = s->preferences.moved_at >= MAX_OF(p ? p->read_at : 0, (usec_t)1);

	if (!may_be_told(s, index) || !is_of(p, &s->processes.processes[slot]) || p->count == 0)
		return false;
	read_shares(s, index, p, shares, &other);
	moved = has_moved(p->other_bytes, other, by_us);
	for (size_t i = 0; i < p->count; i++)
		moved |= has_moved(p->shares[i], shares[i], by_us);
	return moved;
}

bool preferences_are_wanted(const struct sense *s, size_t index, size_t slot, usec_t now)
{
	const struct service_preferences *p = s->registry.entries[index].preferences;

	if (!may_be_told(s, index))
		return false;
	/* Where none was seen, looking again costs no more than the look itself. */
	if (!is_of(p, &s->processes.processes[slot]) || p->count == 0)
		return true;
	return now - p->read_at >= AGAIN_USEC || preferences_have_moved(s, index, slot);
}

static void publish(struct sense *s, size_t index)
{
	const struct service_preferences *p = s->registry.entries[index].preferences;
	struct service *service = &s->registry.services[index];

	service->preference_count = p ? p->count : 0;
	service->preferences = service->preference_count > 0 ? p->list : NULL;
	service_sensor_touch(s, index);
}

static bool has_process(const struct sense *s, size_t index, const struct service_preferences *p)
{
	size_t first = s->registry.entries[index].first_slot;

	for (size_t i = first; i < first + s->registry.services[index].process_count; i++)
		if (is_of(p, &s->processes.processes[i]))
			return true;
	return false;
}

void preferences_check(struct sense *s, size_t index)
{
	struct service_preferences *p = s->registry.entries[index].preferences;

	if (!p || p->count == 0 || has_process(s, index, p))
		return;
	p->count = 0;
	publish(s, index);
}

/* Another process of the service has more. */
static bool is_outweighed(const struct service_preferences *p, const struct process *process)
{
	return p && p->count > 0 && !is_of(p, process) && p->rss_bytes >= process->rss_bytes;
}

bool preferences_take(struct sense *s, size_t index, size_t slot, const struct inspection *found,
		      usec_t now)
{
	const struct process *process = &s->processes.processes[slot];
	struct service_entry *entry = &s->registry.entries[index];
	struct service_preferences *p = entry->preferences;

	if (is_outweighed(p, process))
		return true;
	if (found->preference_count == 0) {
		if (is_of(p, process)) {
			p->count = 0;
			publish(s, index);
		}
		return true;
	}
	if (!p) {
		if (s->preferences.spare_count == 0)
			return false;
		p = entry->preferences = s->preferences.spares[--s->preferences.spare_count];
	}
	*p = (struct service_preferences){
		.pid = process->pid,
		.start_ticks = process->start_ticks,
		.rss_bytes = process->rss_bytes,
		.read_at = now,
		.count = found->preference_count,
	};
	memcpy(p->list, found->preferences, p->count * sizeof(p->list[0]));
	read_shares(s, index, p, p->shares, &p->other_bytes);
	publish(s, index);
	return true;
}

static bool is_asked_for(const struct sense *s)
{
	for (size_t i = 0; s->policies && s->nodes.count > 1 && i < s->policies->count; i++)
		if (s->policies->policies[i].nodes == NODES_RELIEVE ||
		    s->policies->policies[i].nodes == NODES_HOME)
			return true;
	return false;
}

static int preference_sensor_rescan(struct sense *s, usec_t now, bool housekeep)
{
	struct preference_room *room = &s->preferences;

	(void)now;
	(void)housekeep;
	while (room->spare_count < SPARE_PREFERENCES && is_asked_for(s)) {
		struct service_preferences *spare = malloc(sizeof(*spare));

		if (!spare)
			return -ENOMEM;
		room->spares[room->spare_count++] = spare;
	}
	return 0;
}

static void preference_sensor_done(struct sense *s)
{
	while (s->preferences.spare_count > 0)
		free(s->preferences.spares[--s->preferences.spare_count]);
}

const struct sensor preference_sensor = {
	.done = preference_sensor_done,
	.rescan = preference_sensor_rescan,
};
