/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/placement.h"

#include "act/candidate.h"
#include "act/move_room.h"
#include "engine/arrivals.h"
#include "engine/away.h"
#include "engine/home.h"
#include "engine/keeper.h"
#include "engine/line.h"
#include "engine/roll.h"
#include "util/amount.h"
#include "util/macro.h"

/* What is elsewhere is worth a move from a twentieth of all on, and this much. */
#define AWAY_PART  20
#define AWAY_BYTES ((uint64_t)64 << 20)
/* After its node was short. */
#define QUIET_USEC (10 * USEC_PER_MIN)
/* The facts have to speak for another home for so long. */
#define DOUBT_USEC (10 * USEC_PER_MIN)

static const struct snapshot *snapshot_of(const struct placing *p)
{
	return p->calm.e->snapshot;
}

static uint64_t bytes_outside(const struct placing *p)
{
	return less(p->total_bytes, home_bytes_on(p, p->place->home));
}

static bool is_worth_it(uint64_t outside, uint64_t total)
{
	return outside >= AWAY_BYTES && outside >= total / AWAY_PART;
}

static void move_in(struct placing *p, int node)
{
	struct place *place = p->place;

	place->has_home = node >= 0;
	place->home = node >= 0 ? (uint16_t)node : 0;
	place->doubted = 0;
	place->missing = 0;
	place->told = 0;
	place->state = HOME_NOT_GIVEN;
	place->move = (struct calm_try){ .ended = place->move.ended };
}

/* It has no home any more, and what was set for that is given back. False: not yet. */
static bool move_out(struct placing *p)
{
	static const enum setting_id ids[] = { SETTING_ALLOWED_NODES, SETTING_ALLOWED_CPUS };

	for (size_t i = 0; p->place->state >= HOME_LIFTED && i < ARRAY_SIZE(ids); i++)
		if (!keeper_give_back(p->calm.e, p->calm.place, ids[i]))
			return false;
	move_in(p, -1);
	return true;
}

/* The facts speak for another one: not at once, and not where it is bound. */
static void doubt(struct placing *p, int node)
{
	usec_t now = p->calm.e->now;
	struct place *place = p->place;
	uint16_t other = node >= 0 ? (uint16_t)node : UINT16_MAX;

	if (place->state >= HOME_LIFTED)
		return;
	if (place->doubted == 0 || place->other != other)
		place->doubted = now;
	place->other = other;
	if (now - place->doubted >= DOUBT_USEC)
		move_in(p, node);
}

/* False: not known yet. */
static bool settle(struct placing *p)
{
	struct place *place = p->place;
	int node;

	if (place->has_home && !idset_has(&p->allowed, place->home) && !move_out(p))
		return false;
	if (!home_find(p, &node))
		return place->has_home;
	if (!place->has_home && node >= 0)
		move_in(p, node);
	else if (!place->has_home)
		return true;
	else if (node == place->home)
		place->doubted = 0;
	else
		doubt(p, node);
	return true;
}

static void refuse_home(const struct placing *p, enum refusal why)
{
	uint64_t key = service_key(p->calm.service);

	if (p->place->told == (uint8_t)why + 1)
		return;
	p->place->told = (uint8_t)((uint8_t)why + 1);
	plan_add_refusal(p->calm.e->plan, (struct refusal_note){
						  .rule = RULE_NONE,
						  .ladder = SETTING_ALLOWED_NODES,
						  .subject = { SCOPE_SERVICE, key },
						  .service = key,
						  .why = why,
					  });
}

bool placement_is_suspended(struct engine *e)
{
	const struct host *host = &e->snapshot->host;
	bool is_suspended = host->numa_balancing || host->numad_running;

	if (is_suspended && !e->keeper.told_balancing)
		plan_add_refusal(e->plan, (struct refusal_note){
						  .rule = RULE_NONE,
						  .ladder = SETTING_ALLOWED_NODES,
						  .is_of_move = true,
						  .subject = { SCOPE_HOST, 0 },
						  .why = REFUSE_BALANCING,
					  });
	e->keeper.told_balancing = is_suspended;
	return is_suspended;
}

static bool is_recent(const struct engine *e, usec_t at)
{
	return at != 0 && e->now - at < QUIET_USEC;
}

/* Was its node short a moment ago? */
static bool was_short(const struct placing *p)
{
	const struct engine *e = p->calm.e;

	for (size_t i = 0; i < TROUBLES_MAX; i++)
		if (e->keeper.troubles[i].node == p->place->home &&
		    is_recent(e, e->keeper.troubles[i].at))
			return true;
	return is_recent(e, p->place->troubled);
}

/* The same node, or in the place of the one that was short longest ago. */
static void note_trouble(struct engine *e, uint16_t node, usec_t at)
{
	struct trouble *place = &e->keeper.troubles[0];

	for (size_t i = 0; i < TROUBLES_MAX; i++) {
		struct trouble *other = &e->keeper.troubles[i];

		if (other->at != 0 && other->node == node) {
			place = other;
			break;
		}
		if (other->at < place->at)
			place = other;
	}
	if (at > place->at)
		*place = (struct trouble){ node, at };
}

/* Services have no places yet. */
void placement_take_over(struct engine *e, const struct engine *from)
{
	const struct keeper *k = &from->keeper;

	for (size_t i = 0; i < TROUBLES_MAX; i++)
		if (is_recent(e, k->troubles[i].at))
			note_trouble(e, k->troubles[i].node, k->troubles[i].at);
	for (size_t slot = 0; k->places && slot < k->capacity; slot++)
		if (k->places[slot].has_home && is_recent(e, k->places[slot].troubled))
			note_trouble(e, k->places[slot].home, k->places[slot].troubled);
}

/* Its memory is there, or a dry run has said that it would be: may the home be set? True: to be
 * looked at again. */
static bool give(struct placing *p, enum home_state state)
{
	if (p->place->state >= (uint8_t)state)
		return false;
	if (home_is_others(p)) {
		refuse_home(p, REFUSE_OTHERS_NODES);
		return false;
	}
	/* Where its huge pages are nobody tells: its processors could be kept away from them. */
	if (p->calm.service->is_pooled) {
		refuse_home(p, REFUSE_NO_HOME);
		return false;
	}
	if (placement_is_suspended(p->calm.e) || was_short(p))
		return calm_wait(&p->calm, CALM_WAIT_USEC);
	if (!home_fits_on(p, p->place->home)) {
		refuse_home(p, REFUSE_NO_HOME);
		return calm_wait(&p->calm, CALM_WAIT_USEC);
	}
	p->place->missing = home_missing_on(p, p->place->home);
	p->place->state = (uint8_t)state;
	return false;
}

static enum refusal object_to_move(const struct placing *p)
{
	const struct service *service = p->calm.service;

	if (service->is_self || !candidate_fits(service))
		return REFUSE_PROTECTED;
	if (service->hold != HOLD_NONE)
		return REFUSE_HELD;
	return home_is_bound_by_others(p) ? REFUSE_OTHERS_NODES : REFUSE_COUNT_;
}

/* What relief has moved away comes home no sooner than it may; nor does it go to a third node at
 * once, or where an agent before this one has brought it. */
static bool is_too_early(const struct placing *p, const struct step_migrate *move)
{
	const struct engine *e = p->calm.e;
	uint64_t key = service_key(p->calm.service);

	return e->now < away_may_return(e, key, move->to_node, move->from_node) || was_short(p) ||
	       arrivals_hold(e, key, move->from_node);
}

/* Of a backend no more than what is to be moved has to fit: it grows where its policy says. */
static bool fits(const struct placing *p, const struct step_migrate *move)
{
	const struct node *home = snapshot_node(snapshot_of(p), move->to_node);

	if (!move->has_preferred)
		return home_fits_on(p, move->to_node);
	return home && move->bytes <= less(calm_room(p->calm.e, home),
					   home_reserves(p->calm.e, move->to_node));
}

/* A move that is wanted. True: to be looked at again. */
static bool try_move(struct placing *p, const char *dry, struct step_migrate *move, unsigned tries)
{
	uint64_t page = MAX_OF(snapshot_of(p)->host.page_size_bytes, UINT64_C(1));
	enum refusal why = object_to_move(p);

	if (why != REFUSE_COUNT_ || calm_is_barred(&p->calm, tries)) {
		p->place->missing = 0;
		return why != REFUSE_COUNT_ && calm_refuse(&p->calm, why);
	}
	if (placement_is_suspended(p->calm.e) || calm_is_hindered(&p->calm) ||
	    is_too_early(p, move))
		return calm_wait(&p->calm, CALM_WAIT_USEC);
	p->place->missing = 0;
	if (!move_room_is_own(snapshot_of(p), move->to_node))
		return calm_refuse(&p->calm, REFUSE_AGENT_BOUND);
	if (!fits(p, move))
		return calm_refuse(&p->calm, REFUSE_NO_HOME);
	if (p->place->has_home)
		p->place->missing = home_missing_on(p, move->to_node);
	move->bytes -= move->bytes % page;
	return calm_start(&p->calm, dry, move);
}

static bool gather(struct placing *p, const char *dry)
{
	struct step_migrate move = { .to_node = p->place->home };
	struct idset home = { 0 };
	const struct node *from;
	bool again = false;
	unsigned tries;

	idset_add(&home, p->place->home);
	if (!(dry && p->calm.move->said)) {
		from = calm_find_source(&p->calm, &home, &move.bytes, &tries);
		/* Many nodes may have too little each. */
		if (from) {
			move.from_node = from->id;
			again = try_move(p, dry, &move, tries);
		}
	}
	if (dry && p->calm.move->said)
		again |= give(p, HOME_SAID);
	return again;
}

/* One node is all that it may use, or none: there is nothing to gather, and nothing to give. */
static bool is_settled_by_others(const struct placing *p)
{
	return home_is_bound_by_others(p) && idset_count(&p->allowed) <= 1;
}

static bool place_whole(struct placing *p, const char *dry)
{
	struct place *place = p->place;
	bool is_away;

	if (!settle(p))
		return calm_wait(&p->calm, CALM_WAIT_USEC);
	if (!place->has_home)
		return calm_refuse(&p->calm, REFUSE_NO_HOME);
	/* As an agent before this one has left it. */
	if (p->may_set && place->state < HOME_LIFTED && home_is_set(p))
		place->state = HOME_GIVEN;
	is_away = is_worth_it(bytes_outside(p), p->total_bytes);
	/* Where it is bound to its home what is left follows by itself, and where that was only
	 * asked for, in vain, it may be moved away like before. */
	if (is_away && !(place->state == HOME_GIVEN && home_is_bound_to(p, place->home)))
		return gather(p, dry);
	if (place->state == HOME_GIVEN) {
		place->missing = home_missing_on(p, place->home);
		return false;
	}
	p->calm.move->tries = 0;
	p->calm.move->is_met = false;
	return give(p, p->may_set ? HOME_GIVEN : HOME_SAID);
}

/* Was what its mappings prefer looked at since the last move? */
static bool is_inspected(const struct placing *p)
{
	const struct snapshot *s = snapshot_of(p);
	const struct service *service = p->calm.service;
	size_t end = MIN_OF(service->first_process + service->process_count, s->process_count);

	if (s->single || p->calm.move->ended == 0)
		return true;
	for (size_t i = service->first_process; i < end; i++)
		if (s->processes[i].bound && s->processes[i].bound_at >= p->calm.move->ended)
			return true;
	return false;
}

/* It was found by inspection, and may have gone since. */
static uint64_t bytes_away(const struct placing *p, const struct preference *backend)
{
	return MIN_OF(backend->away_bytes, home_bytes_on(p, backend->away_node));
}

static bool is_backend_away(const struct placing *p, const struct preference *backend)
{
	return is_worth_it(bytes_away(p, backend), home_bytes_of(backend)) &&
	       idset_has(&p->allowed, backend->node);
}

/* The backend with most that is away and worth a move. */
static const struct preference *find_backend(const struct placing *p, unsigned *ret_tries)
{
	const struct service *service = p->calm.service;
	const struct preference *most = NULL;

	*ret_tries = CALM_TRIES_MORE;
	for (size_t i = 0; i < service->preference_count; i++) {
		const struct preference *backend = &service->preferences[i];

		if (!is_backend_away(p, backend))
			continue;
		++*ret_tries;
		if (!most || backend->away_bytes > most->away_bytes)
			most = backend;
	}
	return most;
}

static bool gather_backend(struct placing *p, const char *dry, const struct preference *backend,
			   unsigned tries)
{
	struct step_migrate move = {
		.from_node = backend->away_node,
		.to_node = backend->node,
		.bytes = bytes_away(p, backend),
		.has_preferred = true,
		.preferred = backend->node,
	};

	return try_move(p, dry, &move, tries);
}

static bool place_backends(struct placing *p, const char *dry)
{
	const struct service *service = p->calm.service;
	const struct preference *most;
	bool again = false;
	unsigned tries;

	if (p->place->has_home && !move_out(p))
		return calm_wait(&p->calm, CALM_SAMPLE_USEC);
	most = find_backend(p, &tries);
	if (!most || (dry && p->calm.move->said)) {
		p->calm.move->tries = 0;
		return false;
	}
	if (!is_inspected(p))
		return calm_wait(&p->calm, CALM_WAIT_USEC);
	if (!dry)
		return gather_backend(p, dry, most, tries);
	/* What is only said is said of all of them: there is no next look. */
	for (size_t i = 0; i < service->preference_count; i++)
		if (is_backend_away(p, &service->preferences[i]))
			again |= gather_backend(p, dry, &service->preferences[i], tries);
	return again;
}

/* The leave to act may be gone while it runs. */
static bool watch(const struct placing *p, const char *dry)
{
	if (dry || p->calm.service->hold != HOLD_NONE || placement_is_suspended(p->calm.e))
		calm_stop(&p->calm);
	return true;
}

static bool place(struct placing *p, const char *dry)
{
	const struct service *service = p->calm.service;
	const struct snapshot *s = snapshot_of(p);

	if (!service->shares || !service->allowed_known)
		return calm_refuse(&p->calm, REFUSE_UNKNOWN_NODES);
	p->allowed = *service->allowed;
	idset_intersect(&p->allowed, &s->memory_nodes);
	for (size_t i = 0; i < s->node_count; i++)
		p->total_bytes = plus(p->total_bytes, service->shares[i].movable_bytes);
	if (p->total_bytes == 0)
		return false;
	if (is_settled_by_others(p)) {
		p->place->missing = 0;
		refuse_home(p, REFUSE_OTHERS_NODES);
		return false;
	}
	return home_has_several(p) ? place_backends(p, dry) : place_whole(p, dry);
}

/* A pause gives back what was set, and where its memory is once that is over is to be seen. */
static void note_staging(const struct placing *p, bool may_move)
{
	struct place *place = p->place;

	if (may_move)
		place->move.said = false;
	if (!p->may_set && place->state >= HOME_LIFTED)
		place->state = HOME_SAID;
	else if (p->may_set && may_move && place->state == HOME_SAID)
		place->state = HOME_NOT_GIVEN;
}

bool placement_consider(struct engine *e, size_t slot, const struct service *service,
			const struct policy *policy)
{
	struct place *at = e->keeper.places ? &e->keeper.places[slot] : NULL;
	const char *dry = calm_dry_because(e, service, policy);
	struct placing p = {
		.calm = { e, service, policy, at ? &at->move : NULL, MOVE_TO_GATHER, slot },
		.place = at,
		.may_set = !line_policy_dry_because(e, service, policy, ACTION_HOLD),
	};

	if (!at || e->snapshot->node_count < 2)
		return false;
	note_staging(&p, !dry);
	if (calm_runs(&p.calm))
		return watch(&p, dry);
	if (!at->is_known)
		at->since = e->now;
	at->is_known = true;
	if (calm_is_early(&p.calm))
		return true;
	if (!calm_is_sampled(&p.calm))
		return calm_wait(&p.calm, CALM_SAMPLE_USEC);
	return place(&p, dry);
}

void placement_forget(struct engine *e, size_t slot)
{
	if (!e->keeper.places)
		return;
	/* What nobody has written takes no memory. */
	if (e->keeper.places[slot].is_known)
		e->keeper.places[slot] = (struct place){ 0 };
	calm_forget(e, MOVE_TO_GATHER, slot);
}

void placement_note_read_again(struct engine *e)
{
	struct keeper *k = &e->keeper;

	k->told_balancing = false;
	for (size_t slot = 0; k->places && slot < k->capacity; slot++)
		if (k->places[slot].is_known) {
			k->places[slot].told = 0;
			calm_note_read_again(&k->places[slot].move);
		}
}

bool placement_home(const struct engine *e, size_t slot, enum setting_id id, bool is_dry,
		    struct setting_value *ret)
{
	const struct place *at = e->keeper.places ? &e->keeper.places[slot] : NULL;

	if (!at || !at->has_home || at->state == HOME_NOT_GIVEN ||
	    (at->state == HOME_SAID && !is_dry) ||
	    (at->state == HOME_LIFTED && id == SETTING_ALLOWED_NODES))
		return false;
	/* The number has it noticed that the home is another one. */
	*ret = (struct setting_value){ .number = at->home + 1 };
	idset_add(&ret->nodes, at->home);
	return true;
}

bool placement_is_there(const struct engine *e, size_t slot)
{
	return e->keeper.places && e->keeper.places[slot].state == HOME_GIVEN;
}

/* A rule that moves memory off its node, and may. */
static bool relieves(const struct engine *e, const struct instance *instance)
{
	const struct rule *rule = rule_of(e, instance);

	if (rule->on != SCOPE_NODE || !instance->in_episode)
		return false;
	for (size_t i = 0; i < rule->ladder_count; i++)
		if (rule->ladder[i].action == ACTION_MIGRATE &&
		    line_is_enforced(e->config, rule, i))
			return true;
	return false;
}

static void lift_homes(struct engine *e, uint64_t node)
{
	struct keeper *k = &e->keeper;

	for (size_t slot = 0; slot < k->capacity; slot++) {
		struct place *at = &k->places[slot];

		if (!at->has_home || at->home != node)
			continue;
		at->troubled = e->now;
		if (at->state == HOME_GIVEN && keeper_give_back(e, slot, SETTING_ALLOWED_NODES))
			at->state = HOME_LIFTED;
	}
}

void placement_yield(struct engine *e)
{
	if (!e->keeper.places)
		return;
	FOR_EACH_AWAKE (e, instance)
		if (relieves(e, instance))
			lift_homes(e, subject_of(e, instance).key);
}
