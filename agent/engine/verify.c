/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/verify.h"

#include "engine/climb.h"
#include "engine/flight.h"

#include <errno.h>

#define BAR_USEC (10 * USEC_PER_MIN)
/* Services, and what is read seldom, are of slower rounds; if none comes in this time the outcome's
 * word is taken. */
#define SAMPLE_WAIT_USEC (10 * USEC_PER_SEC)

static struct reading size_of(const struct service *service)
{
	return service->readings[metric_index(METRIC_SERVICE_CURRENT)];
}

/* A free one, or the one that ends first. */
static struct bar *find_free_bar(struct engine *e)
{
	struct bar *first = &e->bars[0];

	for (size_t i = 0; i < BARS_MAX; i++) {
		if (!e->bars[i].used)
			return &e->bars[i];
		if (e->bars[i].until < first->until)
			first = &e->bars[i];
	}
	return first;
}

struct bar verify_bar(const struct engine *e, enum action_id action, const struct service *service)
{
	return (struct bar){
		.used = true,
		.has_service = true,
		.action = action,
		.key = service_key(service),
		.until = e->now + BAR_USEC,
		.size = size_of(service),
		.hold = service->hold,
	};
}

/* What is about a node or the host has no size of its own: its bar stands for its time. */
static void raise_bar(struct engine *e, const struct step *step)
{
	const struct service *service;

	if (step->target.path[0]) {
		service = snapshot_service(e->snapshot, step->target.key);
		if (service)
			*find_free_bar(e) = verify_bar(e, step->action, service);
		return;
	}
	*find_free_bar(e) = (struct bar){
		.used = true,
		.action = step->action,
		.key = step->subject.key,
		.until = e->now + BAR_USEC,
		.size = READING_NONE,
	};
}

/* By a fifth of what it was, either way. */
static bool has_changed(const struct bar *bar, const struct service *service)
{
	struct reading size = size_of(service);
	int64_t change;

	if (service->hold != bar->hold)
		return true;
	if (size.state != READING_KNOWN || bar->size.state != READING_KNOWN)
		return false;
	change = size.value > bar->size.value ? size.value - bar->size.value
					      : bar->size.value - size.value;
	return change > 0 && change >= bar->size.value / 5;
}

bool verify_bar_stands(const struct engine *e, const struct bar *bar, const struct service *service)
{
	return e->now < bar->until && service && !has_changed(bar, service);
}

bool flight_is_barred(struct engine *e, enum action_id action, uint64_t service,
		      struct subject subject)
{
	uint64_t key = service ? service : subject.key;

	for (size_t i = 0; i < BARS_MAX; i++) {
		struct bar *bar = &e->bars[i];
		const struct service *s;

		if (!bar->used || bar->action != action || bar->has_service != (service != 0) ||
		    bar->key != key)
			continue;
		s = bar->has_service ? snapshot_service(e->snapshot, service) : NULL;
		if (bar->has_service ? verify_bar_stands(e, bar, s) : e->now < bar->until)
			return true;
		bar->used = false;
	}
	return false;
}

bool verify_is_innocent(int error)
{
	switch (error) {
	case ESRCH:
	case ENOENT:
	case ENODEV:
	case ESTALE:
	case EBUSY:
	case EAGAIN:
	case ENOBUFS:
		return true;
	default:
		return false;
	}
}

static void conclude(struct engine *e, struct flight *flight, int64_t gained)
{
	int64_t expected = flight->step.expected_gain;
	bool has_effect = gained >= expected / 10;

	flight->used = false;
	if (gained < expected / 2)
		climb_fell_short(e, flight);
	if (!has_effect)
		raise_bar(e, &flight->step);
	/* What was in vain before, and was said then. */
	if (flight->step.is_again)
		return;
	plan_add_note(e->plan, (struct note){
				       .kind = has_effect ? NOTE_GAINED : NOTE_NO_EFFECT,
				       .rule = flight->step.rule,
				       .subject = flight->step.subject,
				       .step = flight->step.id,
				       .expected = expected,
				       .gained = gained,
				       .policy = flight->step.target.policy,
			       });
}

/* Only what goes page by page counts its bytes; of the rest the machine has to tell. */
static bool counts_bytes(enum action_id action)
{
	return action == ACTION_MIGRATE || action == ACTION_RECLAIM;
}

int64_t verify_account(const struct flight *flight)
{
	if (counts_bytes(flight->step.action))
		return (int64_t)flight->outcome.done_bytes;
	return flight->outcome.state == OUTCOME_DONE ? flight->step.expected_gain : 0;
}

void verify_ended(struct engine *e, struct flight *flight)
{
	const struct outcome *outcome = &flight->outcome;
	int64_t gained = verify_account(flight);
	bool has_gain = actions[flight->step.action].level && flight->step.expected_gain > 0;

	if (!has_gain || outcome->state == OUTCOME_CANCELLED || flight->want_cancel ||
	    (outcome->state == OUTCOME_FAILED && verify_is_innocent(outcome->error)))
		flight->used = flight->given_up;
	else if (outcome->state == OUTCOME_FAILED || gained < flight->step.expected_gain / 10)
		conclude(e, flight, gained);
}

/* Does the snapshot show the target as the step left it? One that is gone needs no sample. */
static bool is_shown(const struct engine *e, const struct flight *flight)
{
	const struct action *action = &actions[flight->step.action];
	usec_t settled = flight->ended_at + action->settle_usec;
	const struct service *service;

	if (action->level_at)
		return action->level_at(e->snapshot) >= settled;
	/* Of the host or a node, which every snapshot shows. */
	if (!flight->step.target.path[0])
		return e->now >= settled;
	service = snapshot_service(e->snapshot, flight->step.target.key);
	return !service || service->sampled_at >= settled;
}

void verify_later(struct engine *e, struct flight *flight)
{
	const struct action *action = &actions[flight->step.action];
	usec_t waited = e->clock - flight->ended;
	struct reading after;
	int64_t gained;

	if (flight->given_up || (!is_shown(e, flight) && waited < SAMPLE_WAIT_USEC))
		return;
	gained = verify_account(flight);
	after = action->level(&flight->step, flight->step.subject, e->snapshot);
	if (is_shown(e, flight) && after.state == READING_KNOWN &&
	    flight->before.state == READING_KNOWN)
		gained = flight->before.value - after.value;
	conclude(e, flight, gained);
}
