/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How far one rule was from preventing a kill by the kernel: what it was at, and where it had not
 * fired, the comparison that kept it from that, when it was nearest to being true.
 */

#include "core/verdict.h"
#include "engine/state.h"

struct killing {
	const struct snapshot *snapshot;
	const struct kernel_event *event;
	usec_t now;
	usec_t at; /* when the kernel killed, by the same clock */
};

/* Has it a step that could have helped? Who is killed is no help, and neither is who is told. */
bool standing_is_helpful(const struct killing *killing, const struct rule *rule);
/* Of one that had fired, before what it knows is let go. */
void standing_keep(const struct engine *e, const struct instance *instance,
		   struct last_standing *ret);
struct verdict_rule standing_of(const struct engine *e, const struct instance *instance,
				const struct killing *killing);
