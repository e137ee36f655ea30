/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_settings.h"

#include "sense/state.h"
#include "util/macro.h"

#include <errno.h>

struct service_settings service_settings_of(const struct service *service)
{
	return service->settings ? *service->settings : (struct service_settings){ 0 };
}

/* v1 has a hierarchy of its own for it, where most services have no place. */
static ssize_t read_mems(struct service_look *look)
{
	static const char name[] = "cpuset.mems";
	struct sense *s = look->sense;
	_cleanup_(closep) int fd = -1;

	switch (s->layout->controllers[CGROUP_CPUSET]) {
	case CGROUP_ABSENT:
		break;
	case CGROUP_V1:
		fd = cgroup_controller_open(s->root, s->layout, CGROUP_CPUSET, look->entry->path);
		return fd < 0 ? fd : cgroup_read_file(fd, name, s->text, s->text_size);
	case CGROUP_V2:
		return cgroup_read_file(look->dir_fd, name, s->text, s->text_size);
	}
	return -EOPNOTSUPP;
}

/* Where there is one node only, nobody can be kept to another one. */
void service_settings_read_nodes(struct service_look *look, struct service_settings *set)
{
	struct sense *s = look->sense;
	struct span rest, line;
	struct idset nodes;
	ssize_t n = s->nodes.count < 2 ? -EOPNOTSUPP : read_mems(look);

	set->nodes = NULL;
	if (n < 0)
		return;
	rest = span_of(s->text, (size_t)n);
	if (!span_next_line(&rest, &line) || span_idset(span_trim(line), &nodes) < 0)
		return;
	set->nodes = node_sets_put(&s->processes.node_sets, &nodes);
}

static const struct service_settings *keep(struct sense *s, const struct service_settings *set)
{
	const struct service_settings *kept = setting_sets_put(&s->settings, set);

	if (kept || !s->is_calm || setting_sets_reserve(&s->settings) < 0)
		return kept;
	return setting_sets_put(&s->settings, set);
}

void service_settings_take(struct sense *s, size_t index, const struct service_settings *set)
{
	struct service *service = &s->registry.services[index];

	service->settings = keep(s, set);
	if (!service->settings)
		s->registry.entries[index].history.config_at = 0;
}

void score_range_add(struct score_range *range, int score)
{
	range->least = range->is_known ? MIN_OF(range->least, score) : score;
	range->most = range->is_known ? MAX_OF(range->most, score) : score;
	range->is_known = true;
}

void service_settings_take_scores(struct sense *s, size_t index, const struct score_range *scores)
{
	struct service *service = &s->registry.services[index];
	struct service_settings set = service_settings_of(service);

	/* They alone are not what is set. */
	if (!service->settings)
		return;
	set.score_known = scores->is_known;
	set.score_least = (int16_t)scores->least;
	set.score_most = (int16_t)scores->most;
	service_settings_take(s, index, &set);
}

static void sweep(struct sense *s)
{
	setting_sets_sweep_begin(&s->settings);
	for (size_t i = 0; i < s->registry.count; i++)
		setting_sets_keep(&s->settings, s->registry.services[i].settings);
	setting_sets_sweep_end(&s->settings);
}

/* Who found no place is read again. */
static void force_homeless(struct sense *s)
{
	for (size_t i = 0; i < s->registry.count; i++) {
		struct service_entry *entry = &s->registry.entries[i];

		if (s->registry.services[i].settings || entry->read_at == 0)
			continue;
		entry->is_forced = entry->is_forced_list = true;
		service_sensor_force(s);
	}
}

static int service_settings_rescan(struct sense *s, usec_t now, bool housekeep)
{
	struct setting_sets *sets = &s->settings;
	int r;

	(void)now;
	(void)housekeep;
	if (!sets->is_short && sets->capacity > 0)
		return 0;
	sweep(s);
	sets->is_short = sets->used > sets->capacity / 2;
	r = setting_sets_reserve(sets);
	if (r == 0)
		force_homeless(s);
	return r;
}

static void service_settings_done(struct sense *s)
{
	setting_sets_done(&s->settings);
}

const struct sensor service_settings_sensor = {
	.done = service_settings_done,
	.rescan = service_settings_rescan,
};
