/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/recall.h"

#include "engine/state.h"
#include "util/macro.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* But for the last two, one frame for each of these. */
#define SPAN_USEC (RECALL_USEC / (RECALL_FRAMES - 2))

int recall_reserve(struct recall *r, size_t nodes)
{
	struct reading *readings;

	if (nodes <= r->node_capacity)
		return 0;
	readings = calloc(RECALL_FRAMES * nodes, METRIC_NODE_COUNT * sizeof(*readings));
	if (!readings)
		return -ENOMEM;
	free(r->nodes);
	*r = (struct recall){ .nodes = readings, .node_capacity = nodes };
	for (size_t i = 0; i < RECALL_FRAMES; i++)
		r->frames[i].nodes = readings + i * nodes * METRIC_NODE_COUNT;
	return 0;
}

void recall_done(struct recall *r)
{
	free(r->nodes);
	*r = (struct recall){ 0 };
}

const struct recall_frame *recall_frame(const struct recall *r, size_t i)
{
	return &r->frames[r->order[i]];
}

static int64_t available(const struct recall_frame *frame)
{
	struct reading r = frame->host[metric_index(METRIC_MEM_AVAILABLE)];

	return r.state == READING_KNOWN ? r.value : 0;
}

/* Of two of the same span the one that stays is where memory was shorter: that is what is looked
 * for. */
static size_t find_roomier(const struct recall *r, size_t newer, size_t older)
{
	return available(recall_frame(r, older)) > available(recall_frame(r, newer)) ? older
										     : newer;
}

static bool is_same_span(const struct recall *r, size_t newer, size_t older)
{
	return recall_frame(r, newer)->at / SPAN_USEC == recall_frame(r, older)->at / SPAN_USEC;
}

/* A place for the next one, which becomes the first. */
static struct recall_frame *push(struct recall *r)
{
	size_t from = r->count;
	unsigned char place = (unsigned char)r->count;

	if (r->count > 2 && is_same_span(r, 1, 2))
		from = find_roomier(r, 1, 2);
	else if (r->count == RECALL_FRAMES)
		from = RECALL_FRAMES - 1;
	if (from < r->count)
		place = r->order[from];
	else
		r->count++;
	memmove(&r->order[1], &r->order[0], from * sizeof(r->order[0]));
	r->order[0] = place;
	return &r->frames[place];
}

void recall_keep(struct engine *e)
{
	const struct roster *nodes = &e->rosters[SCOPE_NODE];
	struct recall_frame *frame = push(&e->recall);
	size_t count = MIN_OF(nodes->capacity, e->recall.node_capacity);

	frame->at = e->now;
	memcpy(frame->host, e->snapshot->host.readings, sizeof(frame->host));
	for (size_t slot = 0; slot < count; slot++)
		if (nodes->taken[slot] && nodes->places[slot] != ROSTER_NONE)
			memcpy(frame->nodes + slot * METRIC_NODE_COUNT,
			       e->snapshot->nodes[nodes->places[slot]].readings,
			       METRIC_NODE_COUNT * sizeof(struct reading));
}
