/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/verify.h"

#include "engine/climb.h"
#include "engine/flight.h"
#include "util/macro.h"

#include <errno.h>

#define BAR_USEC (10 * USEC_PER_MIN)
/* Memory that did not move is pinned for the life of a device, or shared for that of a process:
 * time alone changes nothing about it, and each try costs CPU time and the guest a little. */
#define UNMOVABLE_USEC (60 * USEC_PER_MIN)
/* Pins that come and go with I/O: fewer bytes than these say nothing of those of a guest. */
#define PINS_NOISE_BYTES (INT64_C(16) << 20)
/* Services, and what is read seldom, are of slower rounds; if none comes in this time the outcome's
 * word is taken. */
#define SAMPLE_WAIT_USEC (10 * USEC_PER_SEC)

static struct reading size_of(const struct service *service)
{
	return service->readings[metric_index(METRIC_SERVICE_CURRENT)];
}

static bool is_about_the_same(const struct bar *a, const struct bar *b)
{
	return a->action == b->action && a->has_service == b->has_service && a->key == b->key;
}

/* The same again, a free one, or the one that ends first. */
static struct bar *find_place(struct engine *e, const struct bar *bar)
{
	struct bar *first = &e->bars[0], *free_bar = NULL;

	for (size_t i = 0; i < e->bar_end; i++) {
		struct bar *other = &e->bars[i];

		if (!other->used)
			free_bar = other;
		else if (is_about_the_same(other, bar))
			return other;
		else if (other->until < first->until)
			first = other;
	}
	if (free_bar)
		return free_bar;
	return e->bar_end < BARS_MAX ? &e->bars[e->bar_end++] : first;
}

static bool has_process(const struct engine *e, const struct service *service, pid_t pid,
			uint64_t start_ticks)
{
	const struct snapshot *s = e->snapshot;
	size_t end = MIN_OF(service->first_process + service->process_count, s->process_count);

	for (size_t i = service->first_process; i < end; i++)
		if (s->processes[i].pid == pid && s->processes[i].start_ticks == start_ticks)
			return true;
	return false;
}

/* NULL: none is known. */
static const struct process *largest_of(const struct engine *e, const struct service *service)
{
	const struct snapshot *s = e->snapshot;
	const struct process *largest = NULL;
	size_t end = MIN_OF(service->first_process + service->process_count, s->process_count);

	for (size_t i = service->first_process; i < end; i++)
		if (s->processes[i].pid != 0 &&
		    (!largest || s->processes[i].rss_bytes > largest->rss_bytes))
			largest = &s->processes[i];
	return largest;
}

bool verify_is_unmovable(const struct flight *flight)
{
	const struct page_accounts *pages = &flight->outcome.pages;
	uint64_t held = pages->pinned + pages->shared + pages->refused;
	uint64_t tried = held + pages->moved + pages->busy;

	if (flight->step.action != ACTION_MIGRATE || tried == 0)
		return false;
	return pages->pinned > tried / 2 || (pages->moved == 0 && held > tried / 2);
}

static void note_unmovable(const struct engine *e, const struct service *service, struct bar *bar)
{
	const struct process *largest = largest_of(e, service);

	bar->is_unmovable = true;
	bar->until = e->now + UNMOVABLE_USEC;
	bar->pinned = e->snapshot->host.pinned;
	if (!largest)
		return;
	bar->largest = largest->pid;
	bar->largest_ticks = largest->start_ticks;
	bar->largest_bytes = largest->rss_bytes;
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
static void raise_bar(struct engine *e, const struct flight *flight)
{
	const struct step *step = &flight->step;
	const struct service *service;
	struct bar bar = {
		.used = true,
		.action = step->action,
		.key = step->subject.key,
		.until = e->now + BAR_USEC,
		.size = READING_NONE,
	};

	if (step->target.path[0]) {
		service = snapshot_service(e->snapshot, step->target.key);
		if (!service)
			return;
		bar = verify_bar(e, step->action, service);
		if (verify_is_unmovable(flight))
			note_unmovable(e, service, &bar);
	}
	*find_place(e, &bar) = bar;
}

/* Another process is its largest, by more than two of a size differ from one second to the next. */
static bool has_another(const struct engine *e, const struct bar *bar,
			const struct service *service)
{
	const struct process *largest = largest_of(e, service);

	if (!largest || bar->largest == 0)
		return false;
	if (largest->pid == bar->largest && largest->start_ticks == bar->largest_ticks)
		return false;
	return largest->rss_bytes < bar->largest_bytes - bar->largest_bytes / 5 ||
	       largest->rss_bytes > bar->largest_bytes + bar->largest_bytes / 5 ||
	       !has_process(e, service, bar->largest, bar->largest_ticks);
}

/* Somebody on the host has let go of memory, which may be this service's. */
static bool was_released(const struct engine *e, const struct bar *bar)
{
	struct reading pinned = e->snapshot->host.pinned;
	int64_t fall;

	if (pinned.state != READING_KNOWN || bar->pinned.state != READING_KNOWN)
		return false;
	fall = bar->pinned.value - pinned.value;
	return fall >= PINS_NOISE_BYTES && fall >= bar->pinned.value / 5;
}

/* By a fifth of what it was, either way. */
static bool has_changed(const struct engine *e, const struct bar *bar,
			const struct service *service)
{
	struct reading size = size_of(service);
	int64_t change;

	if (service->hold != bar->hold)
		return true;
	if (bar->is_unmovable && (has_another(e, bar, service) || was_released(e, bar)))
		return true;
	if (size.state != READING_KNOWN || bar->size.state != READING_KNOWN)
		return false;
	change = size.value > bar->size.value ? size.value - bar->size.value
					      : bar->size.value - size.value;
	return change > 0 && change >= bar->size.value / 5;
}

bool verify_bar_stands(const struct engine *e, const struct bar *bar, const struct service *service)
{
	return e->now < bar->until && service && !has_changed(e, bar, service);
}

static const struct bar *find_bar(struct engine *e, enum action_id action, bool has_service,
				  uint64_t key)
{
	const struct service *service = NULL;

	for (size_t i = 0; i < e->bar_end; i++) {
		struct bar *bar = &e->bars[i];

		if (!bar->used || bar->action != action || bar->has_service != has_service ||
		    bar->key != key)
			continue;
		if (has_service)
			service = snapshot_service(e->snapshot, key);
		if (has_service ? verify_bar_stands(e, bar, service) : e->now < bar->until)
			return bar;
		bar->used = false;
	}
	return NULL;
}

const struct bar *verify_find_bar(struct engine *e, enum action_id action, uint64_t service)
{
	return find_bar(e, action, true, service);
}

bool flight_is_barred(struct engine *e, enum action_id action, uint64_t service,
		      struct subject subject)
{
	return find_bar(e, action, service != 0, service ? service : subject.key);
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
	if (!has_effect || verify_is_unmovable(flight))
		raise_bar(e, flight);
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

/* A unit that was to take a guest away, and could not: another one's turn is next. */
static bool has_failed_its_target(const struct flight *flight)
{
	const struct outcome *outcome = &flight->outcome;

	return flight->step.action == ACTION_START_UNIT && flight->step.target.path[0] &&
	       outcome->state == OUTCOME_FAILED && !verify_is_innocent(outcome->error);
}

void verify_ended(struct engine *e, struct flight *flight)
{
	const struct outcome *outcome = &flight->outcome;
	int64_t gained = verify_account(flight);
	bool has_gain = actions[flight->step.action].level && flight->step.expected_gain > 0;

	if (has_failed_its_target(flight))
		raise_bar(e, flight);
	if (!has_gain || outcome->state == OUTCOME_CANCELLED || flight->want_cancel ||
	    (outcome->state == OUTCOME_FAILED && verify_is_innocent(outcome->error) &&
	     !verify_is_unmovable(flight)))
		/* Of one that is given up its end is still to be said, if it was not. */
		flight->used = flight->given_up && !flight->cancelled;
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
