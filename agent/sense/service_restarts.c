/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_restarts.h"

#include "core/kernel_event.h"
#include "sense/state.h"
#include "util/macro.h"

#include <string.h>

static bool was_oom_killed(const struct service_entry *entry)
{
	const struct memory_events *events = &entry->totals.events;

	return entry->is_oom_killed || (events->present & 1u << MEMORY_EVENT_OOM_KILL &&
					events->values[MEMORY_EVENT_OOM_KILL] > 0);
}

void service_restarts_gone(struct sense *s, const struct service_entry *entry)
{
	if (!s->snapshot.single)
		restart_log_gone(&s->restarts, restart_log_hash(entry->path), was_oom_killed(entry),
				 s->now);
}

static void fill(struct sense *s, size_t index)
{
	struct service *service = &s->registry.services[index];
	struct restart_count count =
		restart_log_count(&s->restarts, restart_log_hash(s->registry.entries[index].path));

	service->readings[metric_index(METRIC_SERVICE_RESTARTS)] = reading_of(count.restarts);
	service->readings[metric_index(METRIC_SERVICE_RESTARTS_AFTER_OOM)] =
		reading_of(count.after_oom);
}

void service_restarts_came(struct sense *s, size_t index)
{
	const struct service_entry *entry = &s->registry.entries[index];

	if (s->snapshot.single)
		return;
	(void)restart_log_came(&s->restarts, restart_log_hash(entry->path), s->now);
	fill(s, index);
}

/* One that is back already has the counts of before. */
static void fill_path(struct sense *s, const char *path)
{
	for (size_t i = 0; i < s->registry.count; i++)
		if (strcmp(s->registry.entries[i].path, path) == 0) {
			fill(s, i);
			service_sensor_touch(s, i);
		}
}

/* The service may be any of those above the cgroup. */
void service_restarts_oom(struct sense *s, const char *cgroup, const char *known)
{
	char path[KERNEL_EVENT_CGROUP_BYTES];
	size_t least = strlen(known), length = strlen(cgroup);

	if (length >= sizeof(path))
		return;
	memcpy(path, cgroup, length + 1);
	while (length > least) {
		const char *slash;

		if (restart_log_oom(&s->restarts, restart_log_hash(path)))
			fill_path(s, path);
		slash = strrchr(path, '/');
		length = slash ? (size_t)(slash - path) : 0;
		path[length] = '\0';
	}
}

static int service_restarts_rescan(struct sense *s, usec_t now, bool housekeep)
{
	(void)housekeep;
	if (!restart_log_expire(&s->restarts, now))
		return 0;
	for (size_t i = 0; i < s->registry.count; i++) {
		struct reading before =
			s->registry.services[i].readings[metric_index(METRIC_SERVICE_RESTARTS)];

		if (before.state != READING_KNOWN || before.value == 0)
			continue;
		fill(s, i);
		service_sensor_touch(s, i);
	}
	return 0;
}

static void service_restarts_gaps(const struct sense *s, struct gap_list *list)
{
	if (s->snapshot.single)
		gap_add(list, "service.restarts*: one sample does not show who came back");
}

const struct sensor service_restarts_sensor = {
	.rescan = service_restarts_rescan,
	.gaps = service_restarts_gaps,
};
