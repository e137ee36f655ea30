/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the sensors share. Each sensor owns one part of struct sense and fills one part of the
 * snapshot; sense.c runs them in the order of their table.
 */

#include "sense/activity_sensor.h"
#include "sense/attribution_sensor.h"
#include "sense/block_sensor.h"
#include "sense/canary_sensor.h"
#include "sense/confinement.h"
#include "sense/cpu_map.h"
#include "sense/cpu_places.h"
#include "sense/event_sensor.h"
#include "sense/host_sensor.h"
#include "sense/inspection.h"
#include "sense/kernel_sensor.h"
#include "sense/node_sensor.h"
#include "sense/preferences.h"
#include "sense/process_sensor.h"
#include "sense/restart_log.h"
#include "sense/sense.h"
#include "sense/service_bounds.h"
#include "sense/service_registry.h"
#include "sense/service_sensor.h"
#include "sense/setting_sets.h"
#include "sense/stillness.h"
#include "sys/meminfo.h"
#include "util/amount.h"

struct sense {
	const struct sysroot *root;
	const struct cgroup_layout *layout;
	const struct policy_table *policies;			  /* NULL until they are set */
	bool (*is_paused)(const void *context, const char *path); /* NULL: nothing is */
	const void *paused_context;
	struct snapshot snapshot;
	usec_t now;
	struct stillness still;
	/* Where every file is read to; grown in calm rounds when one did not fit. */
	char *text;
	size_t text_size;
	size_t text_wanted;
	usec_t housekept_at; /* the last look at what hardly ever changes */
	bool wants_io;	     /* a rule or a policy limits what services write */
	bool is_calm;	     /* within sense_rescan() */
	struct host_sensor host;
	struct activity_sensor activity;
	struct kernel_sensor kernel;
	struct block_sensor blocks;
	struct node_sensor nodes;
	struct service_registry registry;
	struct service_bounds bounds;
	struct restart_log restarts;
	struct setting_sets settings;
	struct service_sensor services;
	struct attribution_sensor attribution;
	struct process_sensor processes;
	struct confinement confinement;
	struct cpu_map cpu_map;
	struct cpu_sensor cpus;
	struct inspection_queue inspections;
	struct preference_room preferences;
	struct canary_sensor canaries;
	struct event_sensor events;
};

static inline struct reading host_reading(const struct sense *s, enum metric_id id)
{
	return s->snapshot.host.readings[metric_index(id)];
}

static inline void host_set(struct sense *s, enum metric_id id, struct reading value)
{
	s->snapshot.host.readings[metric_index(id)] = value;
}

static inline void node_set(struct node *node, enum metric_id id, struct reading value)
{
	node->readings[metric_index(id)] = value;
}

static inline struct reading reading_of_bytes(uint64_t bytes)
{
	return reading_of(bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes);
}

static inline struct reading reading_of_meminfo(const struct meminfo *m, enum meminfo_key key)
{
	return meminfo_has(m, key) ? reading_of_bytes(m->values[key]) : READING_NONE;
}

/* When a level that falls so is empty. */
static inline struct reading reading_of_slope(const struct slope *slope)
{
	usec_t usec;

	switch (slope_time_to_empty(slope, &usec)) {
	case SLOPE_UNKNOWN:
		break;
	case SLOPE_STEADY:
		return READING_FOREVER;
	case SLOPE_FALLING:
		return reading_of_bytes(usec);
	}
	return READING_NONE;
}
