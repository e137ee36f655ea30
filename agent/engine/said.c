/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/said.h"

static bool is_of(const struct said *said, const struct instance *instance)
{
	return said->used && said->rule == instance->rule && said->slot == instance->slot;
}

/* 1: it is new and remembered, 0: it was said, -1: it is new and there is no memory for it. */
static int remember(struct engine *e, const struct instance *instance,
		    const struct refusal_note *note)
{
	struct said *free_entry = NULL;

	for (size_t i = 0; i < SAID_MAX; i++) {
		struct said *said = &e->said[i];

		if (!said->used) {
			free_entry = free_entry ? free_entry : said;
		} else if (is_of(said, instance) && said->ladder == note->ladder &&
			   said->service == note->service && said->why == note->why) {
			return 0;
		}
	}
	if (!free_entry)
		return -1;
	*free_entry = (struct said){
		.used = true,
		.why = (uint8_t)note->why,
		.rule = instance->rule,
		.slot = instance->slot,
		.ladder = (uint32_t)note->ladder,
		.service = note->service,
	};
	return 1;
}

void said_filter(struct engine *e, const struct instance *instance, size_t from, size_t dropped)
{
	struct plan *plan = e->plan;
	size_t kept = from;
	size_t overflowed = plan->refusals_dropped - dropped;
	size_t forgotten = 0;

	for (size_t i = from; i < plan->refusal_count; i++) {
		int r = remember(e, instance, &plan->refusals[i]);

		if (r > 0)
			plan->refusals[kept++] = plan->refusals[i];
		else if (r < 0)
			forgotten++;
	}
	/* Without anything new, what did not fit is what did not fit before. */
	plan->refusals_dropped = dropped + forgotten + (kept > from ? overflowed : 0);
	plan->refusal_count = kept;
}

void said_forget(struct engine *e, const struct instance *instance)
{
	for (size_t i = 0; i < SAID_MAX; i++)
		if (is_of(&e->said[i], instance))
			e->said[i].used = false;
}
