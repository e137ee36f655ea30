/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Canaries of a snapshot as a test makes them. */

#include "core/snapshot.h"

static inline void canary_set(struct canary_status *canary, enum metric_id id, int64_t value)
{
	canary->readings[metric_index(id)] = reading_of(value);
}

/* One that is to hold so much and does not, in no slice of its own. Node -1: anywhere. */
static inline struct canary_status canary_made(uint64_t key, const char *name, const char *unit,
					       int node, int64_t bytes)
{
	struct canary_status canary = {
		.key = key,
		.name = name,
		.unit = unit,
		.slice = "",
		.has_node = node >= 0,
		.node = node >= 0 ? (unsigned)node : 0,
		.slice_limit = READING_FOREVER,
		.slice_headroom = READING_FOREVER,
	};

	canary_set(&canary, METRIC_CANARY_SIZE, bytes);
	canary_set(&canary, METRIC_CANARY_HELD, 0);
	canary_set(&canary, METRIC_CANARY_DEAD, 0);
	canary_set(&canary, METRIC_CANARY_DEATHS, 0);
	canary_set(&canary, METRIC_CANARY_KERNEL_KILLS, 0);
	return canary;
}

/* As that service, all that it is to. */
static inline void canary_hold(struct canary_status *canary, uint64_t service)
{
	canary->readings[metric_index(METRIC_CANARY_HELD)] =
		canary->readings[metric_index(METRIC_CANARY_SIZE)];
	canary_set(canary, METRIC_CANARY_DEAD, 0);
	canary->service = service;
}

static inline void canary_vanish(struct canary_status *canary)
{
	canary_set(canary, METRIC_CANARY_HELD, 0);
	canary->service = 0;
}

static inline void canary_die(struct canary_status *canary, bool by_kernel)
{
	canary_vanish(canary);
	canary_set(canary, METRIC_CANARY_DEAD, 1);
	canary->readings[metric_index(METRIC_CANARY_DEATHS)].value++;
	canary->readings[metric_index(METRIC_CANARY_KERNEL_KILLS)].value += by_kernel;
}
