/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/follow.h"

#include "act/candidate.h"
#include "act/movable.h"
#include "act/move_room.h"
#include "engine/calm.h"
#include "engine/flight.h"
#include "engine/placement.h"
#include "util/amount.h"
#include "util/macro.h"

static struct calm_try *follow_of(const struct look *l)
{
	return &l->e->keeper.follows[l->slot];
}

static struct calm calm_of(const struct look *l)
{
	return (struct calm){
		.e = l->e,
		.service = l->service,
		.policy = l->policy,
		.move = follow_of(l),
		.cause = MOVE_TO_FOLLOW,
		.place = l->slot,
	};
}

/* The setting has to act for what follows it to act, and that is a move. */
static const char *dry_because(const struct look *l)
{
	const char *dry = held_dry_because(l);

	return dry ? dry : calm_dry_because(l->e, l->service, l->policy);
}

/* Is its list in force? In a dry run it is enough that it was said. A home has no value before all
 * but little is there. */
static bool is_settled(const struct look *l, const char *dry)
{
	if (l->setting->is_home && !placement_is_there(l->e, l->slot))
		return false;
	return l->held->state == HELD_IN_FORCE || (dry && l->held->state == HELD_SAID);
}

/* Was its memory counted since the list is in force and the last move is over? */
static bool is_sampled(const struct look *l, const struct calm *c)
{
	return l->held->state == HELD_SAID || l->e->snapshot->single ||
	       (calm_is_sampled(c) && l->service->sampled_at >= l->held->due);
}

/* What confines it now is the cpuset that the list would take the place of. */
static bool confines_no_more(const struct look *l)
{
	return l->held->state == HELD_SAID && l->service->confined_by == CONFINED_BY_CPUSET;
}

/* Where to, and how much of it, or why not. */
static enum refusal choose(const struct look *l, const struct idset *list, const struct node *from,
			   struct step_migrate *move)
{
	const struct snapshot *s = l->e->snapshot;
	struct idset allowed = *list;
	uint64_t page = MAX_OF(s->host.page_size_bytes, UINT64_C(1));
	uint64_t least = MIN_OF(move->bytes, CANDIDATE_FLOOR_BYTES);
	struct move_room room;
	enum refusal why;
	int to;

	if (!move_room_find(s, from->id, &room))
		return REFUSE_CONFINED;
	why = movable_objection(s, l->service, room.from_index);
	if (why != REFUSE_COUNT_ && !(why == REFUSE_CONFINED && confines_no_more(l)))
		return why;
	if (!confines_no_more(l))
		idset_intersect(&allowed, l->service->allowed);
	idset_intersect(&allowed, &s->memory_nodes);
	if (idset_is_empty(&allowed))
		return REFUSE_CONFINED;
	for (size_t i = 0; i < room.node_count; i++)
		room.bytes[i] = less(room.bytes[i], flight_incoming(l->e, s->nodes[i].id));
	to = move_room_choose(&room, &allowed, move->bytes);
	if (to < 0 || room.bytes[to] < least)
		return REFUSE_NO_ROOM;
	move->bytes = MIN_OF(move->bytes, room.bytes[to]);
	move->bytes -= move->bytes % page;
	move->from_node = from->id;
	move->to_node = s->nodes[to].id;
	return REFUSE_COUNT_;
}

/* The list, or the leave to act, may be gone while it runs. */
static bool watch(const struct look *l, const struct calm *c, const char *dry)
{
	if (dry || l->held->state != HELD_IN_FORCE)
		calm_stop(c);
	return true;
}

bool follow_consider(const struct look *l)
{
	struct calm c = calm_of(l);
	const char *dry = dry_because(l);
	struct step_migrate move = { 0 };
	struct setting_value list;
	const struct node *from;
	enum refusal why;
	unsigned tries;

	if (calm_runs(&c))
		return watch(l, &c, dry);
	if (!is_settled(l, dry) || (dry && c.move->said) || !held_resolve(l, &list))
		return false;
	if (calm_is_early(&c))
		return true;
	if (!is_sampled(l, &c))
		return calm_wait(&c, CALM_SAMPLE_USEC);
	from = calm_find_source(&c, &list.nodes, &move.bytes, &tries);
	if (!from) {
		*c.move = (struct calm_try){ .ended = c.move->ended };
		return false;
	}
	if (calm_is_barred(&c, tries))
		return false;
	if (calm_is_hindered(&c))
		return calm_wait(&c, CALM_WAIT_USEC);
	why = choose(l, &list.nodes, from, &move);
	return why == REFUSE_COUNT_ ? calm_start(&c, dry, &move) : calm_refuse(&c, why);
}

void follow_forget(struct engine *e, size_t slot)
{
	if (!e->keeper.follows)
		return;
	e->keeper.follows[slot] = (struct calm_try){ 0 };
	calm_forget(e, MOVE_TO_FOLLOW, slot);
}

void follow_note_read_again(struct engine *e)
{
	struct keeper *k = &e->keeper;

	/* What nobody has written takes no memory. */
	for (size_t slot = 0; k->follows && slot < k->capacity; slot++)
		if (k->follows[slot].tries > 0 || k->follows[slot].is_met)
			calm_note_read_again(&k->follows[slot]);
}
