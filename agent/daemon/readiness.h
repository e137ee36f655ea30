/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The daemon before it begins to watch: what it will need is brought into memory and kept there,
 * the way to a kill is tried, and what is missing is said once.
 */

#include <stdbool.h>

struct priority;
struct publisher;
struct warden;

/* After the first tick. `is_minded`: there is a process that minds the loop. */
void readiness_prepare(struct warden *warden, struct publisher *publisher,
		       struct priority *priority, bool is_minded);
