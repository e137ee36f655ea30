/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/arming_place.h"

#include "engine/flight.h"
#include "engine/roll.h"
#include "util/macro.h"

#include <string.h>

/* What holding it must leave of its place's whole, beside as much as itself. */
#define LEFT_PART 10

/* What the dry run has said already is there no more for the next one. */
static int64_t said_bytes(const struct arming_look *l, bool of_node, bool of_slice)
{
	const struct arming *a = l->e->arming;
	int64_t bytes = 0;

	for (size_t i = 0; i < CANARIES_MAX; i++) {
		const struct armed *other = &a->canaries[i];

		if (!other->used || !other->is_here || other->state != ARMED_SAID ||
		    (of_node && (!other->arm.has_node || other->arm.node != l->status->node)) ||
		    (of_slice && strcmp(other->arm.slice, l->status->slice) != 0))
			continue;
		bytes += (int64_t)other->arm.bytes;
	}
	return bytes;
}

static bool leaves_enough(const struct arming_look *l, struct reading left, struct reading whole,
			  int64_t said)
{
	int64_t least = MAX_OF(whole.value / LEFT_PART, l->size);

	if (left.state == READING_INFINITE)
		return true;
	return left.state == READING_KNOWN && whole.state == READING_KNOWN &&
	       left.value - said - l->size >= least;
}

static bool has_room(const struct arming_look *l)
{
	const struct reading *host = l->e->snapshot->host.readings;
	const struct canary_status *status = l->status;
	const struct node *node;

	if (!leaves_enough(l, host[metric_index(METRIC_MEM_AVAILABLE)],
			   host[metric_index(METRIC_MEM_TOTAL)], said_bytes(l, false, false)))
		return false;
	if (status->slice[0] && !leaves_enough(l, status->slice_headroom, status->slice_limit,
					       said_bytes(l, false, true)))
		return false;
	if (!status->has_node)
		return true;
	node = snapshot_node(l->e->snapshot, status->node);
	return node && leaves_enough(l, node->readings[metric_index(METRIC_NODE_HEADROOM)],
				     node->readings[metric_index(METRIC_NODE_TOTAL)],
				     said_bytes(l, true, false));
}

/* Does any part of the path name the slice? */
static bool is_below(const char *path, const char *slice)
{
	size_t length = strlen(slice);

	for (const char *at = path; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (strncmp(at, slice, length) == 0 && at[length] == '/')
			return true;
	}
	return false;
}

static bool concerns(const struct arming_look *l, struct subject subject)
{
	const struct service *service;

	switch (subject.scope) {
	case SCOPE_HOST:
		return true;
	case SCOPE_NODE:
		return !l->status->has_node || l->status->node == subject.key;
	case SCOPE_SERVICE:
		service =
			l->status->slice[0] ? snapshot_service(l->e->snapshot, subject.key) : NULL;
		return service && is_below(service->path, l->status->slice);
	case SCOPE_CANARY:
	case SCOPE_COUNT_:
		break;
	}
	return false;
}

/* The rule about its place that is roused, or, with `nearly`, about to be. */
static size_t find_rouser(const struct arming_look *l, bool nearly)
{
	const struct engine *e = l->e;

	FOR_EACH_AWAKE (e, instance)
		if ((instance->in_episode || (nearly && instance->holding)) &&
		    concerns(l, subject_of(e, instance)))
			return instance->rule;
	return RULE_NONE;
}

size_t arming_rouser(const struct arming_look *l)
{
	return find_rouser(l, true);
}

bool arming_is_roused(const struct arming_look *l)
{
	return find_rouser(l, false) != RULE_NONE;
}

bool arming_is_calm(const struct arming_look *l)
{
	return !flight_destroys(l->e) && find_rouser(l, true) == RULE_NONE;
}

bool arming_is_somewhere(const struct arming_look *l)
{
	return !l->status->has_node || snapshot_node(l->e->snapshot, l->status->node);
}

enum refusal arming_object(const struct arming_look *l)
{
	if (!arming_is_somewhere(l))
		return REFUSE_NO_NODE;
	return has_room(l) ? REFUSE_COUNT_ : REFUSE_CANARY_ROOM;
}
