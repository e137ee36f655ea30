/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/cpu_map.h"

#include "sense/state.h"

#include <errno.h>
#include <stdlib.h>

bool cpu_map_concerns(const struct sense *s, const struct service *service)
{
	return s->policies && service->policy >= 0 &&
	       s->policies->policies[service->policy].nodes == NODES_HOME;
}

const struct node_cpus *cpu_map_get(const struct sense *s)
{
	return s->cpu_map.cpus && idset_count(&s->cpu_map.cpus->nodes) > 1 ? s->cpu_map.cpus : NULL;
}

static bool is_asked_for(const struct sense *s)
{
	for (size_t i = 0; s->policies && s->nodes.count > 1 && i < s->policies->count; i++)
		if (s->policies->policies[i].nodes == NODES_HOME)
			return true;
	return false;
}

static void cpu_map_done(struct sense *s)
{
	free(s->cpu_map.cpus);
	s->cpu_map.cpus = NULL;
}

static int cpu_map_rescan(struct sense *s, usec_t now, bool housekeep)
{
	struct cpu_map *map = &s->cpu_map;

	(void)now;
	if (!is_asked_for(s)) {
		cpu_map_done(s);
		return 0;
	}
	if (map->cpus && !housekeep)
		return 0;
	if (!map->cpus)
		map->cpus = malloc(sizeof(*map->cpus));
	if (!map->cpus)
		return -ENOMEM;
	/* What cannot be read tells of nobody. */
	if (node_cpus_read(s->root, map->cpus) < 0) {
		idset_clear(&map->cpus->nodes);
		map->cpus->count = 0;
	}
	return 0;
}

const struct sensor cpu_map_sensor = {
	.done = cpu_map_done,
	.rescan = cpu_map_rescan,
};
