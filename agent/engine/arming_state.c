/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/arming_state.h"

#include "engine/arming.h"
#include "engine/engine.h"
#include "util/macro.h"

#include <errno.h>
#include <stdlib.h>

int arming_init(struct engine *e)
{
	if (e->config->canary_count == 0)
		return 0;
	e->arming = calloc(1, sizeof(*e->arming));
	if (!e->arming)
		return -ENOMEM;
	e->arming->due = USEC_INFINITY;
	return 0;
}

void arming_done(struct engine *e)
{
	free(e->arming);
}

struct armed *arming_find(struct arming *a, uint64_t key, bool make)
{
	struct armed *room = NULL;

	for (size_t i = 0; i < CANARIES_MAX; i++) {
		struct armed *armed = &a->canaries[i];

		if (armed->used && armed->key == key)
			return armed;
		if (!armed->used && !room)
			room = armed;
	}
	if (!make || !room)
		return NULL;
	*room = (struct armed){ .used = true, .key = key };
	return room;
}

/* What ran was told to end, and may have come to its end all the same: it is looked at. */
static void take_left(struct engine *e, const struct armed *from)
{
	struct armed *armed = arming_find(e->arming, from->key, true);

	if (!armed)
		return;
	*armed = *from;
	armed->step = 0;
	armed->told = 0;
	armed->failed = armed->is_told_roused = false;
	if (armed->state != ARMED_HELD && armed->state != ARMED_ENDING)
		armed->state = ARMED_NOT;
}

static bool has_any(const struct arming *a)
{
	for (size_t i = 0; i < CANARIES_MAX; i++)
		if (a->canaries[i].used)
			return true;
	return false;
}

void arming_take_over(struct engine *e, const struct engine *from)
{
	if (!from->arming || !has_any(from->arming))
		return;
	if (!e->arming)
		e->arming = calloc(1, sizeof(*e->arming));
	if (!e->arming)
		return;
	e->arming->due = e->now;
	for (size_t i = 0; i < CANARIES_MAX; i++)
		if (from->arming->canaries[i].used)
			take_left(e, &from->arming->canaries[i]);
}

struct canary_plight engine_canary_plight(const struct engine *e, uint64_t key)
{
	const struct armed *armed = e->arming ? arming_find(e->arming, key, false) : NULL;

	return armed ? armed->plight : (struct canary_plight){ CANARY_WAITS_NOT, 0 };
}

const struct canary_failure *engine_canary_failure(const struct engine *e)
{
	return e->arming && e->arming->failure.error != 0 ? &e->arming->failure : NULL;
}
