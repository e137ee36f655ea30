/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/ladder.h"

#include "act/outlook.h"
#include "engine/claim.h"
#include "engine/climb.h"
#include "engine/credit.h"
#include "engine/flight.h"
#include "engine/said.h"
#include "engine/standing.h"
#include "engine/view.h"
#include "util/macro.h"

#define GAP_TICKS_MAX	 3
#define UNKNOWN_MAX_USEC (10 * USEC_PER_SEC)
#define QUIET_MIN_USEC	 (10 * USEC_PER_SEC)

static void add_note(struct engine *e, const struct instance *instance, enum note_kind kind)
{
	plan_add_note(e->plan, (struct note){
				       .kind = kind,
				       .rule = instance->rule,
				       .subject = subject_of(e, instance),
			       });
}

static void observe_holding(struct engine *e, struct instance *instance, enum truth when)
{
	if (when == TRUTH_TRUE) {
		if (!instance->holding) {
			instance->held_since = e->clock;
			instance->held_from = e->now;
		}
		instance->holding = true;
		instance->gap = 0;
	} else if (instance->holding && ++instance->gap > GAP_TICKS_MAX) {
		instance->holding = false;
	}
}

/* Only of an episode is there anything to let go of. */
static void observe_unknown(struct engine *e, struct instance *instance, enum truth until)
{
	bool unknown = instance->in_episode && until == TRUTH_UNKNOWN;

	if (unknown && !instance->until_unknown)
		episode_of(e, instance)->unknown_since = e->clock;
	instance->until_unknown = unknown;
}

static void observe_firing(struct engine *e, struct instance *instance)
{
	usec_t quiet = MAX_OF(rule_of(e, instance)->cooldown_usec, QUIET_MIN_USEC);
	struct episode *episode = episode_of(e, instance);

	if (!instance->has_fired)
		*episode = (struct episode){ 0 }; /* who was here before may have fired */
	instance->has_fired = true;
	episode->lapsed = e->clock - episode->fired_last > quiet;
	episode->fired_last = e->clock;
}

static size_t find_mourned(const struct engine *e, uint64_t key)
{
	size_t i = 0;

	while (i < e->mourned_count && e->mourned[i] != key)
		i++;
	return i;
}

static void mourn(struct engine *e, uint64_t key)
{
	if (e->mourned_count < CANARIES_MAX && find_mourned(e, key) == e->mourned_count)
		e->mourned[e->mourned_count++] = key;
}

static void forget_mourned(struct engine *e, uint64_t key)
{
	size_t i = find_mourned(e, key);

	if (i < e->mourned_count)
		e->mourned[i] = e->mourned[--e->mourned_count];
}

/* Has a ladder that is gone up once been, by steps that were taken? */
static bool is_done(const struct engine *e, const struct instance *instance)
{
	return rule_of(e, instance)->once && instance->state == RULE_EXHAUSTED &&
	       instance->in_episode && episode_of(e, instance)->acted;
}

void ladder_take_over(struct engine *e, const struct engine *from)
{
	for (size_t i = 0; i < from->mourned_count; i++)
		mourn(e, from->mourned[i]);
	for (size_t i = 0; i < from->live_count; i++) {
		const struct instance *instance = &from->instances[from->live[i]];

		if (is_done(from, instance))
			mourn(e, subject_of(from, instance).key);
	}
}

void ladder_observe(struct engine *e, struct instance *instance)
{
	const struct rule *rule = rule_of(e, instance);
	struct view view = view_of(e, instance, false);
	enum truth when = view_when(&view, rule);
	enum truth until = TRUTH_FALSE;

	/* An idle rule whose When= is not true needs no Until=. */
	if (when == TRUTH_TRUE || instance->in_episode)
		until = view_until(&view, rule);
	if (e->mourned_count > 0 && rule->once && when == TRUTH_FALSE)
		forget_mourned(e, subject_of(e, instance).key);
	observe_holding(e, instance, when);
	observe_unknown(e, instance, until);
	instance->until_true = until == TRUTH_TRUE;
	instance->fires =
		when == TRUTH_TRUE && until == TRUTH_FALSE &&
		(e->snapshot->single || e->clock - instance->held_since >= rule->for_usec);
	if (instance->fires)
		observe_firing(e, instance);
	instance->fires_virtual = climb_fires_credited(e, instance);
}

static unsigned wants(const struct engine *e, const struct instance *instance)
{
	unsigned want = 0;

	if (instance->fires && e->rule_enforced[instance->rule])
		want |= WANT_REAL;
	if (instance->fires_virtual)
		want |= WANT_DRY;
	return want;
}

/* A ladder that ended with something that has no gain to meet has done all that it can; not one
 * whose move was merely overtaken and still had something to give. */
static bool is_spent(const struct engine *e, const struct instance *instance)
{
	const struct rule *rule = rule_of(e, instance);
	const struct episode *episode = episode_of(e, instance);

	return !episode->side && episode->next > 0 && episode->next >= rule->ladder_count &&
	       !actions[rule->ladder[episode->line].action].level;
}

/* True: it has set something. */
static bool let_go(struct engine *e, const struct instance *instance, bool cleared)
{
	bool has_set;

	flight_detach(e, instance, cleared);
	has_set = claim_release(e, instance, cleared);
	credit_release(e, instance);
	said_forget(e, instance);
	return has_set;
}

/* Does what it has done ask for a cooldown that has not begun yet? */
static bool earns_cooldown(const struct engine *e, const struct instance *instance)
{
	const struct episode *episode = episode_of(e, instance);

	return instance->state != RULE_EXHAUSTED && !rule_of(e, instance)->once &&
	       (episode->failed || episode->destroyed || is_spent(e, instance));
}

static bool has_freed(const struct episode *episode)
{
	return episode->acted && episode->destroyed && !episode->failed;
}

static void leave(struct engine *e, struct instance *instance, enum note_kind why)
{
	struct episode *episode = episode_of(e, instance);
	struct instance left = {
		.exists = true,
		.has_fired = true,
		.state = instance->state,
		.rule = instance->rule,
		.slot = instance->slot,
		.place = instance->place,
		.since = instance->since,
		.cooldown_until = rule_of(e, instance)->once ? 0 : instance->cooldown_until,
	};
	struct last_standing last = { 0 };
	bool freed = has_freed(episode);

	standing_keep(e, instance, &last);
	add_note(e, instance, why);
	(void)let_go(e, instance, why == NOTE_CLEARED);
	if (earns_cooldown(e, instance)) {
		left.cooldown_until = e->now + rule_of(e, instance)->cooldown_usec;
		if (episode->acted)
			episode->cooling = left.cooldown_until;
	}
	*instance = left;
	*episode = (struct episode){ .fired_last = episode->fired_last,
				     .cooling = episode->cooling,
				     .freed = freed,
				     .last = last };
	instance_enter(e, instance, e->now < instance->cooldown_until ? RULE_EXHAUSTED : RULE_IDLE);
}

void ladder_start_over(struct engine *e, struct instance *instance)
{
	struct episode *episode = episode_of(e, instance);
	bool has_killed, has_set, settling;

	if (!instance->has_fired)
		return;
	settling = episode->settling;
	has_killed = episode->acted && episode->destroyed;
	if (is_done(e, instance))
		mourn(e, subject_of(e, instance).key);
	has_set = let_go(e, instance, false);
	if (has_killed && instance->state != RULE_EXHAUSTED)
		episode->cooling = e->now + rule_of(e, instance)->cooldown_usec;
	else if (has_set && !has_killed)
		episode->cooling = 0;
	*episode = (struct episode){ .fired_last = episode->fired_last,
				     .cooling = episode->cooling,
				     .settling = has_set || settling };
	instance->in_episode = false;
	instance->want = 0;
	instance->cooldown_until = episode->cooling;
	instance_enter(e, instance, e->now < instance->cooldown_until ? RULE_EXHAUSTED : RULE_IDLE);
}

void ladder_go_back(struct engine *e, struct instance *instance)
{
	struct episode *episode = episode_of(e, instance);
	bool failed = episode->failed, destroyed = episode->destroyed && episode->acted;

	climb_start_over(episode);
	episode->failed = failed;
	episode->destroyed = destroyed;
	episode->dry_killed = false;
	episode->dry_lines = 0;
	instance->cooldown_until = episode->cooling;
}

void ladder_subject_gone(struct engine *e, struct instance *instance)
{
	if (instance->in_episode)
		leave(e, instance, NOTE_SUBJECT_GONE);
	*instance = (struct instance){ 0 };
}

/* Is what a pause has taken back from it still on its way? What became of that is in the snapshot
 * of the next tick. */
static bool is_settling(struct engine *e, const struct instance *instance)
{
	struct episode *episode = episode_of(e, instance);

	if (!instance->has_fired || !episode->settling)
		return false;
	episode->settling = claim_returns(e, instance);
	return true;
}

static void begin_episode(struct engine *e, struct instance *instance)
{
	instance->in_episode = true;
	climb_start_over(episode_of(e, instance));
	episode_of(e, instance)->begun = e->now;
	add_note(e, instance, NOTE_FIRED);
	instance_enter(e, instance, RULE_WAITING);
	instance->want = (uint8_t)wants(e, instance);
}

/* The episode goes on whose steps are all taken. */
static bool is_resumed(struct engine *e, struct instance *instance)
{
	uint64_t key = subject_of(e, instance).key;

	if (!rule_of(e, instance)->once || find_mourned(e, key) == e->mourned_count)
		return false;
	instance->in_episode = true;
	climb_start_over(episode_of(e, instance));
	episode_of(e, instance)->acted = true;
	instance_enter(e, instance, RULE_EXHAUSTED);
	return true;
}

/* A cooldown is there so that what lags behind ends nobody for nothing. It is over as soon as what
 * was freed is seen to go as well, faster than the cooldown does. */
static bool is_cooling(const struct engine *e, const struct instance *instance)
{
	const struct episode *episode = episode_of(e, instance);
	struct reading left;

	if (e->now >= instance->cooldown_until)
		return false;
	if (!instance->fires || !instance->has_fired ||
	    flight_is_settling(e, subject_of(e, instance)) ||
	    !(instance->in_episode ? has_freed(episode) : episode->freed))
		return true;
	left = outlook_time_to_empty(e->snapshot, subject_of(e, instance));
	return left.state != READING_KNOWN ||
	       e->now + (usec_t)MAX_OF(left.value, INT64_C(0)) >= instance->cooldown_until;
}

static void advance_idle(struct engine *e, struct instance *instance)
{
	if (is_cooling(e, instance)) {
		instance_enter(e, instance, RULE_EXHAUSTED);
		return;
	}
	instance_enter(e, instance, instance->holding ? RULE_PENDING : RULE_IDLE);
	if (wants(e, instance) && !is_settling(e, instance) && !is_resumed(e, instance))
		begin_episode(e, instance);
}

static void advance_waiting(struct engine *e, struct instance *instance)
{
	struct episode *episode = episode_of(e, instance);
	unsigned want = wants(e, instance);

	if (want && episode->lapsed)
		climb_start_over(episode);
	instance->want = 0;
	if (e->clock >= episode->again_at) {
		if (episode->again)
			instance->want |= want & WANT_REAL;
		if (episode->again_dry)
			instance->want |= want & WANT_DRY;
		if (instance->want) {
			instance->want |= WANT_AGAIN;
			return;
		}
	}
	if (!episode->again && e->clock >= episode->wait_until)
		instance->want |= want & WANT_REAL;
	/* Of a ladder that acts, the dry-run part does not run ahead. */
	if (e->rule_enforced[instance->rule] && !instance->want)
		return;
	if (!episode->again_dry && e->clock >= episode->wait_dry)
		instance->want |= want & WANT_DRY;
}

static void advance_running(struct engine *e, struct instance *instance)
{
	if (!flight_runs_line(e, instance, episode_of(e, instance)->line)) {
		climb_line_ended(e, instance);
		advance_waiting(e, instance);
		return;
	}
	if (climb_is_overtaken(e, instance)) {
		instance->want = (uint8_t)wants(e, instance);
		if (instance->want)
			instance->want |= WANT_OVERTAKE;
	}
}

void ladder_advance(struct engine *e, struct instance *instance)
{
	instance->want = 0;
	if (!instance->in_episode) {
		advance_idle(e, instance);
		return;
	}
	if (instance->until_true) {
		leave(e, instance, NOTE_CLEARED);
		return;
	}
	/* Out of sight is treated as gone: nothing is held by what cannot be seen. */
	if (instance->until_unknown &&
	    e->clock - episode_of(e, instance)->unknown_since >= UNKNOWN_MAX_USEC) {
		leave(e, instance, NOTE_SUBJECT_GONE);
		return;
	}
	switch ((enum rule_state)instance->state) {
	case RULE_RUNNING:
		advance_running(e, instance);
		break;
	case RULE_WAITING:
		advance_waiting(e, instance);
		break;
	case RULE_EXHAUSTED:
		if (!is_cooling(e, instance) && !rule_of(e, instance)->once) {
			climb_start_over(episode_of(e, instance));
			instance->want = (uint8_t)wants(e, instance);
		}
		break;
	case RULE_IDLE:
	case RULE_PENDING:
		break;
	}
}
