/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/arrivals.h"

#include "engine/flight.h"

/* As long as a remedy that had no effect is left alone. */
#define STAY_USEC (10 * USEC_PER_MIN)

/* The same again, a free one, or the one that ends first. */
static struct arrived *find_place(struct engine *e, uint64_t service, unsigned node)
{
	struct arrived *first = &e->arrivals[0], *ended = NULL;

	for (size_t i = 0; i < e->arrival_end; i++) {
		struct arrived *other = &e->arrivals[i];

		if (other->service == service && other->node == node)
			return other;
		if (other->until <= e->now)
			ended = other;
		if (other->until < first->until)
			first = other;
	}
	if (ended)
		return ended;
	return e->arrival_end < ARRIVALS_MAX ? &e->arrivals[e->arrival_end++] : first;
}

static void note(struct engine *e, const struct step *step)
{
	*find_place(e, step->target.key, step->migrate.to_node) = (struct arrived){
		.service = step->target.key,
		.node = step->migrate.to_node,
		.until = e->now + STAY_USEC,
	};
}

void arrivals_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct flight *flight;

		if (outcomes[i].simulated || outcomes[i].done_bytes == 0)
			continue;
		flight = flight_find(e, outcomes[i].step);
		/* What nobody was in need of keeps nobody from relief. */
		if (flight && flight->step.action == ACTION_MIGRATE &&
		    flight->step.migrate.cause == MOVE_FOR_RELIEF)
			note(e, &flight->step);
	}
}

bool arrivals_hold(const struct engine *e, uint64_t service, unsigned node)
{
	for (size_t i = 0; i < e->arrival_end; i++)
		if (e->arrivals[i].service == service && e->arrivals[i].node == node)
			/* What was kept over a restart is believed no further than that. */
			return e->now < e->arrivals[i].until &&
			       e->arrivals[i].until - e->now <= STAY_USEC;
	return false;
}
