/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/sense.h"

#include "sense/canary_sensor.h"
#include "sense/crowd.h"
#include "sense/own_sensor.h"
#include "sense/sensor.h"
#include "sense/service_restarts.h"
#include "sense/service_settings.h"
#include "sense/state.h"
#include "sys/sysroot.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <string.h>

/* What hardly ever changes: sysctls, the list of nodes, huge page pools, neighbours. */
#define HOUSEKEEP_USEC (5 * USEC_PER_MIN)
/* Every file but zoneinfo of a large machine, for which node_sensor.c makes more room. */
#define TEXT_BYTES 16384

/* Each may use what those before it found. */
static const struct sensor *const sensors[] = {
	&node_sensor,
	&own_sensor,
	&cpu_map_sensor,
	&host_sensor,
	&activity_sensor,
	&kernel_sensor,
	&block_sensor,
	&service_registry_sensor,
	&service_bounds_sensor,
	&service_restarts_sensor,
	&service_settings_sensor,
	&service_sensor,
	&attribution_sensor,
	&process_sensor,
	&inspection_sensor,
	&preference_sensor,
	&cpu_sensor,
	&canary_sensor,
	&event_sensor,
};

static int open_all(struct sense *s)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(sensors); i++)
		if (sensors[i]->open) {
			r = sensors[i]->open(s);
			if (r < 0)
				return r;
		}
	return 0;
}

static void close_all(struct sense *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(sensors); i++)
		if (sensors[i]->close)
			sensors[i]->close(s);
}

static void init(struct sense *s)
{
	event_sensor_init(s);
	s->activity.vmstat_fd = s->kernel.slabinfo_fd = s->kernel.arcstats_fd = -1;
	s->blocks.buddyinfo_fd = -1;
	s->snapshot.host.page_size_bytes = 4096;
	s->snapshot.host.cpu_count = 1;
	s->nodes.zoneinfo_fd = -1;
	s->registry.tree_fd = -1;
	s->host.meminfo_fd = -1;
	for (int i = 0; i < HOST_PRESSURE_COUNT_; i++)
		s->host.pressure_fds[i] = -1;
}

int sense_new(const struct sysroot *root, const struct cgroup_layout *layout, bool single,
	      struct sense **ret)
{
	_cleanup_(sense_freep) struct sense *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	init(s);
	s->root = root;
	s->layout = layout;
	s->snapshot.single = single;
	s->text = malloc(TEXT_BYTES);
	if (!s->text)
		return -ENOMEM;
	s->text_size = TEXT_BYTES;
	r = open_all(s);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

struct sense *sense_free(struct sense *s)
{
	if (!s)
		return NULL;
	close_all(s);
	for (size_t i = 0; i < ARRAY_SIZE(sensors); i++)
		if (sensors[i]->done)
			sensors[i]->done(s);
	free(s->text);
	free(s);
	return NULL;
}

void sense_set_policies(struct sense *s, const struct policy_table *policies)
{
	s->policies = policies;
	service_registry_rematch(s);
	s->confinement.is_stale = true;
}

void sense_set_paused(struct sense *s, bool (*is_paused)(const void *context, const char *path),
		      const void *context)
{
	s->is_paused = is_paused;
	s->paused_context = context;
}

static int rescan(struct sense *s, usec_t now, bool housekeep)
{
	int r = 0;

	s->is_calm = true;
	for (size_t i = 0; i < ARRAY_SIZE(sensors) && r >= 0; i++)
		if (sensors[i]->rescan)
			r = sensors[i]->rescan(s, now, housekeep);
	s->is_calm = false;
	return MIN_OF(r, 0);
}

int sense_rescan(struct sense *s, usec_t now)
{
	bool housekeep;
	int r;

	/* sense_new() looked at everything. */
	if (s->housekept_at == 0)
		s->housekept_at = now;
	housekeep = now - s->housekept_at >= HOUSEKEEP_USEC;
	s->now = now;
	s->snapshot.now_usec = now;
	r = rescan(s, now, housekeep);
	if (housekeep && r == 0)
		s->housekept_at = now;
	return r;
}

int sense_set_root(struct sense *s, const struct sysroot *root, const struct cgroup_layout *layout)
{
	int r;

	close_all(s);
	s->root = root;
	s->layout = layout;
	r = open_all(s);
	return r < 0 ? r : rescan(s, s->now, false);
}

int sense_fast(struct sense *s, usec_t now)
{
	stillness_end(s);
	s->now = now;
	s->snapshot.now_usec = now;
	s->snapshot.sequence++;
	for (size_t i = 0; i < ARRAY_SIZE(sensors); i++)
		if (sensors[i]->fast)
			sensors[i]->fast(s, now);
	return 0;
}

int sense_services(struct sense *s, usec_t now)
{
	s->now = now;
	s->snapshot.now_usec = now;
	for (size_t i = 0; i < ARRAY_SIZE(sensors); i++)
		if (sensors[i]->services)
			sensors[i]->services(s, now);
	return 0;
}

void sense_note_moved(struct sense *s, unsigned node, int64_t bytes)
{
	int index = node_sensor_index(s, node);

	if (index < 0)
		return;
	s->nodes.states[index].moved_on_bytes += bytes;
	s->services.moved_by_us = true;
	s->preferences.moved_at = s->now;
}

void sense_want_averages(struct sense *s, bool of_cpu, bool of_io)
{
	const bool wanted[HOST_AVERAGE_COUNT] = {
		[HOST_PRESSURE_CPU] = of_cpu,
		[HOST_PRESSURE_IO] = of_io,
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		s->events.is_due |= s->events.wants_average[i] != wanted[i];
		s->events.wants_average[i] = wanted[i];
	}
}

void sense_want_io(struct sense *s, bool wanted)
{
	s->wants_io = wanted;
}

void sense_note_written(struct sense *s, uint64_t key)
{
	/* No tick is left out before it is read. */
	s->still.until = 0;
	s->host.sysctls_due |= key == 0;
	s->blocks.pools_due |= key == 0;
	s->blocks.lists_due |= key == 0;
	s->kernel.amounts_due |= key == 0;
	for (size_t i = 0; key != 0 && i < s->registry.count; i++) {
		struct service_entry *entry = &s->registry.entries[i];

		if (service_key(&s->registry.services[i]) != key)
			continue;
		entry->history.config_at = 0;
		/* Scores too. */
		event_force(s, entry, true);
	}
}

void sense_mark(struct sense *s)
{
	node_sensor_mark(s);
	host_sensor_mark(s);
}

bool sense_has_moved(const struct sense *s)
{
	return !s->root->live || !event_sensor_tells_all(s) || host_sensor_has_moved(s) ||
	       s->host.is_stalled || s->host.sysctls_due || s->registry.is_changed ||
	       s->registry.is_due || sense_wants_services(s) || s->events.event_count > 0 ||
	       service_sensor_goes_on(s) || s->canaries.is_unwatched || node_sensor_has_moved(s);
}

/* USEC_INFINITY: no sensor has anything to do. */
static usec_t first_due(const struct sense *s)
{
	usec_t first = USEC_INFINITY;

	for (size_t i = 0; i < ARRAY_SIZE(sensors); i++)
		if (sensors[i]->fast)
			first = MIN_OF(first, sensors[i]->due ? sensors[i]->due(s) : 0);
	return first;
}

void sense_settle(struct sense *s)
{
	struct stillness *still = &s->still;

	still->until = 0;
	if (node_sensor_slack(s, &still->free_bytes, &still->slack_bytes)) {
		still->swap_free_bytes = s->nodes.swap_free_bytes;
		still->until = first_due(s);
	}
}

const struct snapshot *sense_snapshot(struct sense *s)
{
	confinement_of_nodes(s);
	crowd_fill_host(s);
	/* Any of these makes indexes mean something else. */
	s->snapshot.roll = ((uint64_t)s->nodes.generation << 32 | s->registry.order) + 1;
	s->snapshot.roll ^= (uint64_t)s->canaries.generation << 48;
	s->snapshot.touched = s->services.agenda.touched;
	s->snapshot.touched_count = s->services.agenda.touched_count;
	s->snapshot.only_touched =
		!s->services.all_touched && s->services.agenda.order == s->registry.order;
	return &s->snapshot;
}

void gap_add(struct gap_list *list, const char *text)
{
	struct strbuf line;

	if (list->count == SENSE_GAPS_MAX)
		return;
	line = (struct strbuf){
		.data = list->gaps[list->count].text,
		.size = sizeof(list->gaps[0].text),
	};
	strbuf_reset(&line);
	strbuf_add(&line, text);
	list->count++;
}

void gap_add_metrics(struct gap_list *list, const enum metric_id *ids, size_t count,
		     const char *reason)
{
	char text[sizeof(list->gaps[0].text)];
	struct strbuf line = STRBUF(text);

	for (size_t i = 0; i < count; i++) {
		const char *name = metric_get(ids[i])->name;

		/* With a separator or the colon, and the terminator. */
		if (line.length > 0 &&
		    line.length + strlen(name) + strlen(reason) + 5 > sizeof(text)) {
			strbuf_addf(&line, ": %s", reason);
			gap_add(list, text);
			strbuf_reset(&line);
		}
		strbuf_addf(&line, "%s%s", line.length > 0 ? ", " : "", name);
	}
	if (line.length > 0) {
		strbuf_addf(&line, ": %s", reason);
		gap_add(list, text);
	}
}

size_t sense_gaps(const struct sense *s, struct sense_gap ret_gaps[SENSE_GAPS_MAX])
{
	struct gap_list list = { .gaps = ret_gaps };

	for (size_t i = 0; i < ARRAY_SIZE(sensors); i++)
		if (sensors[i]->gaps)
			sensors[i]->gaps(s, &list);
	return list.count;
}
