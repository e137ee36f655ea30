/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/climb.h"

#include "engine/flight.h"
#include "engine/line.h"
#include "engine/verify.h"
#include "engine/view.h"
#include "util/macro.h"

/* A rule with Cooldown=0 whose steps cannot be made must not try at every tick. */
#define COOLDOWN_MIN_USEC (1 * USEC_PER_SEC)
/* Targets that vanish, workers that are all busy, memory that does not move where others may have
 * some that does: no reason for a harder remedy, but not for ever. */
#define RETRIES_MAX 3

bool climb_fires_credited(const struct engine *e, const struct instance *instance)
{
	const struct rule *rule = rule_of(e, instance);
	struct view view = view_of(e, instance, true);

	if (!instance->fires || e->credit_count == 0)
		return instance->fires;
	return view_when(&view, rule) == TRUTH_TRUE && view_until(&view, rule) == TRUTH_FALSE;
}

void climb_start_over(struct episode *episode)
{
	episode->line = 0;
	episode->next = 0;
	episode->again = false;
	episode->again_dry = false;
	episode->failed = false;
	episode->destroyed = false;
	episode->wait_until = 0;
	episode->wait_dry = 0;
	episode->again_at = 0;
	episode->side = 0;
	episode->made = 0;
}

static bool is_met(const struct round *round)
{
	return round->expected > 0 && !round->failed && round->done >= round->expected / 2;
}

void climb_line_ended(struct engine *e, struct instance *instance)
{
	const struct rule *rule = rule_of(e, instance);
	struct episode *episode = episode_of(e, instance);
	const struct action_call *call = &rule->ladder[episode->line];
	const struct round *round = &episode->round;

	if (line_is_open_ended(call) && is_met(round)) {
		episode->again = true;
	} else if (episode->retries < RETRIES_MAX &&
		   (round->vanished || (line_is_open_ended(call) && round->in_vain))) {
		episode->retries++;
		episode->again = true;
	} else {
		episode->again = false;
	}
	episode->again_at = e->clock + actions[call->action].settle_usec;
	episode->wait_until = e->clock + rule->step_wait_usec;
	/* Of a step that failed before it did anything there is no effect to wait for. */
	if (round->failed && round->done == 0 && !line_is_destructive(rule, episode->line))
		episode->wait_until = e->clock;
	instance_enter(e, instance, RULE_WAITING);
}

bool climb_is_overtaken(const struct engine *e, const struct instance *instance)
{
	const struct episode *episode = episode_of(e, instance);
	struct flight_pace pace = { 0 };

	for (size_t i = 0; i < e->flight_end; i++) {
		const struct flight *flight = &e->flights[i];

		if (!flight_is_of(flight, instance) || flight->step.ladder != episode->line)
			continue;
		if (flight->running && flight_is_passed(e, flight, subject_of(e, instance)))
			return true;
		flight_add_pace(e, flight, &pace);
	}
	return flight_is_too_slow(e, subject_of(e, instance), &pace);
}

void climb_regrow(struct engine *e, struct instance *instance)
{
	const struct rule *rule = rule_of(e, instance);

	if (!instance->in_episode || instance->until_unknown)
		return;
	for (size_t line = 0; line < rule->ladder_count; line++)
		if (line_is_open_ended(&rule->ladder[line]) && flight_runs_line(e, instance, line))
			line_regrow(e, instance, line);
}

static void note_dry(struct engine *e, struct instance *instance, size_t line)
{
	const struct rule *rule = rule_of(e, instance);
	struct episode *episode = episode_of(e, instance);

	episode->wait_dry = e->clock + rule->step_wait_usec;
	episode->again_dry = line_is_open_ended(&rule->ladder[line]);
}

/* A line has made steps: real ones run, of dry-run ones there is only to wait as if they had. */
static void begin_line(struct engine *e, struct instance *instance, size_t line,
		       const struct line_result *result)
{
	const struct rule *rule = rule_of(e, instance);
	struct episode *episode = episode_of(e, instance);

	episode->line = (uint32_t)line;
	episode->next = (uint32_t)line + 1;
	episode->again = false;
	episode->again_dry = false;
	episode->round = (struct round){ 0 };
	episode->wait_dry = e->clock + rule->step_wait_usec;
	if (result->dry > 0)
		note_dry(e, instance, line);
	if (result->real > 0) {
		episode->acted = true;
		episode->made |= UINT64_C(1) << MIN_OF(line, (size_t)63);
		instance_enter(e, instance, RULE_RUNNING);
		return;
	}
	episode->wait_until = e->clock + rule->step_wait_usec;
	episode->again_at = e->clock + actions[rule->ladder[line].action].settle_usec;
	instance_enter(e, instance, RULE_WAITING);
}

static void exhaust(struct engine *e, struct instance *instance)
{
	struct episode *episode = episode_of(e, instance);
	usec_t cooldown = MAX_OF(rule_of(e, instance)->cooldown_usec, COOLDOWN_MIN_USEC);

	/* Not while something of it still works. */
	if (episode->side || flight_runs_any(e, instance))
		return;
	/* Not news while the dry run holds that it would have cleared; and after a simulated kill
	 * the readings cannot show whether it would. A real kill that was in vain always is. */
	if (!episode->said_exhausted && !episode->dry_killed && !rule_of(e, instance)->once &&
	    (episode->destroyed || climb_fires_credited(e, instance))) {
		plan_add_note(e->plan, (struct note){
					       .kind = NOTE_EXHAUSTED,
					       .rule = instance->rule,
					       .subject = subject_of(e, instance),
				       });
		episode->said_exhausted = true;
	}
	instance->cooldown_until = e->now + cooldown;
	if (episode->acted)
		episode->cooling = instance->cooldown_until;
	episode->next = 0;
	instance_enter(e, instance, RULE_EXHAUSTED);
}

static void climb_again(struct engine *e, struct instance *instance, bool destructive)
{
	struct episode *episode = episode_of(e, instance);
	struct line_result result;

	if (line_is_destructive(rule_of(e, instance), episode->line) && !destructive)
		return;
	result = line_try(e, instance, episode->line, instance->want);
	if (result.real > 0) {
		begin_line(e, instance, episode->line, &result);
	} else if (!result.blocked) {
		if (instance->want & WANT_REAL)
			episode->again = false;
		if (result.dry > 0)
			note_dry(e, instance, episode->line);
		else if (instance->want & WANT_DRY)
			episode->again_dry = false;
	}
	instance->want = 0;
}

static void set_aside(const struct engine *e, struct instance *instance)
{
	struct episode *episode = episode_of(e, instance);

	if (!line_is_open_ended(&rule_of(e, instance)->ladder[episode->line]))
		return;
	episode->side = episode->line + 1;
	episode->side_round = episode->round;
	episode->side_at = 0;
}

/* The line before still runs: only a real step takes its place. */
static void climb_past(struct engine *e, struct instance *instance, bool destructive)
{
	const struct rule *rule = rule_of(e, instance);
	struct episode *episode = episode_of(e, instance);
	uint32_t line = episode->next;

	for (; line < rule->ladder_count; line++) {
		struct line_result result;

		if (line_is_destructive(rule, line) && !destructive)
			return;
		result = line_try(e, instance, line, instance->want);
		if (result.real > 0) {
			set_aside(e, instance);
			episode->retries = 0;
			begin_line(e, instance, line, &result);
			break;
		}
		if (result.dry > 0 || result.blocked)
			break;
	}
	instance->want = 0;
}

/* The line that was overtaken, once its steps have ended. */
static void climb_aside(struct engine *e, struct instance *instance)
{
	const struct rule *rule = rule_of(e, instance);
	struct episode *episode = episode_of(e, instance);
	uint32_t line = episode->side - 1;
	struct line_result result;

	if (flight_runs_line(e, instance, line))
		return;
	if (episode->side_at == 0) {
		if (!is_met(&episode->side_round) && !episode->side_round.in_vain) {
			episode->side = 0;
			return;
		}
		episode->side_at = e->clock + actions[rule->ladder[line].action].settle_usec;
	}
	if (e->clock < episode->side_at || !instance->fires)
		return;
	result = line_try(e, instance, line, WANT_REAL);
	if (result.real > 0) {
		episode->side_round = (struct round){ 0 };
		episode->side_at = 0;
	} else if (!result.blocked) {
		episode->side = 0;
	}
}

static void climb_next(struct engine *e, struct instance *instance, bool destructive)
{
	const struct rule *rule = rule_of(e, instance);
	struct episode *episode = episode_of(e, instance);

	for (; episode->next < rule->ladder_count; episode->next++) {
		struct line_result result;

		if (line_is_destructive(rule, episode->next) && !destructive)
			return;
		result = line_try(e, instance, episode->next, instance->want);
		if (result.real + result.dry > 0) {
			episode->retries = 0;
			begin_line(e, instance, episode->next, &result);
			instance->want = 0;
			return;
		}
		if (result.blocked) {
			instance_enter(e, instance, RULE_WAITING);
			instance->want = 0;
			return;
		}
	}
	exhaust(e, instance);
	instance->want = 0;
}

void climb_on(struct engine *e, struct instance *instance, bool destructive)
{
	if (!destructive && instance->in_episode && episode_of(e, instance)->side)
		climb_aside(e, instance);
	/* Another rule's dry run may have said enough in this very tick. */
	if ((instance->want & WANT_DRY) && !climb_fires_credited(e, instance))
		instance->want &= (uint8_t)~WANT_DRY;
	if (!(instance->want & (WANT_REAL | WANT_DRY)))
		instance->want = 0;
	else if (instance->want & WANT_AGAIN)
		climb_again(e, instance, destructive);
	else if (instance->want & WANT_OVERTAKE)
		climb_past(e, instance, destructive);
	else
		climb_next(e, instance, destructive);
}

void climb_step_ended(struct engine *e, struct instance *instance, const struct flight *flight)
{
	struct episode *episode = episode_of(e, instance);
	const struct outcome *outcome = &flight->outcome;
	bool failed = outcome->state == OUTCOME_FAILED;
	bool vanished =
		failed && verify_is_innocent(outcome->error) && !verify_is_unmovable(flight);
	struct round *round = &episode->round;

	if (failed && !vanished)
		episode->failed = true;
	if (episode->side && flight->step.ladder == episode->side - 1)
		round = &episode->side_round;
	else if (flight->step.ladder != episode->line)
		return;
	if (outcome->state == OUTCOME_CANCELLED)
		return;
	if (vanished) {
		round->vanished = true;
		return;
	}
	round->failed |= failed;
	round->expected += flight->step.expected_gain;
	round->done += verify_account(flight);
	round->in_vain |= flight->step.target.path[0] &&
			  verify_account(flight) < flight->step.expected_gain / 10;
}

void climb_fell_short(struct engine *e, const struct flight *flight)
{
	struct episode *episode;

	if (!flight->attached)
		return;
	episode = &e->episodes[e->base[flight->step.rule] + flight->slot];
	if (episode->side && flight->step.ladder == episode->side - 1)
		episode->side = 0;
	else if (flight->step.ladder == episode->line)
		episode->again = false;
}
