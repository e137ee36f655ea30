/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/flight.h"

#include "act/kill_grace.h"
#include "act/outlook.h"
#include "engine/away.h"
#include "engine/budget.h"
#include "engine/climb.h"
#include "engine/verify.h"
#include "util/macro.h"

/* A second without a byte is not the time that a first chunk takes. */
#define STALL_USEC (1 * USEC_PER_SEC)
/* The executor promises an outcome for every step. One that is this long overdue is given up, so
 * that a lost message does not bar the host from its last resort for ever. */
#define SILENCE_USEC (60 * USEC_PER_SEC)
/* Systemd gives a unit 90 seconds to stop where nobody says otherwise, and to start again. */
#define UNIT_SILENCE_USEC (5 * USEC_PER_MIN)
/* Whether it freezes shows within moments, or the kernel waits for a process that it cannot stop.
 */
#define FREEZING_USEC (2 * USEC_PER_SEC)
/* What is unmapped at once may be had seconds later: pages under I/O, a device's, those of a
 * process that somebody else still holds on to. */
#define RETURN_USEC (3 * USEC_PER_SEC)
/* What a unit says of its own end may be minutes. So long it has the turn to itself, as long as a
 * killed one has. */
#define ORDERLY_USEC (10 * USEC_PER_SEC)
/* A rule that clears between the two signals of its kill and fires again in the next moment would
 * otherwise begin, and pay for, one kill after the other, and finish none. */
#define SPARE_USEC (1 * USEC_PER_SEC)

static struct instance *instance_of(struct engine *e, const struct flight *flight)
{
	if (!flight->attached)
		return NULL;
	return &e->instances[e->base[flight->step.rule] + flight->slot];
}

bool flight_is_of(const struct flight *flight, const struct instance *instance)
{
	return flight->used && flight->attached && flight->step.rule == instance->rule &&
	       flight->slot == instance->slot;
}

/* A free one, or the one that has waited longest to be verified. */
static struct flight *find_free(struct engine *e, const struct step *step)
{
	size_t end = FLIGHTS_MAX - (actions[step->action].destructive ? 0 : FLIGHTS_LAST);
	struct flight *oldest = NULL;

	for (size_t i = 0; i < end; i++) {
		struct flight *flight = &e->flights[i];

		if (!flight->used)
			return flight;
		if (!flight->running && (!oldest || flight->ended < oldest->ended))
			oldest = flight;
	}
	return oldest;
}

static struct reading felt_by(const struct engine *e, const struct step *step)
{
	if (step->gain_metric == METRIC_NONE)
		return READING_NONE;
	return snapshot_reading(e->snapshot, step->subject, step->gain_metric);
}

static void note_lowest(const struct engine *e, struct flight *flight)
{
	struct reading felt = felt_by(e, &flight->step);

	if (felt.state == READING_KNOWN)
		flight->lowest = MIN_OF(flight->lowest, felt.value);
}

struct flight *flight_start(struct engine *e, const struct instance *instance,
			    const struct step *step)
{
	const struct action *action = &actions[step->action];
	struct flight *flight = find_free(e, step);

	if (!flight)
		return NULL;
	*flight = (struct flight){
		.used = true,
		.running = true,
		.attached = instance != NULL,
		.slot = instance ? instance->slot : 0,
		.step = *step,
		.started = e->clock,
		.heard = e->clock,
		.before = READING_NONE,
	};
	e->flight_end = MAX_OF(e->flight_end, (size_t)(flight - e->flights) + 1);
	if (action->level)
		flight->before = action->level(step, step->subject, e->snapshot);
	flight->lowest = INT64_MAX;
	if (action_destroys(step))
		note_lowest(e, flight);
	return flight;
}

struct flight *flight_find(struct engine *e, uint64_t step)
{
	for (size_t i = 0; i < e->flight_end; i++)
		if (e->flights[i].used && e->flights[i].running && e->flights[i].step.id == step)
			return &e->flights[i];
	return NULL;
}

static bool is_destructive(const struct flight *flight)
{
	return action_destroys(&flight->step);
}

/* The instance by its place, attached or not; NULL if another subject has the place by now. */
static struct instance *owner_of(struct engine *e, const struct flight *flight)
{
	struct instance *instance;

	if (flight->step.rule == RULE_NONE)
		return NULL;
	instance = &e->instances[e->base[flight->step.rule] + flight->slot];
	if (!instance->exists || subject_of(e, instance).key != flight->step.subject.key)
		return NULL;
	return instance;
}

/* Nobody was killed after all: there is nothing to let cool. */
static void lift_cooldown(struct engine *e, const struct flight *flight)
{
	struct instance *instance = owner_of(e, flight);

	if (!instance || instance->in_episode)
		return;
	instance->cooldown_until = MIN_OF(instance->cooldown_until, e->now);
	if (instance->has_fired)
		episode_of(e, instance)->cooling = instance->cooldown_until;
}

/* The level of the step is gone with the victim, whatever becomes of its memory: the subject is to
 * feel it. Counted from the lowest, as some of it may be back before its end is told. */
static void await_return(struct engine *e, const struct flight *flight)
{
	const struct step *step = &flight->step;

	e->victim = (struct return_wait){ .metric = METRIC_NONE, .subject = step->subject };
	if (flight->outcome.state != OUTCOME_DONE || flight->outcome.signalled == 0 ||
	    flight->lowest == INT64_MAX)
		return;
	e->victim.metric = step->gain_metric;
	e->victim.until_value = flight->lowest + step->expected_gain / 2;
	e->victim.until = e->clock + RETURN_USEC;
}

/* Its subject has as much more as it was to have, whatever others have taken meanwhile: one kill,
 * and measured. What another subject has of it, that does not say. */
static bool has_felt(const struct engine *e, struct subject subject)
{
	const struct return_wait *wait = &e->victim;
	struct reading now;

	if (wait->metric == METRIC_NONE || wait->subject.scope != subject.scope ||
	    wait->subject.key != subject.key)
		return false;
	now = snapshot_reading(e->snapshot, subject, wait->metric);
	return now.state == READING_KNOWN && now.value >= wait->until_value;
}

bool flight_is_settling(const struct engine *e, struct subject subject)
{
	return e->clock < e->destructive_until && !has_felt(e, subject);
}

/* And can it be waited for? Not by who is empty before that. */
static bool is_awaited(const struct engine *e)
{
	const struct return_wait *wait = &e->victim;
	struct reading now, left;

	if (wait->metric == METRIC_NONE || e->clock >= wait->until)
		return false;
	now = snapshot_reading(e->snapshot, wait->subject, wait->metric);
	left = outlook_time_to_empty(e->snapshot, wait->subject);
	if (left.state == READING_KNOWN && (usec_t)MAX_OF(left.value, (int64_t)0) < RETURN_USEC)
		return false;
	return now.state == READING_KNOWN && now.value < wait->until_value;
}

static void end_flight(struct engine *e, struct flight *flight)
{
	const struct outcome *outcome = &flight->outcome;
	struct instance *instance = instance_of(e, flight);

	flight->running = false;
	flight->ended = e->clock;
	flight->ended_at = e->now;
	if (is_destructive(flight)) {
		e->destructive_until = e->clock + actions[flight->step.action].settle_usec;
		await_return(e, flight);
		if (flight->step.action == ACTION_KILL && outcome->signalled == 0 &&
		    !flight->given_up)
			budget_take_back(&e->kills, flight->step.planned_at);
		if (outcome->state == OUTCOME_CANCELLED)
			lift_cooldown(e, flight);
	}
	away_note(e, &flight->step, outcome);
	if (flight->is_left) {
		flight->used = false;
		return;
	}
	if (instance)
		climb_step_ended(e, instance, flight);
	verify_ended(e, flight);
}

/* Its rule is of another configuration, and nobody waits for what it has gained. */
static void take_left(struct flight *flight)
{
	flight->is_left = true;
	flight->attached = false;
	flight->want_cancel = flight->cancelled = true;
	flight->spare_at = 0;
	flight->step.rule = RULE_NONE;
	flight->step.target.policy = -1;
	flight->step.owner = NULL;
	flight->step.mode_from = NULL;
}

void flight_take_over(struct engine *e, const struct engine *from)
{
	size_t count = 0;

	for (size_t i = 0; i < from->flight_end; i++)
		if (from->flights[i].used && from->flights[i].running) {
			e->flights[count] = from->flights[i];
			e->flights[count].started = e->flights[count].heard = e->clock;
			take_left(&e->flights[count++]);
		}
	e->flight_end = count;
}

bool flight_runs_left(const struct engine *e)
{
	for (size_t i = 0; i < e->flight_end; i++)
		if (e->flights[i].used && e->flights[i].running && e->flights[i].is_left)
			return true;
	return false;
}

static void take_outcome(struct engine *e, struct flight *flight, const struct outcome *outcome)
{
	if (outcome->done_bytes != flight->outcome.done_bytes)
		flight->moved_at = e->now;
	flight->outcome = *outcome;
	flight->heard = e->clock;
	if (outcome->state != OUTCOME_RUNNING)
		end_flight(e, flight);
}

static void give_up(struct engine *e, struct flight *flight)
{
	flight->outcome.state = OUTCOME_FAILED;
	flight->want_cancel = true;
	flight->given_up = true;
	end_flight(e, flight);
}

static usec_t patience(const struct step *step)
{
	switch (step->action) {
	case ACTION_KILL:
		return SILENCE_USEC + step->kill.grace_usec;
	case ACTION_FREEZE:
		return SILENCE_USEC + step->setting.most_usec;
	case ACTION_RESTART_UNIT:
	case ACTION_START_UNIT:
	case ACTION_STOP_UNIT:
		return UNIT_SILENCE_USEC;
	default:
		return SILENCE_USEC;
	}
}

void flight_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct flight *flight = flight_find(e, outcomes[i].step);

		/* A dry-run step was credited when it was said: its outcome is no news. */
		if (flight && !outcomes[i].simulated)
			take_outcome(e, flight, &outcomes[i]);
	}
	for (size_t i = 0; i < e->flight_end; i++) {
		struct flight *flight = &e->flights[i];

		if (flight->used && flight->running && is_destructive(flight))
			note_lowest(e, flight);
		if (flight->used && flight->running &&
		    e->clock - flight->heard >= patience(&flight->step))
			give_up(e, flight);
	}
}

void flight_verify_all(struct engine *e)
{
	for (size_t i = 0; i < e->flight_end; i++)
		if (e->flights[i].used && !e->flights[i].running)
			verify_later(e, &e->flights[i]);
	while (e->flight_end > 0 && !e->flights[e->flight_end - 1].used)
		e->flight_end--;
}

/* What is due to be spared is spared, unless its rule fires again. */
static void spare(struct engine *e, struct flight *flight)
{
	const struct instance *instance = owner_of(e, flight);

	if (!flight->running || flight->spare_at == 0 || e->clock < flight->spare_at)
		return;
	if (instance && instance->fires)
		flight->spare_at = e->clock + SPARE_USEC;
	else
		flight->want_cancel = true;
}

void flight_cancel_unwanted(struct engine *e)
{
	for (size_t i = 0; i < e->flight_end; i++) {
		struct flight *flight = &e->flights[i];
		struct step *step;

		if (flight->used)
			spare(e, flight);
		if (!flight->used || !flight->want_cancel || flight->cancelled)
			continue;
		step = plan_add_step(e->plan);
		if (!step)
			return;
		*step = flight->step;
		step->order = STEP_CANCEL;
		step->planned_at = e->now;
		flight->cancelled = true;
		flight->used = flight->running;
	}
}

/* Of a pool that gets smaller what has come free would be taken back at once, and the node be short
 * again: it comes to its end, and is given back in its time (engine/claim.h). */
static bool is_to_end(const struct flight *flight)
{
	/* A canary has its SIGKILL already. */
	return flight->step.action == ACTION_HUGETLB_SHRINK || flight->step.action == ACTION_KILL;
}

void flight_detach(struct engine *e, const struct instance *instance, bool cleared)
{
	for (size_t i = 0; i < e->flight_end; i++) {
		struct flight *flight = &e->flights[i];

		if (!flight_is_of(flight, instance))
			continue;
		flight->attached = false;
		if (flight->running && cleared && is_destructive(flight))
			flight->spare_at = e->clock + SPARE_USEC;
		else if (!cleared || !is_to_end(flight))
			flight->want_cancel = flight->running;
	}
}

bool flight_is_holding(const struct engine *e, const struct flight *flight)
{
	return flight->step.action == ACTION_FREEZE &&
	       (flight->outcome.in_force_known || e->clock - flight->started >= FREEZING_USEC);
}

static bool is_under_way(const struct engine *e, const struct flight *flight,
			 const struct instance *instance)
{
	return flight_is_of(flight, instance) && flight->running && !flight_is_holding(e, flight);
}

bool flight_runs_any(const struct engine *e, const struct instance *instance)
{
	for (size_t i = 0; i < e->flight_end; i++)
		if (is_under_way(e, &e->flights[i], instance))
			return true;
	return false;
}

bool flight_runs_line(const struct engine *e, const struct instance *instance, size_t line)
{
	for (size_t i = 0; i < e->flight_end; i++)
		if (is_under_way(e, &e->flights[i], instance) && e->flights[i].step.ladder == line)
			return true;
	return false;
}

bool flight_runs_on(const struct engine *e, uint64_t service)
{
	for (size_t i = 0; i < e->flight_end; i++) {
		const struct flight *flight = &e->flights[i];

		if (flight->used && flight->running && flight->step.target.path[0] &&
		    flight->step.target.key == service)
			return true;
	}
	return false;
}

static bool is_orderly(const struct flight *flight)
{
	return flight->step.action == ACTION_STOP_UNIT ||
	       flight->step.action == ACTION_RESTART_UNIT;
}

/* All but an eighth, by what the target has: the rest may be on its way. */
static bool has_brought(const struct engine *e, const struct flight *flight)
{
	const struct step *step = &flight->step;
	struct reading now;

	if (step->expected_gain <= 0 || flight->before.state != READING_KNOWN)
		return false;
	now = actions[step->action].level(step, step->subject, e->snapshot);
	return now.state == READING_KNOWN &&
	       flight->before.value - now.value >= step->expected_gain - step->expected_gain / 8;
}

bool flight_is_passed(const struct engine *e, const struct flight *flight, struct subject subject)
{
	if (!is_orderly(flight))
		return false;
	return has_brought(e, flight) ||
	       e->clock - flight->started >=
		       kill_grace(e->snapshot, subject, KILL_GRACE_MIN_USEC, ORDERLY_USEC);
}

static bool destroys(const struct engine *e, const struct subject *asker)
{
	for (size_t i = 0; i < e->flight_end; i++) {
		const struct flight *flight = &e->flights[i];

		if (flight->used && flight->running && is_destructive(flight) &&
		    !(asker && flight_is_passed(e, flight, *asker)))
			return true;
	}
	if (asker ? flight_is_settling(e, *asker) : e->clock < e->destructive_until)
		/* At the min watermark the kernel would be next to choose, and does not wait. */
		return !outlook_is_dry(e->snapshot, e->victim.subject);
	return is_awaited(e);
}

bool flight_destroys(const struct engine *e)
{
	return destroys(e, NULL);
}

bool flight_must_wait(const struct engine *e, enum action_id action, struct subject subject)
{
	return destroys(e, action == ACTION_KILL ? &subject : NULL);
}

/* What is verified and brings no memory has no amount. */
static uint64_t amount_of(const struct flight *flight)
{
	if (flight->step.gain_metric == METRIC_NONE)
		return 0;
	return flight->step.expected_gain > 0 ? (uint64_t)flight->step.expected_gain : 0;
}

uint64_t flight_remaining(const struct flight *flight)
{
	uint64_t done = flight->outcome.done_bytes;
	uint64_t amount = amount_of(flight);

	if (!flight->used || !flight->running || flight->want_cancel)
		return 0;
	/* By the amount as it is ordered now, which the executor may not have heard of yet. */
	return amount > done ? amount - done : 0;
}

uint64_t flight_incoming(const struct engine *e, unsigned node)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < e->flight_end; i++)
		if (e->flights[i].step.action == ACTION_MIGRATE &&
		    e->flights[i].step.migrate.to_node == node)
			bytes += flight_remaining(&e->flights[i]);
	return bytes;
}

uint64_t flight_pending(const struct engine *e, const struct flight *flight)
{
	const struct service *service = snapshot_service(e->snapshot, flight->step.target.key);
	uint64_t pending = flight_remaining(flight);

	if (service && service->sampled_at < flight->moved_at)
		pending += flight->outcome.done_bytes;
	return pending;
}

void flight_add_pace(const struct engine *e, const struct flight *flight, struct flight_pace *pace)
{
	const struct outcome *outcome = &flight->outcome;
	uint64_t remaining = flight_remaining(flight);
	usec_t ran = e->clock - flight->started;

	if (remaining == 0 || is_destructive(flight))
		return;
	pace->remaining_bytes += remaining;
	if (outcome->bytes_per_sec > 0)
		pace->bytes_per_sec += outcome->bytes_per_sec;
	else if (outcome->done_bytes > 0 && ran >= USEC_PER_MSEC)
		pace->bytes_per_sec += outcome->done_bytes / (ran / USEC_PER_MSEC) * 1000;
	else if (ran >= STALL_USEC)
		pace->stalled = true;
}

bool flight_is_too_slow(const struct engine *e, struct subject subject,
			const struct flight_pace *pace)
{
	struct reading left = outlook_time_to_empty(e->snapshot, subject);
	uint64_t fall = outlook_fall(e->snapshot, subject);
	usec_t needs;

	if (pace->remaining_bytes == 0 || left.state != READING_KNOWN)
		return false;
	if (pace->bytes_per_sec == 0)
		return pace->stalled;
	/* What moves memory off faster than it is taken, by a quarter, never runs dry, however much
	 * is still to be moved. */
	if (fall > 0 && pace->bytes_per_sec / 5 >= fall / 4)
		return false;
	if (pace->remaining_bytes > UINT64_MAX / USEC_PER_SEC)
		return true;
	needs = pace->remaining_bytes * USEC_PER_SEC / pace->bytes_per_sec;
	return (usec_t)MAX_OF(left.value, (int64_t)0) < needs;
}
