/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/away.h"

#include "act/candidate.h"
#include "act/movable.h"
#include "act/move_room.h"
#include "engine/calm.h"
#include "engine/home.h"
#include "engine/placement.h"
#include "engine/roll.h"
#include "util/amount.h"
#include "util/macro.h"

#define WAIT_MIN_USEC (10 * USEC_PER_MIN)
#define WAIT_MAX_USEC (240 * USEC_PER_MIN)
/* No rule was roused for so long. */
#define QUIET_USEC (10 * USEC_PER_MIN)
/* What is moved away again within this time has come home too early. */
#define EARLY_USEC (60 * USEC_PER_MIN)
/* Between two looks at what cannot go home. */
#define LOOK_USEC (30 * USEC_PER_SEC)

static bool is_of(const struct away *a, uint64_t service, unsigned from, unsigned to)
{
	return a->used && a->key == service && a->from == from && a->to == to;
}

static struct away *find(struct engine *e, uint64_t service, unsigned from, unsigned to)
{
	for (size_t i = 0; i < e->away_end; i++)
		if (is_of(&e->aways[i], service, from, to))
			return &e->aways[i];
	return NULL;
}

static bool is_running(const struct engine *e, size_t i)
{
	return e->calm.step != 0 && e->calm.cause == MOVE_TO_GO_HOME && e->calm.place == i;
}

/* A free one, or the one of least. */
static struct away *find_free(struct engine *e)
{
	struct away *least = NULL;

	for (size_t i = 0; i < AWAYS_MAX; i++) {
		struct away *a = &e->aways[i];

		if (!a->used)
			return a;
		if (!is_running(e, i) && (!least || a->bytes < least->bytes))
			least = a;
	}
	return least ? least : &e->aways[0];
}

static void forget(struct engine *e, struct away *a)
{
	calm_forget(e, MOVE_TO_GO_HOME, (size_t)(a - e->aways));
	a->used = false;
	while (e->away_end > 0 && !e->aways[e->away_end - 1].used)
		e->away_end--;
}

static struct away *begin(struct engine *e, uint64_t service, unsigned from, unsigned to)
{
	struct away *a = find_free(e);

	*a = (struct away){
		.used = true,
		.from = (uint16_t)from,
		.to = (uint16_t)to,
		.key = service,
		.wait = WAIT_MIN_USEC,
	};
	e->away_end = MAX_OF(e->away_end, (size_t)(a - e->aways) + 1);
	return a;
}

/* It has gone from there to here, and is none of what had gone the other way. Returns the rest. */
static uint64_t take_back(struct engine *e, const struct step *step, uint64_t bytes)
{
	struct away *a = find(e, step->target.key, step->migrate.to_node, step->migrate.from_node);
	uint64_t back = a ? MIN_OF(bytes, a->bytes) : 0;

	if (back == 0)
		return bytes;
	a->bytes -= back;
	if (step->migrate.cause != MOVE_FOR_RELIEF)
		a->returned = e->now;
	return bytes - back;
}

static void add(struct engine *e, const struct step *step, uint64_t bytes)
{
	unsigned from = step->migrate.from_node, to = step->migrate.to_node;
	struct away *a = find(e, step->target.key, from, to);

	if (!a)
		a = begin(e, step->target.key, from, to);
	if (a->returned != 0)
		a->wait = e->now - a->returned < EARLY_USEC ? MIN_OF(2 * a->wait, WAIT_MAX_USEC)
							    : WAIT_MIN_USEC;
	a->returned = 0;
	a->bytes = plus(a->bytes, bytes);
	a->moved = a->troubled = e->now;
	a->move = (struct calm_try){ .ended = e->now };
}

void away_note(struct engine *e, const struct step *step, const struct outcome *outcome)
{
	uint64_t bytes = outcome->done_bytes;

	if (step->action != ACTION_MIGRATE || bytes == 0)
		return;
	bytes = take_back(e, step, bytes);
	if (step->migrate.cause == MOVE_FOR_RELIEF && bytes > 0)
		add(e, step, bytes);
}

static usec_t due_of(const struct away *a)
{
	return MAX_OF(a->moved + a->wait, a->troubled + QUIET_USEC);
}

usec_t away_may_return(const struct engine *e, uint64_t service, unsigned from, unsigned to)
{
	for (size_t i = 0; i < e->away_end; i++)
		if (is_of(&e->aways[i], service, from, to) && e->aways[i].bytes > 0)
			return due_of(&e->aways[i]);
	return 0;
}

void away_take_over(struct engine *e, const struct engine *from)
{
	e->away_end = from->away_end;
	for (size_t i = 0; i < from->away_end; i++) {
		e->aways[i] = from->aways[i];
		e->aways[i].move = (struct calm_try){ .ended = from->now };
	}
}

void away_note_read_again(struct engine *e)
{
	for (size_t i = 0; i < e->away_end; i++)
		calm_note_read_again(&e->aways[i].move);
}

static void note_trouble(struct engine *e, const struct instance *instance)
{
	struct subject subject = subject_of(e, instance);

	for (size_t i = 0; i < e->away_end; i++) {
		struct away *a = &e->aways[i];

		if (subject.scope == SCOPE_HOST ||
		    (subject.scope == SCOPE_NODE &&
		     (subject.key == a->from || subject.key == a->to)))
			a->troubled = e->now;
	}
}

static const struct policy *policy_of(const struct engine *e, const struct service *service)
{
	const struct policy_table *table = &e->config->policies;

	if (service->policy < 0 || (size_t)service->policy >= table->count)
		return NULL;
	return &table->policies[service->policy];
}

/* What was moved there and is not gone. */
static uint64_t bytes_there(const struct engine *e, const struct away *a,
			    const struct service *service)
{
	return MIN_OF(a->bytes, candidate_share(e->snapshot, service, a->to).movable_bytes);
}

static bool is_worth_it(const struct engine *e, const struct away *a, const struct service *service)
{
	return bytes_there(e, a, service) >= CALM_FLOOR_BYTES;
}

static bool prefers(const struct service *service, unsigned node)
{
	for (size_t i = 0; i < service->preference_count; i++)
		if (service->preferences[i].node == node)
			return true;
	return false;
}

/* How much of it goes, or why none. */
static enum refusal choose(const struct engine *e, const struct away *a,
			   const struct service *service, struct step_migrate *move)
{
	const struct snapshot *s = e->snapshot;
	const struct node *home = snapshot_node(s, a->from), *here = snapshot_node(s, a->to);
	uint64_t page = MAX_OF(s->host.page_size_bytes, UINT64_C(1));
	uint64_t there, room;
	enum refusal why;

	if (!home || !here)
		return REFUSE_CONFINED;
	why = movable_objection(s, service, (size_t)(here - s->nodes));
	if (why != REFUSE_COUNT_)
		return why;
	if (!idset_has(service->allowed, a->from))
		return REFUSE_CONFINED;
	if (!move_room_is_own(s, a->from))
		return REFUSE_AGENT_BOUND;
	there = bytes_there(e, a, service);
	room = less(calm_room(e, home), home_reserves(e, a->from));
	*move = (struct step_migrate){ .from_node = a->to, .to_node = a->from };
	/* Where it went some of it may be at home: of a guest with a home on each. */
	move->has_preferred = prefers(service, a->from) && prefers(service, a->to);
	move->preferred = move->has_preferred ? a->from : 0;
	move->bytes = MIN_OF(there, room);
	move->bytes -= move->bytes % page;
	return move->bytes < MIN_OF(there, CANDIDATE_FLOOR_BYTES) ? REFUSE_NO_ROOM : REFUSE_COUNT_;
}

/* What is not worth a move, or nobody's any more. What has gone home is remembered for as long as
 * it may turn out to have been too early. */
static bool is_over(const struct calm *c, const struct away *a)
{
	const struct engine *e = c->e;

	if (!c->policy || !movable_by_policy(c->policy) || !c->service->shares)
		return true;
	if (calm_runs(c) || is_worth_it(e, a, c->service) || !calm_is_sampled(c))
		return false;
	return a->returned == 0 || e->now - a->returned >= EARLY_USEC;
}

/* The leave to act may be gone while it runs. */
static void watch(const struct calm *c)
{
	if (calm_dry_because(c->e, c->service, c->policy) || c->service->hold != HOLD_NONE ||
	    placement_is_suspended(c->e))
		calm_stop(c);
}

static void go_home(const struct calm *c, struct away *a)
{
	const char *dry = calm_dry_because(c->e, c->service, c->policy);
	struct step_migrate move;
	enum refusal why;

	if (!dry)
		c->move->said = false;
	if (!is_worth_it(c->e, a, c->service) || (dry && c->move->said) ||
	    calm_is_barred(c, CALM_TRIES_MORE)) {
		calm_wait(c, LOOK_USEC);
		return;
	}
	if (!calm_is_sampled(c)) {
		calm_wait(c, CALM_SAMPLE_USEC);
		return;
	}
	if (placement_is_suspended(c->e) || calm_is_hindered(c)) {
		calm_wait(c, CALM_WAIT_USEC);
		return;
	}
	why = choose(c->e, a, c->service, &move);
	if (why != REFUSE_COUNT_)
		calm_refuse(c, why);
	else
		calm_start(c, dry, &move);
}

static void look_at(struct engine *e, struct away *a)
{
	struct calm c = {
		.e = e,
		.move = &a->move,
		.cause = MOVE_TO_GO_HOME,
		.place = (size_t)(a - e->aways),
	};

	if (!calm_runs(&c) && calm_is_early(&c))
		return;
	c.service = snapshot_service(e->snapshot, a->key);
	c.policy = c.service ? policy_of(e, c.service) : NULL;
	if (is_over(&c, a))
		forget(e, a);
	else if (calm_runs(&c))
		watch(&c);
	else if (c.policy->nodes == NODES_HOME)
		calm_wait(&c, LOOK_USEC);
	else if (e->now < due_of(a))
		calm_wait(&c, MIN_OF(due_of(a) - e->now, LOOK_USEC));
	else
		go_home(&c, a);
}

static void stop_moves_to(struct engine *e, uint64_t node)
{
	for (size_t i = 0; i < e->flight_end; i++) {
		struct flight *flight = &e->flights[i];

		if (flight->used && flight->running && flight->step.action == ACTION_MIGRATE &&
		    flight->step.migrate.to_node == node)
			flight->want_cancel = true;
	}
}

/* Would it move memory off its node? */
static bool is_of_moves(const struct rule *rule)
{
	for (size_t i = 0; rule->on == SCOPE_NODE && i < rule->ladder_count; i++)
		if (rule->ladder[i].action == ACTION_MIGRATE)
			return true;
	return false;
}

void away_turn_back(struct engine *e)
{
	if (e->flight_end == 0)
		return;
	FOR_EACH_AWAKE (e, instance)
		if (instance->in_episode && is_of_moves(rule_of(e, instance)))
			stop_moves_to(e, subject_of(e, instance).key);
}

void away_consider(struct engine *e)
{
	if (e->away_end == 0)
		return;
	FOR_EACH_AWAKE (e, instance)
		if (instance->in_episode)
			note_trouble(e, instance);
	for (size_t i = e->away_end; i > 0; i--)
		if (e->aways[i - 1].used)
			look_at(e, &e->aways[i - 1]);
}
