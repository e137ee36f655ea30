/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/service_settings.h"

#include "sense/cpu_map.h"
#include "sense/state.h"
#include "sys/cgroup_io.h"
#include "util/macro.h"

#include <errno.h>
#include <string.h>

struct service_settings service_settings_of(const struct service *service)
{
	return service->settings ? *service->settings : (struct service_settings){ 0 };
}

/* v1 has a hierarchy of its own for it, where most services have no place. */
static ssize_t read_cpuset(struct service_look *look, const char *name)
{
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
	ssize_t n = s->nodes.count < 2 ? -EOPNOTSUPP : read_cpuset(look, "cpuset.mems");

	set->nodes = NULL;
	if (n < 0)
		return;
	rest = span_of(s->text, (size_t)n);
	if (!span_next_line(&rest, &line) || span_idset(span_trim(line), &nodes) < 0)
		return;
	set->nodes = node_sets_put(&s->processes.node_sets, &nodes);
}

/* Where nobody uses the controller its cgroup has no such file, and what its parent has. */
void service_settings_read_cpus(struct service_look *look, struct service_settings *set)
{
	struct sense *s = look->sense;
	const struct node_cpus *cpus = cpu_map_get(s);
	struct span rest, line;
	struct idset nodes = { { 0 } };
	ssize_t n;

	set->cpu_nodes = NULL;
	if (!cpus || !cpu_map_concerns(s, look->service))
		return;
	n = read_cpuset(look, "cpuset.cpus");
	if (n < 0 && n != -ENOENT)
		return;
	rest = span_of(s->text, (size_t)MAX_OF(n, (ssize_t)0));
	if (n >= 0 &&
	    (!span_next_line(&rest, &line) || node_cpus_match(cpus, span_trim(line), &nodes) < 0))
		return;
	set->cpu_nodes = node_sets_put(&s->processes.node_sets, &nodes);
}

static void add_device(struct io_limit *limits, uint64_t device)
{
	size_t i = 0;

	while (i < IO_LIMITS_MAX && limits[i].device != 0 && limits[i].device != device)
		i++;
	if (i < IO_LIMITS_MAX)
		limits[i].device = device;
}

/* False: nobody asks. */
static bool list_devices(const struct service_look *look, struct io_limit *limits)
{
	const struct sense *s = look->sense;
	const struct service *service = look->service;
	const struct policy *policy =
		service->policy >= 0 ? &s->policies->policies[service->policy] : NULL;

	for (size_t i = 0; policy && i < policy->setting_count; i++)
		if (policy->settings[i].id == SETTING_IO_WRITE_MAX)
			add_device(limits, policy->settings[i].device_number);
	if (s->wants_io)
		add_device(limits, service->io_device);
	return limits[0].device != 0;
}

/* v1 has such limits for what is written directly only, so nobody is to be told of them. */
void service_settings_read_io(struct service_look *look, struct service_settings *set)
{
	struct sense *s = look->sense;
	ssize_t n;

	memset(set->io, 0, sizeof(set->io));
	if (s->layout->controllers[CGROUP_IO] != CGROUP_V2 || !list_devices(look, set->io))
		return;
	n = cgroup_read_file(look->dir_fd, "io.max", s->text, s->text_size);
	for (size_t i = 0; n >= 0 && i < IO_LIMITS_MAX && set->io[i].device != 0; i++) {
		uint64_t rate;

		if (cgroup_parse_io_max(s->text, (size_t)n, set->io[i].device, &rate) >= 0)
			set->io[i].write =
				rate == CGROUP_INFINITY ? READING_FOREVER : reading_of_bytes(rate);
	}
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
