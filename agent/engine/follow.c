/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/follow.h"

#include "act/candidate.h"
#include "act/movable.h"
#include "act/move_room.h"
#include "engine/flight.h"
#include "engine/line.h"
#include "engine/roll.h"
#include "engine/verify.h"
#include "util/amount.h"
#include "util/macro.h"

/* A process has some of its libraries' data on whatever node it began on: not worth a move. */
#define FLOOR_BYTES ((uint64_t)4 << 20)
/* Between two looks at what stands in the way, and two tries. */
#define WAIT_USEC (10 * USEC_PER_SEC)
/* Services are read in slower rounds. */
#define SAMPLE_USEC (1 * USEC_PER_SEC)
/* Beside one for each node that it has memory on. */
#define TRIES_MORE 2

static struct follow *follow_of(const struct look *l)
{
	return &l->e->keeper.follows[l->slot];
}

static bool runs(const struct engine *e, size_t slot)
{
	return e->keeper.following.step != 0 && e->keeper.following.slot == slot;
}

static bool wait(const struct look *l, usec_t usec)
{
	struct keeper *k = &l->e->keeper;
	struct follow *f = follow_of(l);

	f->due = l->e->now + usec;
	k->due = MIN_OF(k->due, f->due);
	return true;
}

/* The setting has to act for what follows it to act, and that is a move. */
static const char *dry_because(const struct look *l)
{
	const char *dry = held_dry_because(l);

	if (!dry && !line_acts(l->e->config, ACTION_MIGRATE))
		return "EnforceActions=";
	return dry;
}

/* Is its list in force? In a dry run it is enough that it was said. */
static bool is_settled(const struct look *l, const char *dry)
{
	return l->held->state == HELD_IN_FORCE || (dry && l->held->state == HELD_SAID);
}

/* Was its memory counted since the list is in force and the last move is over? */
static bool is_sampled(const struct look *l)
{
	usec_t since = MAX_OF(l->held->due, follow_of(l)->ended);

	return l->e->snapshot->single || l->held->state == HELD_SAID ||
	       l->service->sampled_at >= since;
}

/* The node outside of the list that it has most on. NULL: there is none worth a move. */
static const struct node *find_source(const struct look *l, uint64_t *ret_bytes,
				      unsigned *ret_tries)
{
	const struct snapshot *s = l->e->snapshot;
	const struct node *most = NULL;

	*ret_bytes = FLOOR_BYTES;
	*ret_tries = TRIES_MORE;
	for (size_t i = 0; l->service->shares && i < s->node_count; i++) {
		uint64_t bytes = l->service->shares[i].movable_bytes;

		if (idset_has(&l->setting->nodes, s->nodes[i].id) || bytes < FLOOR_BYTES)
			continue;
		++*ret_tries;
		if (most && bytes <= *ret_bytes)
			continue;
		most = &s->nodes[i];
		*ret_bytes = bytes;
	}
	return most;
}

static bool concerns_all(const struct engine *e, const struct instance *instance)
{
	return rule_of(e, instance)->on != SCOPE_SERVICE;
}

/* Does the host or a node need help, or may be about to? */
static bool is_short(const struct engine *e)
{
	FOR_EACH_AWAKE (e, instance)
		if (instance->state != RULE_IDLE && concerns_all(e, instance))
			return true;
	return false;
}

static bool is_busy(const struct look *l)
{
	const struct keeper *k = &l->e->keeper;

	if (k->following.step != 0)
		return true;
	for (size_t i = 0; i < HOLDS_MAX; i++)
		if (k->holds[i].step != 0 && k->holds[i].slot == l->slot)
			return true;
	return flight_runs_on(l->e, l->on.key);
}

/* Left alone until the bar of its last tries, or of anybody's move, is over. */
static bool is_barred(const struct look *l, unsigned tries)
{
	struct follow *f = follow_of(l);

	if (f->bar.used && !verify_bar_stands(l->e, &f->bar, l->service)) {
		/* Of another size it is another case. */
		f->tries = l->e->now < f->bar.until ? 0 : (uint8_t)(tries - 1);
		f->bar.used = false;
	} else if (!f->bar.used && f->tries >= tries) {
		f->bar = verify_bar(l->e, ACTION_MIGRATE, l->service);
	}
	return f->bar.used || flight_is_barred(l->e, ACTION_MIGRATE, l->on.key,
					       (struct subject){ SCOPE_SERVICE, l->on.key });
}

static bool refuse(const struct look *l, enum refusal why)
{
	struct follow *f = follow_of(l);
	/* Where a service may live is found out by workers, and may be of before the list. */
	bool may_be_old = why == REFUSE_UNKNOWN_NODES || why == REFUSE_CONFINED;
	bool is_met_again = f->is_met && f->met == (uint8_t)why;

	if (!is_met_again)
		f->told = false;
	f->is_met = true;
	f->met = (uint8_t)why;
	if (!f->told && (!may_be_old || is_met_again || l->e->snapshot->single)) {
		f->told = true;
		plan_add_refusal(l->e->plan, (struct refusal_note){
						     .rule = RULE_NONE,
						     .ladder = (size_t)l->on.id,
						     .is_of_move = true,
						     .subject = { SCOPE_SERVICE, l->on.key },
						     .service = l->on.key,
						     .why = why,
					     });
	}
	return wait(l, WAIT_USEC);
}

/* What confines it now is the cpuset that the list would take the place of. */
static bool confines_no_more(const struct look *l)
{
	return l->held->state == HELD_SAID && l->service->confined_by == CONFINED_BY_CPUSET;
}

/* Where to, and how much of it, or why not. */
static enum refusal choose(const struct look *l, const struct node *from, uint64_t *bytes,
			   unsigned *ret_to)
{
	const struct snapshot *s = l->e->snapshot;
	struct idset allowed = l->setting->nodes;
	uint64_t page = MAX_OF(s->host.page_size_bytes, UINT64_C(1));
	uint64_t least = MIN_OF(*bytes, CANDIDATE_FLOOR_BYTES);
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
	to = move_room_choose(&room, &allowed, *bytes);
	if (to < 0 || room.bytes[to] < least)
		return REFUSE_NO_ROOM;
	*bytes = MIN_OF(*bytes, room.bytes[to]);
	*bytes -= *bytes % page;
	*ret_to = s->nodes[to].id;
	return REFUSE_COUNT_;
}

static void fill_step(const struct look *l, const char *dry, struct step *step)
{
	step->order = STEP_START;
	step->action = ACTION_MIGRATE;
	step->mode = dry ? MODE_DRY_RUN : MODE_ENFORCE;
	step->mode_from = dry;
	step->is_again = follow_of(l)->in_vain;
	step->rule = RULE_NONE;
	step->owner = l->policy->name;
	step->subject = (struct subject){ SCOPE_NODE, step->migrate.from_node };
	candidate_set_target(step, l->service);
	step->migrate.move_shared = l->service->guest != GUEST_NONE || l->policy->kind == KIND_VM;
	step->gain_metric = METRIC_NODE_HEADROOM;
	step->expected_gain = (int64_t)step->migrate.bytes;
	step->planned_at = l->e->now;
	step->id = ++l->e->last_step;
}

static bool start(const struct look *l, const char *dry, struct step_migrate move)
{
	struct plan *plan = l->e->plan;
	struct follow *f = follow_of(l);
	struct step *step = plan_add_step(plan);

	f->is_met = false;
	if (!step) {
		l->e->keeper.left++;
		return wait(l, SAMPLE_USEC);
	}
	step->migrate = move;
	fill_step(l, dry, step);
	if (dry) {
		f->said = true;
		return false;
	}
	if (!flight_start(l->e, NULL, step)) {
		plan->step_count--;
		return wait(l, WAIT_USEC);
	}
	l->e->keeper.following = (struct following){ .step = step->id, .slot = l->slot };
	f->tries++;
	return true;
}

/* The list, or the leave to act, may be gone while it runs. */
static bool watch(const struct look *l, const char *dry)
{
	struct flight *flight = flight_find(l->e, l->e->keeper.following.step);

	if (flight && (dry || l->held->state != HELD_IN_FORCE))
		flight->want_cancel = true;
	return true;
}

bool follow_consider(const struct look *l)
{
	struct follow *f = follow_of(l);
	const char *dry = dry_because(l);
	struct step_migrate move = { 0 };
	const struct node *from;
	enum refusal why;
	unsigned tries;

	if (runs(l->e, l->slot))
		return watch(l, dry);
	if (!is_settled(l, dry) || (dry && f->said))
		return false;
	if (l->e->now < f->due) {
		l->e->keeper.due = MIN_OF(l->e->keeper.due, f->due);
		return true;
	}
	if (!is_sampled(l))
		return wait(l, SAMPLE_USEC);
	from = find_source(l, &move.bytes, &tries);
	if (!from) {
		*f = (struct follow){ .ended = f->ended };
		return false;
	}
	if (is_barred(l, tries))
		return false;
	if (is_short(l->e) || is_busy(l))
		return wait(l, WAIT_USEC);
	move.from_node = from->id;
	why = choose(l, from, &move.bytes, &move.to_node);
	return why == REFUSE_COUNT_ ? start(l, dry, move) : refuse(l, why);
}

void follow_forget(struct engine *e, size_t slot)
{
	struct keeper *k = &e->keeper;

	if (!k->follows)
		return;
	k->follows[slot] = (struct follow){ 0 };
	/* It ends by itself, as what it moves is gone. */
	if (runs(e, slot))
		k->following.step = 0;
}

/* `outcome` is NULL where it was given up. */
static void end(struct engine *e, const struct outcome *outcome)
{
	struct follow *f = &e->keeper.follows[e->keeper.following.slot];

	e->keeper.following.step = 0;
	f->ended = e->now;
	f->due = e->now + WAIT_USEC;
	if (!outcome || outcome->state != OUTCOME_CANCELLED)
		f->in_vain = !outcome || outcome->done_bytes == 0;
	else
		f->tries--;
}

void follow_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count)
{
	struct keeper *k = &e->keeper;

	for (size_t i = 0; i < count && k->following.step != 0; i++)
		if (outcomes[i].step == k->following.step && outcomes[i].state != OUTCOME_RUNNING)
			end(e, &outcomes[i]);
	if (k->following.step != 0 && !flight_find(e, k->following.step))
		end(e, NULL);
}

void follow_yield(struct engine *e)
{
	struct flight *flight;

	if (e->keeper.following.step == 0)
		return;
	flight = flight_find(e, e->keeper.following.step);
	FOR_EACH_AWAKE (e, instance)
		if (flight && instance->in_episode && concerns_all(e, instance))
			flight->want_cancel = true;
}
