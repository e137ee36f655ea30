/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sense/setting_sets.h"

#include "util/macro.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of the first chunk; each further one doubles what there is. */
#define FIRST_COUNT 16

struct setting_place {
	struct service_settings set;
	bool is_used;
	bool is_kept; /* while a sweep is on */
};

struct setting_chunk {
	struct setting_chunk *next;
	size_t count;
	struct setting_place places[];
};

static bool readings_equal(const struct reading *a, const struct reading *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (a[i].state != b[i].state ||
		    (a[i].state == READING_KNOWN && a[i].value != b[i].value))
			return false;
	return true;
}

static bool io_equal(const struct io_limit *a, const struct io_limit *b)
{
	for (size_t i = 0; i < IO_LIMITS_MAX; i++)
		if (a[i].device != b[i].device || !readings_equal(&a[i].write, &b[i].write, 1))
			return false;
	return true;
}

static bool sets_equal(const struct service_settings *a, const struct service_settings *b)
{
	return a->nodes == b->nodes && a->cpu_nodes == b->cpu_nodes &&
	       a->score_known == b->score_known && a->score_least == b->score_least &&
	       a->score_most == b->score_most &&
	       readings_equal(a->memory, b->memory, ARRAY_SIZE(a->memory)) &&
	       readings_equal(&a->oom_group, &b->oom_group, 1) && io_equal(a->io, b->io);
}

const struct service_settings *setting_sets_put(struct setting_sets *sets,
						const struct service_settings *set)
{
	struct setting_place *room = NULL;

	for (struct setting_chunk *chunk = sets->chunks; chunk; chunk = chunk->next)
		for (size_t i = 0; i < chunk->count; i++) {
			struct setting_place *place = &chunk->places[i];

			if (place->is_used && sets_equal(&place->set, set))
				return &place->set;
			if (!place->is_used && !room)
				room = place;
		}
	if (!room) {
		sets->is_short = true;
		return NULL;
	}
	/* A sweep that is on has not seen who is given it now. */
	*room = (struct setting_place){ .set = *set, .is_used = true, .is_kept = true };
	sets->used++;
	return &room->set;
}

int setting_sets_reserve(struct setting_sets *sets)
{
	size_t count = MAX_OF(sets->capacity, (size_t)FIRST_COUNT);
	struct setting_chunk *chunk;

	if (!sets->is_short && sets->capacity > 0)
		return 0;
	chunk = calloc(1, sizeof(*chunk) + count * sizeof(chunk->places[0]));
	if (!chunk)
		return -ENOMEM;
	chunk->count = count;
	chunk->next = sets->chunks;
	sets->chunks = chunk;
	sets->capacity += count;
	sets->is_short = false;
	return 0;
}

void setting_sets_done(struct setting_sets *sets)
{
	while (sets->chunks) {
		struct setting_chunk *chunk = sets->chunks;

		sets->chunks = chunk->next;
		free(chunk);
	}
	*sets = (struct setting_sets){ 0 };
}

void setting_sets_sweep_begin(struct setting_sets *sets)
{
	for (struct setting_chunk *chunk = sets->chunks; chunk; chunk = chunk->next)
		for (size_t i = 0; i < chunk->count; i++)
			chunk->places[i].is_kept = false;
}

void setting_sets_keep(struct setting_sets *sets _unused_, const struct service_settings *set)
{
	if (set)
		((struct setting_place *)(uintptr_t)set)->is_kept = true;
}

void setting_sets_sweep_end(struct setting_sets *sets)
{
	sets->used = 0;
	for (struct setting_chunk *chunk = sets->chunks; chunk; chunk = chunk->next)
		for (size_t i = 0; i < chunk->count; i++) {
			chunk->places[i].is_used &= chunk->places[i].is_kept;
			sets->used += chunk->places[i].is_used;
		}
}
