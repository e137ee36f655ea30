/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/calm.h"

#include "act/candidate.h"
#include "act/move_room.h"
#include "engine/flight.h"
#include "engine/line.h"
#include "engine/roll.h"
#include "engine/spare.h"
#include "engine/verify.h"
#include "util/amount.h"
#include "util/macro.h"

/* A node that a calm move has filled up to where a rule is just content would fire it by the next
 * page: it keeps so much more, at least. */
#define MARGIN_BYTES ((uint64_t)64 << 20)
#define MARGIN_PART  8

const char *calm_dry_because(const struct engine *e, const struct service *service,
			     const struct policy *policy)
{
	return line_policy_dry_because(e, service, policy, ACTION_MIGRATE);
}

static bool is_of(const struct calm_move *m, enum move_cause cause, size_t place)
{
	return m->step != 0 && m->cause == cause && m->place == place;
}

bool calm_runs(const struct calm *c)
{
	return is_of(&c->e->calm, c->cause, c->place);
}

void calm_stop(const struct calm *c)
{
	struct flight *flight = flight_find(c->e, c->e->calm.step);

	if (flight)
		flight->want_cancel = true;
}

bool calm_wait(const struct calm *c, usec_t usec)
{
	c->move->due = c->e->now + usec;
	c->e->keeper.due = MIN_OF(c->e->keeper.due, c->move->due);
	return true;
}

bool calm_is_early(const struct calm *c)
{
	if (c->e->now >= c->move->due)
		return false;
	c->e->keeper.due = MIN_OF(c->e->keeper.due, c->move->due);
	return true;
}

bool calm_is_sampled(const struct calm *c)
{
	return c->e->snapshot->single || c->service->sampled_at >= c->move->ended;
}

/* Once, until something else stands in the way. */
static void say(const struct calm *c, enum refusal why)
{
	/* Where a service may live is found out by workers, and may be of before. */
	bool may_be_old = why == REFUSE_UNKNOWN_NODES || why == REFUSE_CONFINED;
	bool is_met_again = c->move->is_met && c->move->met == (uint8_t)why;
	uint64_t key = service_key(c->service);

	if (!is_met_again)
		c->move->told = false;
	c->move->is_met = true;
	c->move->met = (uint8_t)why;
	if (!c->move->told && (!may_be_old || is_met_again || c->e->snapshot->single)) {
		c->move->told = true;
		plan_add_refusal(c->e->plan, (struct refusal_note){
						     .rule = RULE_NONE,
						     .ladder = SETTING_ALLOWED_NODES,
						     .is_of_move = true,
						     .subject = { SCOPE_SERVICE, key },
						     .service = key,
						     .why = why,
					     });
	}
}

const struct node *calm_find_source(const struct calm *c, const struct idset *inside,
				    uint64_t *ret_bytes, unsigned *ret_tries)
{
	const struct snapshot *s = c->e->snapshot;
	const struct node *most = NULL;

	*ret_bytes = CALM_FLOOR_BYTES;
	*ret_tries = CALM_TRIES_MORE;
	for (size_t i = 0; c->service->shares && i < s->node_count; i++) {
		uint64_t bytes = c->service->shares[i].movable_bytes;

		if (idset_has(inside, s->nodes[i].id) || bytes < CALM_FLOOR_BYTES)
			continue;
		++*ret_tries;
		if (most && bytes <= *ret_bytes)
			continue;
		most = &s->nodes[i];
		*ret_bytes = bytes;
	}
	return most;
}

bool calm_is_barred(const struct calm *c, unsigned tries)
{
	uint64_t key = service_key(c->service);
	struct calm_try *m = c->move;
	const struct bar *bar;

	if (m->bar.used && !verify_bar_stands(c->e, &m->bar, c->service)) {
		/* Of another size it is another case. */
		m->tries = c->e->now < m->bar.until ? 0 : (uint8_t)(tries - 1);
		m->bar.used = false;
	} else if (!m->bar.used && m->tries >= tries) {
		m->bar = verify_bar(c->e, ACTION_MIGRATE, c->service);
	}
	bar = verify_find_bar(c->e, ACTION_MIGRATE, key);
	if (bar && bar->is_unmovable)
		say(c, REFUSE_UNMOVABLE);
	return m->bar.used || bar;
}

static bool concerns_all(const struct engine *e, const struct instance *instance)
{
	enum scope scope = rule_of(e, instance)->on;

	return scope == SCOPE_HOST || scope == SCOPE_NODE;
}

/* Is a rule roused by the host, a node or this service? A canary that has died is back in its time,
 * and nobody is short by that. */
static bool is_roused(const struct engine *e, const struct instance *instance, uint64_t service)
{
	return instance->in_episode &&
	       (concerns_all(e, instance) || (rule_of(e, instance)->on == SCOPE_SERVICE &&
					      subject_of(e, instance).key == service));
}

/* Does the host or a node need help, or may be about to? Or the service itself? */
static bool is_short(const struct engine *e, uint64_t service)
{
	FOR_EACH_AWAKE (e, instance)
		if (is_roused(e, instance, service) ||
		    (instance->state != RULE_IDLE && concerns_all(e, instance)))
			return true;
	return false;
}

static bool is_busy(const struct engine *e, uint64_t service)
{
	const struct keeper *k = &e->keeper;

	if (e->calm.step != 0 || flight_runs_left(e))
		return true;
	for (size_t i = 0; i < HOLDS_MAX; i++)
		if (k->holds[i].step != 0 &&
		    e->rosters[SCOPE_SERVICE].keys[k->holds[i].slot] == service)
			return true;
	return flight_runs_on(e, service);
}

bool calm_is_hindered(const struct calm *c)
{
	uint64_t key = service_key(c->service);

	return is_short(c->e, key) || is_busy(c->e, key);
}

uint64_t calm_room(const struct engine *e, const struct node *node)
{
	uint64_t spare = spare_by_rules(e, node->id);

	if (spare != UINT64_MAX)
		spare = less(spare, MAX_OF(MARGIN_BYTES, spare / MARGIN_PART));
	return less(MIN_OF(move_room_on(e->snapshot, node), spare), flight_incoming(e, node->id));
}

bool calm_refuse(const struct calm *c, enum refusal why)
{
	say(c, why);
	return calm_wait(c, CALM_WAIT_USEC);
}

static void fill_step(const struct calm *c, const char *dry, struct step *step)
{
	step->order = STEP_START;
	step->action = ACTION_MIGRATE;
	step->mode = dry ? MODE_DRY_RUN : MODE_ENFORCE;
	step->mode_from = dry;
	step->is_again = c->move->in_vain;
	step->rule = RULE_NONE;
	step->owner = c->policy->name;
	step->subject = (struct subject){ SCOPE_NODE, step->migrate.from_node };
	candidate_set_target(step, c->service);
	step->migrate.cause = c->cause;
	step->migrate.move_shared = c->service->guest != GUEST_NONE || c->policy->kind == KIND_VM;
	step->gain_metric = METRIC_NODE_HEADROOM;
	step->expected_gain = (int64_t)step->migrate.bytes;
	step->planned_at = c->e->now;
	step->id = ++c->e->last_step;
}

bool calm_start(const struct calm *c, const char *dry, const struct step_migrate *move)
{
	struct plan *plan = c->e->plan;
	struct step *step = plan_add_step(plan);

	c->move->is_met = false;
	if (!step) {
		c->e->keeper.left++;
		return calm_wait(c, CALM_SAMPLE_USEC);
	}
	step->migrate = *move;
	fill_step(c, dry, step);
	if (dry) {
		c->move->said = true;
		return false;
	}
	if (!flight_start(c->e, NULL, step)) {
		plan->step_count--;
		return calm_wait(c, CALM_WAIT_USEC);
	}
	c->e->calm = (struct calm_move){ step->id, step->target.key, c->cause, c->place };
	c->move->tries++;
	return true;
}

void calm_note_read_again(struct calm_try *move)
{
	move->bar.used = false;
	move->tries = 0;
	move->is_met = false;
}

void calm_forget(struct engine *e, enum move_cause cause, size_t place)
{
	/* It ends by itself, as what it moves is gone. */
	if (is_of(&e->calm, cause, place))
		e->calm.step = 0;
}

static struct calm_try *try_of(struct engine *e, const struct calm_move *m)
{
	switch (m->cause) {
	case MOVE_TO_FOLLOW:
		return &e->keeper.follows[m->place];
	case MOVE_TO_GATHER:
		return &e->keeper.places[m->place].move;
	case MOVE_TO_GO_HOME:
	case MOVE_FOR_RELIEF:
	case MOVE_CAUSE_COUNT_:
		break;
	}
	return &e->aways[m->place].move;
}

/* `outcome` is NULL where it was given up. */
static void end(struct engine *e, const struct outcome *outcome)
{
	struct calm_try *m = try_of(e, &e->calm);

	e->calm.step = 0;
	m->ended = e->now;
	m->due = e->now + CALM_WAIT_USEC;
	if (!outcome || outcome->state != OUTCOME_CANCELLED)
		m->in_vain = !outcome || outcome->done_bytes == 0;
	else if (m->tries > 0)
		m->tries--;
}

void calm_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count)
{
	for (size_t i = 0; i < count && e->calm.step != 0; i++)
		if (outcomes[i].step == e->calm.step && outcomes[i].state != OUTCOME_RUNNING)
			end(e, &outcomes[i]);
	if (e->calm.step != 0 && !flight_find(e, e->calm.step))
		end(e, NULL);
}

void calm_yield(struct engine *e)
{
	struct flight *flight;

	if (e->calm.step == 0)
		return;
	flight = flight_find(e, e->calm.step);
	FOR_EACH_AWAKE (e, instance)
		if (flight && is_roused(e, instance, e->calm.key))
			flight->want_cancel = true;
}
