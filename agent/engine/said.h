/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an episode of a rule has said already, so that a refusal is heard once and not every tick.
 */

#include "engine/state.h"

/* Drops from the plan those refusals from `from` on that were said, and remembers the others.
 * `dropped`: what plan->refusals_dropped was before they were added. When the memory is full the
 * plan counts them as dropped instead. */
void said_filter(struct engine *e, const struct instance *instance, size_t from, size_t dropped);
void said_forget(struct engine *e, const struct instance *instance);
