/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What services' cgroups are set to. Of a thousand services next to all are set alike, so each
 * combination is kept once. They stay where they are until a sweep finds that nobody has them any
 * more; room is made in calm rounds only.
 */

#include "core/snapshot.h"

#include <stdbool.h>
#include <stddef.h>

struct setting_chunk;

struct setting_sets {
	struct setting_chunk *chunks;
	size_t capacity;
	size_t used;
	bool is_short; /* one found no place since room was made */
};

/* The one that is kept and equals `set`. NULL: there is no room for another one. */
const struct service_settings *setting_sets_put(struct setting_sets *sets,
						const struct service_settings *set);

/* Room for more, if one found no place. 0 or -ENOMEM. */
int setting_sets_reserve(struct setting_sets *sets);
void setting_sets_done(struct setting_sets *sets);

/* A sweep: begin, keep each that somebody has (NULL is ignored), end. */
void setting_sets_sweep_begin(struct setting_sets *sets);
void setting_sets_keep(struct setting_sets *sets, const struct service_settings *set);
void setting_sets_sweep_end(struct setting_sets *sets);
