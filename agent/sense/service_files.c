/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_files.h"

#include "sense/pressure.h"
#include "sense/service_bounds.h"
#include "sense/service_marks.h"
#include "sense/service_settings.h"
#include "sense/service_stat.h"
#include "sense/state.h"
#include "sys/cgroup_v1_files.h"
#include "sys/psi.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Near a limit: less than this part of it is left. */
#define NEAR_PART   8
#define CONFIG_USEC (60 * USEC_PER_SEC)
/* Of a service that nothing is held on, while all is well: for a thousand of them these files are
 * most of what a quiet minute reads. */
#define CONFIG_CALM_USEC (10 * USEC_PER_MIN)
/* A hundredth of the time, in hundredths of a percent: less is left of any stall for two minutes,
 * as averages fade. */
#define STALLED_MIN 100

static struct reading limit_reading(bool known, uint64_t value)
{
	if (!known)
		return READING_NONE;
	return value == CGROUP_INFINITY ? READING_FOREVER : reading_of_bytes(value);
}

static void read_limits(struct service_look *look, struct service_settings *set)
{
	struct service_entry *entry = look->entry;
	uint64_t high = CGROUP_INFINITY, max = CGROUP_INFINITY, lowest;
	bool has_high, has_max = service_look_value(look, SERVICE_MAX, &max);

	/* v1 throttles nobody. */
	if (service_look_is_v1(look->sense))
		has_high = has_max;
	else
		has_high = service_look_value(look, SERVICE_HIGH, &high);
	set->memory[SETTING_MEMORY_HIGH] =
		service_look_is_v1(look->sense) ? READING_NONE : limit_reading(has_high, high);
	set->memory[SETTING_MEMORY_MAX] = limit_reading(has_max, max);
	service_look_set(look, METRIC_SERVICE_HIGH, limit_reading(has_high, high));
	service_look_set(look, METRIC_SERVICE_MAX, limit_reading(has_max, max));
	entry->max_bytes = has_max ? max : CGROUP_INFINITY;
	lowest = MIN_OF(has_high ? high : CGROUP_INFINITY, entry->max_bytes);
	entry->is_near_limit = lowest != CGROUP_INFINITY && entry->totals.current_known &&
			       entry->totals.current_bytes >= lowest - lowest / NEAR_PART;
}

static void read_protection(struct service_look *look, struct service_settings *set)
{
	uint64_t min = 0, low = 0;
	bool has_min = service_look_named_value(look, "memory.min", &min);
	bool has_low = service_look_named_value(look, "memory.low", &low);

	set->memory[SETTING_MEMORY_MIN] = limit_reading(has_min, min);
	set->memory[SETTING_MEMORY_LOW] = limit_reading(has_low, low);
	service_bounds_cap(look->sense, look->entry, &min, &low);
	service_look_set(look, METRIC_SERVICE_MIN, limit_reading(has_min, min));
	service_look_set(look, METRIC_SERVICE_LOW, limit_reading(has_low, low));
}

static usec_t config_period(const struct service_look *look)
{
	const struct sense *s = look->sense;
	const struct service_entry *entry = look->entry;
	int policy = look->service->policy;

	if (s->services.in_doubt || entry->is_stalled || entry->is_near_limit ||
	    (policy >= 0 && s->policies->policies[policy].setting_count > 0))
		return CONFIG_USEC;
	return CONFIG_CALM_USEC;
}

static void read_config(struct service_look *look, struct service_settings *set)
{
	struct service_history *history = &look->entry->history;
	uint64_t swap_max = 0, group = 0, hierarchy;
	bool known;

	if (history->config_at != 0 && look->now - history->config_at < config_period(look))
		return;
	history->config_at = look->now;
	service_settings_read_nodes(look, set);
	service_settings_read_cpus(look, set);
	service_settings_read_io(look, set);
	service_marks_read(look);
	if (service_look_is_v1(look->sense)) {
		known = service_look_named_value(look, "memory.use_hierarchy", &hierarchy);
		look->entry->totals.is_flat = known && hierarchy == 0;
		return;
	}
	read_protection(look, set);
	known = service_look_named_value(look, "memory.swap.max", &swap_max);
	set->memory[SETTING_MEMORY_SWAP_MAX] = limit_reading(known, swap_max);
	service_look_set(look, METRIC_SERVICE_SWAP_MAX, limit_reading(known, swap_max));
	known = service_look_named_value(look, "memory.oom.group", &group);
	set->oom_group = known ? reading_of(group != 0) : READING_NONE;
	service_look_set(look, METRIC_SERVICE_OOM_GROUP, set->oom_group);
}

static void read_pressure(struct service_look *look)
{
	struct sense *s = look->sense;
	struct psi psi = { 0 };
	ssize_t n = service_look_read(look, SERVICE_PRESSURE);

	if (n < 0 || psi_parse(s->text, (size_t)n, &psi) < 0)
		psi = (struct psi){ 0 };
	pressure_raise(&look->entry->history.pressure, look->now, &psi);
	service_look_set(look, METRIC_SERVICE_PSI_SOME,
			 psi.some.present ? reading_of(psi.some.avg10) : READING_NONE);
	service_look_set(look, METRIC_SERVICE_PSI_FULL,
			 psi.full.present ? reading_of(psi.full.avg10) : READING_NONE);
	look->entry->is_stalled = psi.some.avg10 >= STALLED_MIN;
}

static void put_event(struct memory_events *events, enum memory_event which, uint64_t value)
{
	events->present |= 1u << which;
	events->values[which] = value;
}

/* An allocation that meets the limit ends in reclaim or an OOM, an OOM in a kill. Where nobody is
 * killed for it, the tasks wait, which lasts long enough to be seen. */
static void read_v1_oom(struct service_look *look, struct memory_events *events)
{
	struct sense *s = look->sense;
	struct service_history *history = &look->entry->history;
	struct cgroup_v1_oom oom;
	ssize_t n = service_look_read(look, SERVICE_OOM_CONTROL);

	if (n < 0 || cgroup_v1_parse_oom(s->text, (size_t)n, &oom) < 0)
		return;
	if (oom.under_oom && !history->was_under_oom)
		history->times_under_oom++;
	history->was_under_oom = oom.under_oom;
	put_event(events, MEMORY_EVENT_OOM, oom.kills + history->times_under_oom);
	if (oom.kills_known)
		put_event(events, MEMORY_EVENT_OOM_KILL, oom.kills);
}

static void read_events(struct service_look *look)
{
	struct sense *s = look->sense;
	struct memory_events *events = &look->entry->totals.events;
	uint64_t failures;
	ssize_t n;

	if (service_look_is_v1(s)) {
		*events = (struct memory_events){ 0 };
		if (service_look_value(look, SERVICE_EVENTS, &failures))
			put_event(events, MEMORY_EVENT_MAX, failures);
		read_v1_oom(look, events);
		return;
	}
	n = service_look_read(look, SERVICE_EVENTS);
	if (n < 0 || cgroup_parse_memory_events(s->text, (size_t)n, events) < 0)
		events->present = 0;
}

static void update_event_rates(struct service_look *look)
{
	struct service_totals *totals = &look->entry->totals;
	struct service_history *history = &look->entry->history;
	const uint64_t *values = totals->events.values;
	uint64_t high_rate = 0, max_rate = 0;
	usec_t elapsed = look->now - history->events_at;

	if (totals->events.present == 0) {
		totals->rates_known = false;
		history->events_at = 0;
		return;
	}
	if (history->events_at != 0 && elapsed < RATE_MIN_USEC)
		return;
	totals->rates_known =
		history->events_at != 0 &&
		service_look_rate(history->high, values[MEMORY_EVENT_HIGH], elapsed, 1,
				  &high_rate) &&
		service_look_rate(history->max, values[MEMORY_EVENT_MAX], elapsed, 1, &max_rate);
	/* Growth of less than one a second is growth. */
	if (totals->rates_known &&
	    (values[MEMORY_EVENT_HIGH] > history->high || values[MEMORY_EVENT_MAX] > history->max))
		history->hit_at = look->now;
	totals->high_rate = (uint32_t)MIN_OF(high_rate, (uint64_t)UINT32_MAX);
	totals->max_rate = (uint32_t)MIN_OF(max_rate, (uint64_t)UINT32_MAX);
	history->events_at = look->now;
	history->high = values[MEMORY_EVENT_HIGH];
	history->max = values[MEMORY_EVENT_MAX];
}

/* It writes to another disk now. */
static void update_io(struct service_look *look, size_t index)
{
	struct service_settings set = service_settings_of(look->service);

	service_settings_read_io(look, &set);
	service_settings_take(look->sense, index, &set);
}

void service_files_read(struct sense *s, size_t index, int dir_fd, usec_t now)
{
	struct service_entry *entry = &s->registry.entries[index];
	struct service_totals *totals = &entry->totals;
	_cleanup_(service_look_done) struct service_look look = {
		.sense = s,
		.entry = entry,
		.service = &s->registry.services[index],
		.dir_fd = dir_fd,
		.memory_fd = -1,
		.now = now,
	};
	struct service_settings set = service_settings_of(look.service);
	const uint64_t device = look.service->io_device;

	read_limits(&look, &set);
	read_config(&look, &set);
	service_settings_take(s, index, &set);
	read_events(&look);
	update_event_rates(&look);
	read_pressure(&look);
	/* One that meets its limit is watched closely until it does no more. */
	entry->is_stalled |= totals->rates_known && (totals->high_rate > 0 || totals->max_rate > 0);
	if (!service_look_is_v1(s))
		totals->swap_known = service_look_value(&look, SERVICE_SWAP, &totals->swap_bytes);
	totals->anon_known = totals->file_known = false;
	totals->shares_known = service_stat_read_shares(
		&look, s->registry.totals + index * s->registry.node_count);
	service_stat_read(&look);
	if (look.service->io_device != device)
		update_io(&look, index);
	entry->pulse_bytes = totals->current_bytes;
	entry->read_at = now;
	entry->is_forced = false;
	s->registry.has_news = true;
}

int service_files_pulse(struct sense *s, struct service_entry *entry, int dir_fd)
{
	_cleanup_(service_look_done) struct service_look look = {
		.sense = s,
		.entry = entry,
		.dir_fd = dir_fd,
		.memory_fd = -1,
	};
	ssize_t n = service_look_read(&look, SERVICE_CURRENT);

	entry->totals.current_known = service_look_parse(s, n, &entry->totals.current_bytes);
	if (!entry->totals.current_known)
		entry->totals.current_bytes = 0;
	return (int)MIN_OF(n, (ssize_t)0);
}

static void keep_file(struct service_look *look, enum service_file which)
{
	const char *name = service_look_name(look->sense, which);
	int dir_fd = service_look_is_in_tree(which) ? look->dir_fd : service_look_memory_dir(look);

	if (look->entry->files[which] >= 0 || !name || dir_fd < 0)
		return;
	look->entry->files[which] = MAX_OF(cgroup_open_file(dir_fd, name, O_RDONLY), -1);
}

void service_files_keep(struct sense *s, struct service_entry *entry)
{
	_cleanup_(service_look_done) struct service_look look = { .sense = s,
								  .entry = entry,
								  .memory_fd = -1 };
	struct cgroup_dir dir;

	if (entry->dir_fd >= 0 || service_registry_open(s, entry, &dir) < 0)
		return;
	entry->dir_fd = look.dir_fd = dir.fd;
	/* Where there is no such file, or too many are open, it is looked for each time. */
	for (int i = 0; i < SERVICE_FILE_COUNT_; i++)
		keep_file(&look, (enum service_file)i);
}

void service_files_keep_current(struct sense *s, struct service_entry *entry)
{
	_cleanup_(cgroup_dir_done) struct cgroup_dir dir = { .fd = -1 };
	_cleanup_(service_look_done) struct service_look look = { .sense = s,
								  .entry = entry,
								  .memory_fd = -1 };

	for (int i = 0; i < SERVICE_FILE_COUNT_; i++) {
		if (i == SERVICE_CURRENT || entry->files[i] < 0)
			continue;
		close(entry->files[i]);
		entry->files[i] = -1;
	}
	drop_fd(&entry->dir_fd);
	if (entry->files[SERVICE_CURRENT] >= 0 || service_registry_open(s, entry, &dir) < 0)
		return;
	look.dir_fd = dir.fd;
	keep_file(&look, SERVICE_CURRENT);
}
