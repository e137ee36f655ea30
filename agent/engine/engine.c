/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One tick: who is there, what became of the steps under way, what every rule sees, what is to end,
 * to grow and to begin. In this order, so that what frees memory is known before anything is asked
 * to free more, and what destroys comes after all that does not.
 *
 * Everything that a tick writes was reserved before: pools of fixed size, and arrays by slot that
 * engine_reserve() grows between ticks.
 */

#include "engine/engine.h"

#include "engine/arming.h"
#include "engine/arrivals.h"
#include "engine/away.h"
#include "engine/budget.h"
#include "engine/calm.h"
#include "engine/claim.h"
#include "engine/climb.h"
#include "engine/credit.h"
#include "engine/flight.h"
#include "engine/keeper.h"
#include "engine/ladder.h"
#include "engine/placement.h"
#include "engine/roll.h"
#include "engine/staging.h"
#include "engine/state.h"
#include "util/macro.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The slowest cadence of samples; three of them without one is a hole. */
#define INTERVAL_MAX_USEC (1 * USEC_PER_SEC)
#define HOLE_INTERVALS	  3

static int compare_rules(const void *a, const void *b, void *context)
{
	const struct config *config = context;
	const struct rule *left = &config->rules[*(const size_t *)a];
	const struct rule *right = &config->rules[*(const size_t *)b];
	int by_name;

	if (left->priority != right->priority)
		return left->priority < right->priority ? -1 : 1;
	by_name = strcmp(left->name, right->name);
	if (by_name != 0)
		return by_name;
	return left < right ? -1 : left > right;
}

static bool reads_subject_only(const struct rule *rule)
{
	bool marks[METRIC_COUNT_] = { false };

	rule_mark_metrics(rule, marks);
	for (int i = 0; i < METRIC_COUNT_; i++)
		if (marks[i] && metric_get((enum metric_id)i)->scope != rule->on)
			return false;
	return true;
}

static int read_rules(struct engine *e)
{
	const struct config *config = e->config;
	size_t room = MAX_OF(config->rule_count, (size_t)1);

	e->rule_order = calloc(room, sizeof(*e->rule_order));
	e->rule_enforced = calloc(room, sizeof(*e->rule_enforced));
	e->base = calloc(room, sizeof(*e->base));
	e->rule_reads_own = calloc(room, sizeof(*e->rule_reads_own));
	if (!e->rule_order || !e->rule_enforced || !e->rule_reads_own || !e->base)
		return -ENOMEM;
	for (size_t i = 0; i < config->rule_count; i++) {
		e->rule_order[i] = i;
		e->rule_reads_own[i] = reads_subject_only(&config->rules[i]);
	}
	qsort_r(e->rule_order, config->rule_count, sizeof(*e->rule_order), compare_rules,
		(void *)config);
	staging_read(e);
	return 0;
}

int engine_new(const struct config *config, struct engine **ret)
{
	_cleanup_(engine_freep) struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->config = config;
	keeper_init(e);
	r = arming_init(e);
	if (r < 0)
		return r;
	r = read_rules(e);
	if (r < 0)
		return r;
	r = engine_reserve(e, 0, 0);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(e);
	return 0;
}

struct engine *engine_free(struct engine *e)
{
	if (!e)
		return NULL;
	for (int scope = 0; scope < SCOPE_COUNT_; scope++)
		roster_done(&e->rosters[scope]);
	keeper_done(e);
	arming_done(e);
	recall_done(&e->recall);
	free(e->credit_nodes);
	free(e->awake);
	free(e->live);
	free(e->episodes);
	free(e->instances);
	free(e->base);
	free(e->rule_reads_own);
	free(e->rule_enforced);
	free(e->rule_order);
	free(e);
	return NULL;
}

/* Instances of all rules, each rule's in a block of one per slot of its scope. */
static size_t count_instances(const struct engine *e, const size_t spacing[SCOPE_COUNT_])
{
	size_t count = 0;

	for (size_t i = 0; i < e->config->rule_count; i++)
		count += spacing[e->config->rules[i].on];
	return count;
}

/* What is indexed by instance. Of room that nobody lives in nothing is read or written, so that it
 * takes no memory. */
struct space {
	struct instance *instances;
	struct episode *episodes;
	uint32_t *live;
	uint64_t *awake;
};

static void space_done(struct space *s)
{
	free(s->instances);
	free(s->episodes);
	free(s->live);
	free(s->awake);
}

static int space_new(size_t count, struct space *ret)
{
	*ret = (struct space){
		.instances = calloc(count, sizeof(*ret->instances)),
		.episodes = calloc(count, sizeof(*ret->episodes)),
		.live = calloc(count, sizeof(*ret->live)),
		.awake = calloc(AWAKE_WORDS(count), sizeof(*ret->awake)),
	};
	if (ret->instances && ret->episodes && ret->live && ret->awake)
		return 0;
	space_done(ret);
	return -ENOMEM;
}

static void move_instances(struct engine *e, struct space *to, const size_t spacing[SCOPE_COUNT_])
{
	size_t base = 0;

	for (size_t i = 0; i < e->config->rule_count; i++) {
		e->base[i] = base;
		base += spacing[e->config->rules[i].on];
	}
	memcpy(e->spacing, spacing, sizeof(e->spacing));
	for (size_t l = 0; l < e->live_count; l++) {
		const struct instance *instance = &e->instances[e->live[l]];
		size_t at = e->base[instance->rule] + instance->slot;

		to->instances[at] = *instance;
		if (instance->has_fired)
			to->episodes[at] = *episode_of(e, instance);
		to->live[l] = (uint32_t)at;
	}
}

static int space_out(struct engine *e, const size_t spacing[SCOPE_COUNT_])
{
	size_t count = MAX_OF(count_instances(e, spacing), (size_t)1);
	size_t nodes = MAX_OF(spacing[SCOPE_NODE], (size_t)1);
	_cleanup_(freep) int64_t *credit_nodes = calloc(nodes, sizeof(*credit_nodes));
	struct space left, space;
	int r;

	if (!credit_nodes)
		return -ENOMEM;
	r = space_new(count, &space);
	if (r < 0)
		return r;
	if (e->credit_nodes)
		memcpy(credit_nodes, e->credit_nodes,
		       e->spacing[SCOPE_NODE] * sizeof(*credit_nodes));
	move_instances(e, &space, spacing);
	memset(space.awake, 0xff, AWAKE_WORDS(count) * sizeof(*space.awake));
	left = (struct space){ e->instances, e->episodes, e->live, e->awake };
	space_done(&left);
	e->instances = space.instances;
	e->episodes = space.episodes;
	e->live = space.live;
	e->awake = space.awake;
	free(e->credit_nodes);
	e->credit_nodes = TAKE_PTR(credit_nodes);
	return 0;
}

int engine_reserve(struct engine *e, size_t nodes, size_t services)
{
	const size_t spacing[SCOPE_COUNT_] = {
		[SCOPE_HOST] = 1,
		[SCOPE_NODE] = MAX_OF(nodes, e->spacing[SCOPE_NODE]),
		[SCOPE_SERVICE] = MAX_OF(services, e->spacing[SCOPE_SERVICE]),
		[SCOPE_CANARY] = e->config->canary_count > 0 ? CANARIES_MAX : 0,
	};
	int r;

	if (memcmp(spacing, e->spacing, sizeof(spacing)) != 0) {
		r = space_out(e, spacing);
		if (r < 0)
			return r;
	}
	r = keeper_reserve(e, spacing[SCOPE_SERVICE]);
	if (r < 0)
		return r;
	r = recall_reserve(&e->recall, spacing[SCOPE_NODE]);
	if (r < 0)
		return r;
	/* Rosters last: they give out slots, for which there is room by now. */
	for (int scope = 0; scope < SCOPE_COUNT_; scope++) {
		r = roster_reserve(&e->rosters[scope], spacing[scope]);
		if (r < 0)
			return r;
	}
	return 0;
}

size_t engine_overflow(const struct engine *e)
{
	return e->rosters[SCOPE_NODE].overflow + e->rosters[SCOPE_SERVICE].overflow +
	       e->rosters[SCOPE_CANARY].overflow;
}

/* The clock of what was watched: see state.h. A hole counts as three of the longest of the last
 * intervals, so that ticks that are slow because the machine suffers are not taken for sleep. */
_hot_ static void advance_clock(struct engine *e, usec_t now)
{
	usec_t longest = 0, passed;

	if (!e->has_ticked) {
		e->has_ticked = true;
		e->now = now;
		return;
	}
	if (now <= e->now)
		return;
	passed = now - e->now;
	for (size_t i = 0; i < CLOCK_INTERVALS; i++)
		longest = MAX_OF(longest, e->intervals[i]);
	if (longest == 0)
		longest = INTERVAL_MAX_USEC;
	e->intervals[e->interval_next] = MIN_OF(passed, INTERVAL_MAX_USEC);
	e->interval_next = (e->interval_next + 1) % CLOCK_INTERVALS;
	e->clock += MIN_OF(passed, longest * HOLE_INTERVALS);
	e->now = now;
}

_hot_ void engine_note_watched(struct engine *e, usec_t now)
{
	advance_clock(e, now);
}

static void for_each(struct engine *e, void (*each)(struct engine *e, struct instance *instance))
{
	FOR_EACH_AWAKE (e, instance)
		each(e, instance);
}

void engine_tick(struct engine *e, const struct snapshot *snapshot, const struct outcome *outcomes,
		 size_t outcome_count, usec_t now, struct plan *ret_plan)
{
	plan_reset(ret_plan);
	e->plan = ret_plan;
	e->snapshot = snapshot;
	advance_clock(e, now);
	budget_expire(&e->kills, e->now, e->config->kill_budget_window_usec);
	budget_expire(&e->simulated_kills, e->now, e->config->kill_budget_window_usec);

	roll_call(e);
	roll_wake_touched(e);
	arrivals_take_outcomes(e, outcomes, outcome_count);
	flight_take_outcomes(e, outcomes, outcome_count);
	claim_take_outcomes(e, outcomes, outcome_count);
	keeper_take_outcomes(e, outcomes, outcome_count);
	arming_take_outcomes(e, outcomes, outcome_count);
	flight_verify_all(e);
	staging_take_pauses(e);
	credit_refresh(e);
	for_each(e, ladder_observe);
	for_each(e, ladder_advance);

	calm_yield(e);
	away_turn_back(e);
	flight_cancel_unwanted(e);
	claim_return_due(e);
	for_each(e, climb_regrow);
	FOR_EACH_AWAKE (e, instance)
		climb_on(e, instance, false);
	FOR_EACH_AWAKE (e, instance)
		climb_on(e, instance, true);
	placement_yield(e);
	keeper_keep(e);
	away_consider(e);
	arming_keep(e);
	roll_doze(e);
	recall_keep(e);
	e->plan = NULL;
	e->snapshot = NULL;
}

void engine_note_gap(struct engine *e)
{
	for (size_t i = 0; i < e->live_count; i++)
		e->instances[e->live[i]].holding = false;
}

size_t engine_get_kills(const struct engine *e, usec_t ret_times[ENGINE_KILLS_MAX])
{
	memcpy(ret_times, e->kills.times, e->kills.count * sizeof(ret_times[0]));
	return e->kills.count;
}

void engine_set_kills(struct engine *e, const usec_t *times, size_t count)
{
	e->kills.count = 0;
	for (size_t i = 0; i < count; i++)
		budget_add(&e->kills, times[i]);
}

size_t engine_get_arrivals(const struct engine *e, struct arrived ret[ENGINE_ARRIVALS_MAX])
{
	memcpy(ret, e->arrivals, e->arrival_end * sizeof(ret[0]));
	return e->arrival_end;
}

void engine_set_arrivals(struct engine *e, const struct arrived *arrivals, size_t count)
{
	e->arrival_end = MIN_OF(count, (size_t)ARRIVALS_MAX);
	memcpy(e->arrivals, arrivals, e->arrival_end * sizeof(e->arrivals[0]));
}

void engine_take_over(struct engine *e, const struct engine *from)
{
	e->clock = from->clock;
	e->now = from->now;
	e->has_ticked = from->has_ticked;
	memcpy(e->intervals, from->intervals, sizeof(e->intervals));
	e->interval_next = from->interval_next;
	e->last_step = from->last_step;
	e->kills = from->kills;
	e->destructive_until = from->destructive_until;
	e->victim = from->victim;
	memcpy(e->bars, from->bars, from->bar_end * sizeof(e->bars[0]));
	e->bar_end = from->bar_end;
	memcpy(e->arrivals, from->arrivals, from->arrival_end * sizeof(e->arrivals[0]));
	e->arrival_end = from->arrival_end;
	away_take_over(e, from);
	placement_take_over(e, from);
	arming_take_over(e, from);
	ladder_take_over(e, from);
	flight_take_over(e, from);
}

uint64_t engine_last_step(const struct engine *e)
{
	return e->last_step;
}

void engine_set_last_step(struct engine *e, uint64_t id)
{
	e->last_step = id;
}

size_t engine_instance_count(const struct engine *e)
{
	return e->live_count;
}

void engine_instance_status(const struct engine *e, size_t i, struct rule_status *ret)
{
	const struct instance *instance = &e->instances[e->live[i]];
	size_t last = rule_of(e, instance)->ladder_count;
	size_t at = 0;

	if (instance->has_fired)
		at = instance->state == RULE_RUNNING ? episode_of(e, instance)->line
						     : episode_of(e, instance)->next;
	*ret = (struct rule_status){
		.rule = instance->rule,
		.subject = subject_of(e, instance),
		.state = (enum rule_state)instance->state,
		.ladder = last > 0 ? MIN_OF(at, last - 1) : 0,
		.since_usec = instance->since,
		.cooldown_until = instance->cooldown_until,
	};
}

usec_t engine_due(const struct engine *e)
{
	usec_t due = USEC_INFINITY;

	FOR_EACH_AWAKE (e, instance)
		if (instance->state == RULE_PENDING)
			due = MIN_OF(due, instance->since + rule_of(e, instance)->for_usec);
	due = MIN_OF(due, e->keeper.due);
	return MIN_OF(due, arming_due(e));
}

bool engine_is_alert(const struct engine *e)
{
	/* Of a ladder that is gone up once nothing more is to come. */
	FOR_EACH_AWAKE (e, instance)
		if (instance->state != RULE_IDLE &&
		    !(instance->state == RULE_EXHAUSTED && rule_of(e, instance)->once))
			return true;
	return false;
}

bool engine_is_climbing(const struct engine *e)
{
	FOR_EACH_AWAKE (e, instance)
		if (instance->state == RULE_RUNNING || instance->state == RULE_WAITING)
			return true;
	return false;
}

bool engine_is_at_rest(const struct engine *e)
{
	return !engine_is_alert(e) && e->flight_end == 0 && e->credit_count == 0 &&
	       claim_are_at_rest(e) && !e->pause_is_new && keeper_is_at_rest(e) &&
	       arming_is_at_rest(e);
}

size_t engine_left(const struct engine *e)
{
	return e->keeper.left;
}
