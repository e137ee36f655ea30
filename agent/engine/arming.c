/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/arming.h"

#include "engine/arming_place.h"
#include "engine/arming_state.h"
#include "engine/line.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <string.h>

/* The first time: until it is known whether anything falls, and who is there. */
#define SETTLE_USEC	  (3 * USEC_PER_SEC)
#define BACK_OFF_MIN_USEC (1 * USEC_PER_MIN)
#define BACK_OFF_MAX_USEC (60 * USEC_PER_MIN)
/* One that has lived for so long begins anew. */
#define LIVED_USEC (60 * USEC_PER_MIN)
/* How long it may take until the snapshot shows it: services are read in slower rounds. */
#define SHOWN_USEC (60 * USEC_PER_SEC)
/* The executor promises an outcome for every step; systemd gives a unit 90 seconds to start. */
#define SILENCE_USEC (5 * USEC_PER_MIN)
/* What was told to end and is there yet is told again. */
#define ENDING_USEC (2 * USEC_PER_MIN)
/* What was refused for want of something that no event tells of. */
#define AGAIN_USEC (10 * USEC_PER_SEC)
/* The end of one that was killed is seen within a tick or two; on a host that stands still, later.
 */
#define KILLED_USEC (30 * USEC_PER_SEC)

static void enter(const struct engine *e, struct armed *armed, enum armed_state state)
{
	armed->state = (uint8_t)state;
	armed->since = e->now;
	armed->step = 0;
	armed->cancelled = false;
	armed->wanted_since = 0;
}

static void count_try(struct armed *armed)
{
	if (armed->tries < UINT8_MAX)
		armed->tries++;
}

static void fail(const struct engine *e, struct armed *armed, int error)
{
	/* Another reason is said, the next time that it is met. */
	armed->failed = !armed->failed || error == armed->error;
	armed->error = error;
	armed->calm_since = 0;
	count_try(armed);
	enter(e, armed, ARMED_NOT);
}

static void copy_text(char *to, size_t size, const char *from)
{
	struct strbuf b = { .data = to, .size = size };

	strbuf_reset(&b);
	strbuf_add(&b, from);
}

static void keep_failure(const struct engine *e, int error, const char *words)
{
	struct canary_failure *failure = &e->arming->failure;

	failure->error = (uint32_t)error;
	copy_text(failure->words, sizeof(failure->words), words);
}

static void take_outcome(const struct engine *e, struct armed *armed, const struct outcome *outcome)
{
	switch (outcome->state) {
	case OUTCOME_RUNNING:
		break;
	case OUTCOME_DONE:
		enter(e, armed, ARMED_TAKEN);
		break;
	case OUTCOME_FAILED:
		armed->is_ours = false;
		keep_failure(e, outcome->error, outcome->reason);
		fail(e, armed, outcome->error);
		break;
	case OUTCOME_CANCELLED:
		armed->is_ours = false;
		armed->calm_since = 0;
		enter(e, armed, ARMED_NOT);
		break;
	}
}

void arming_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count)
{
	for (size_t c = 0; e->arming && c < CANARIES_MAX; c++) {
		struct armed *armed = &e->arming->canaries[c];

		for (size_t i = 0; armed->used && armed->step != 0 && i < count; i++)
			if (outcomes[i].step == armed->step && !outcomes[i].simulated)
				take_outcome(e, armed, &outcomes[i]);
		if (armed->used && armed->step != 0 && e->now - armed->since >= SILENCE_USEC)
			fail(e, armed, ETIMEDOUT);
	}
}

void arming_note_read_again(struct engine *e)
{
	for (size_t i = 0; e->arming && i < CANARIES_MAX; i++) {
		struct armed *armed = &e->arming->canaries[i];

		armed->tries = armed->told = 0;
		armed->failed = armed->is_told_roused = false;
	}
}

static void wait_until(const struct arming_look *l, usec_t at)
{
	l->e->arming->due = MIN_OF(l->e->arming->due, at);
}

static void refuse(const struct arming_look *l, enum refusal why)
{
	wait_until(l, l->e->now + AGAIN_USEC);
	l->armed->calm_since = l->armed->wanted_since = 0;
	l->armed->plight = (struct canary_plight){ CANARY_REFUSED, why };
	if (l->armed->told == why + 1)
		return;
	l->armed->told = (uint8_t)(why + 1);
	plan_add_refusal(l->e->plan, (struct refusal_note){
					     .rule = RULE_NONE,
					     .subject = { SCOPE_CANARY, l->status->key },
					     .why = why,
				     });
}

static const char *dry_because(const struct arming_look *l)
{
	const struct config *config = l->e->config;

	if (config->paused)
		return line_paused_text;
	if (config->mode != MODE_ENFORCE)
		return "Mode= of the agent";
	if (!line_acts(config, ACTION_KILL))
		return "EnforceActions=";
	return l->section->mode == MODE_ENFORCE ? NULL : "Mode= of the canary";
}

static bool is_another_coming(const struct engine *e)
{
	for (size_t i = 0; i < CANARIES_MAX; i++) {
		const struct armed *armed = &e->arming->canaries[i];

		if (armed->used && (armed->state == ARMED_RUNNING || armed->state == ARMED_TAKEN))
			return true;
	}
	return false;
}

static usec_t wait_of(const struct arming_look *l)
{
	usec_t wait = BACK_OFF_MIN_USEC;

	if (l->e->snapshot->single)
		return 0;
	for (uint8_t i = 1; i < l->armed->tries && wait < BACK_OFF_MAX_USEC; i++)
		wait *= 2;
	return l->armed->tries == 0 ? SETTLE_USEC : MIN_OF(wait, BACK_OFF_MAX_USEC);
}

static void note_wanted(const struct arming_look *l)
{
	struct step_arm *arm = &l->armed->arm;

	copy_text(l->armed->name, sizeof(l->armed->name), l->status->name);
	copy_text(arm->unit, sizeof(arm->unit), l->status->unit);
	copy_text(arm->slice, sizeof(arm->slice), l->status->slice);
	arm->is_group = !l->e->snapshot->host.has_systemd;
	arm->bytes = (uint64_t)l->size;
	arm->has_node = l->status->has_node;
	arm->node = l->status->node;
}

static void fill_step(struct engine *e, const struct armed *armed, struct step *step)
{
	step->action = ACTION_ARM;
	step->mode = MODE_ENFORCE;
	step->rule = RULE_NONE;
	step->owner = armed->name;
	step->subject = (struct subject){ SCOPE_CANARY, armed->key };
	step->target.policy = -1;
	copy_text(step->target.name, sizeof(step->target.name), armed->name);
	step->arm = armed->arm;
	step->gain_metric = METRIC_NONE;
	step->planned_at = e->now;
	step->id = ++e->last_step;
}

static void ask(const struct arming_look *l, const char *dry)
{
	struct step *step = plan_add_step(l->e->plan);

	if (!step) {
		wait_until(l, l->e->now);
		return;
	}
	note_wanted(l);
	fill_step(l->e, l->armed, step);
	step->order = STEP_START;
	step->owner = l->section->name;
	step->mode = dry ? MODE_DRY_RUN : MODE_ENFORCE;
	step->mode_from = dry;
	step->is_again = l->armed->failed;
	enter(l->e, l->armed, dry ? ARMED_SAID : ARMED_RUNNING);
	l->armed->told = 0;
	l->armed->is_told_roused = false;
	if (dry)
		return;
	l->armed->step = step->id;
	l->armed->is_ours = true;
}

/* False: the plan is full. */
static bool end(struct engine *e, struct armed *armed)
{
	struct step *step = plan_add_step(e->plan);

	if (!step)
		return false;
	fill_step(e, armed, step);
	step->order = STEP_UNDO;
	armed->calm_since = 0;
	enter(e, armed, ARMED_ENDING);
	return true;
}

static void cancel(const struct arming_look *l)
{
	struct step *step = l->armed->cancelled ? NULL : plan_add_step(l->e->plan);

	if (!step)
		return;
	fill_step(l->e, l->armed, step);
	step->order = STEP_CANCEL;
	step->id = l->armed->step;
	l->armed->cancelled = true;
}

/* A place that is not calm for longer than the canary would have rested anyway: an operator who
 * counts on the canary has to know, and no other record says so. Once until it is armed. */
static void tell_roused(const struct arming_look *l, usec_t wait)
{
	const usec_t since = l->e->clock + 1 - l->armed->wanted_since;
	const usec_t patience = wait + BACK_OFF_MIN_USEC;

	l->armed->plight.wait = CANARY_ROUSED;
	if (l->armed->is_told_roused)
		return;
	if (since < patience) {
		wait_until(l, l->e->now + patience - since);
		return;
	}
	l->armed->is_told_roused = true;
	plan_add_refusal(l->e->plan, (struct refusal_note){
					     .rule = RULE_NONE,
					     .subject = { SCOPE_CANARY, l->status->key },
					     .why = REFUSE_ROUSED,
					     .cause = arming_rouser(l),
				     });
}

/* In earnest. */
static void ask_in_time(const struct arming_look *l)
{
	usec_t wait = wait_of(l), calm;

	if (l->armed->wanted_since == 0)
		l->armed->wanted_since = l->e->clock + 1;
	if (!arming_is_calm(l)) {
		l->armed->calm_since = 0;
		tell_roused(l, wait);
		return;
	}
	l->armed->plight = l->armed->failed ? (struct canary_plight){ CANARY_FAILED,
								      (uint32_t)l->armed->error }
					    : (struct canary_plight){ CANARY_RESTS, 0 };
	if (l->armed->calm_since == 0)
		l->armed->calm_since = l->e->clock + 1;
	calm = l->e->clock + 1 - l->armed->calm_since;
	if (calm < wait)
		wait_until(l, l->e->now + wait - calm);
	else if (!is_another_coming(l->e))
		ask(l, NULL);
}

static bool holds_enough(const struct arming_look *l)
{
	return canary_holds_enough((uint64_t)l->held, (uint64_t)l->size);
}

static void consider_unarmed(const struct arming_look *l)
{
	const char *dry = dry_because(l);
	enum refusal why;

	/* Of one that another agent holds nothing is to be said, and nothing done to it. */
	if (l->held > 0) {
		if (l->size > 0 && holds_enough(l))
			enter(l->e, l->armed, ARMED_HELD);
		return;
	}
	/* How large it is to be is not known yet. */
	if (l->size == 0 && arming_is_somewhere(l))
		return;
	if (dry)
		l->armed->plight.wait = CANARY_REHEARSED;
	if (dry && l->armed->state == ARMED_SAID)
		return;
	why = arming_object(l);
	if (why != REFUSE_COUNT_)
		refuse(l, why);
	else if (dry)
		ask(l, dry);
	else
		ask_in_time(l);
}

/* As the configuration, or the host, would have it now? */
static bool is_as_wanted(const struct arming_look *l)
{
	const struct step_arm *arm = &l->armed->arm;
	int64_t apart = (int64_t)arm->bytes - l->size;

	return (l->size == 0 ||
		(apart <= l->size / CANARY_APART_PART && -apart <= l->size / CANARY_APART_PART)) &&
	       strcmp(arm->slice, l->status->slice) == 0;
}

/* What it held on a node that is gone the kernel has put on others. */
static bool is_misplaced(const struct arming_look *l)
{
	return l->status->service != 0 && !arming_is_somewhere(l);
}

static void consider_held(const struct arming_look *l)
{
	bool is_misplaced_now = l->armed->is_ours && is_misplaced(l);

	if (l->held == 0 && !is_misplaced_now) {
		l->armed->is_ours = false;
		enter(l->e, l->armed, ARMED_NOT);
		return;
	}
	if (l->armed->is_ours && (is_misplaced_now || dry_because(l) || !is_as_wanted(l)) &&
	    !end(l->e, l->armed))
		wait_until(l, l->e->now);
}

static void consider_taken(const struct arming_look *l)
{
	if (holds_enough(l)) {
		l->armed->failed = false;
		enter(l->e, l->armed, ARMED_HELD);
		return;
	}
	wait_until(l, l->armed->since + SHOWN_USEC);
	/* It said that it holds its memory, and nothing shows it: as where control groups are
	 * mounted at another level than systemd's own. */
	if (l->e->now - l->armed->since < SHOWN_USEC || !end(l->e, l->armed))
		return;
	count_try(l->armed);
	keep_failure(l->e, ENODATA, refusal_text(REFUSE_UNSEEN));
	if (!l->armed->failed)
		plan_add_refusal(l->e->plan, (struct refusal_note){
						     .rule = RULE_NONE,
						     .subject = { SCOPE_CANARY, l->status->key },
						     .why = REFUSE_UNSEEN,
					     });
	l->armed->failed = true;
	l->armed->error = ENODATA;
}

static void consider_ending(const struct arming_look *l)
{
	wait_until(l, l->armed->since + ENDING_USEC);
	if (l->status->service == 0 || (l->held == 0 && !is_misplaced(l))) {
		l->armed->is_ours = false;
		enter(l->e, l->armed, ARMED_NOT);
	} else if (l->e->now - l->armed->since >= ENDING_USEC) {
		(void)end(l->e, l->armed);
	}
}

/* Has a step of this agent done it? What it freed is often seen before its end is. */
static bool was_killed_by_us(const struct arming_look *l)
{
	return l->armed->killed != 0 && l->e->now - l->armed->killed < KILLED_USEC;
}

static int64_t count_of(const struct arming_look *l, enum metric_id id)
{
	return (int64_t)reading_amount(l->status->readings[metric_index(id)]);
}

static void note_death(const struct arming_look *l, bool by_kernel)
{
	plan_add_note(l->e->plan, (struct note){
					  .kind = NOTE_CANARY_DIED,
					  .rule = RULE_NONE,
					  .subject = { SCOPE_CANARY, l->status->key },
					  .policy = -1,
					  .expected = (int64_t)l->armed->arm.bytes,
					  .by_kernel = by_kernel,
				  });
}

/* That it was the kernel may come out a little later. */
static void look_for_death(const struct arming_look *l)
{
	int64_t deaths = count_of(l, METRIC_CANARY_DEATHS);
	int64_t kills = count_of(l, METRIC_CANARY_KERNEL_KILLS);
	bool has_died = deaths > l->armed->deaths, by_kernel = kills > l->armed->kernel_kills;

	l->armed->deaths = deaths;
	l->armed->kernel_kills = kills;
	if (by_kernel || (has_died && !was_killed_by_us(l)))
		note_death(l, by_kernel);
	if (!has_died)
		return;
	if (l->armed->state == ARMED_HELD && l->e->now - l->armed->since >= LIVED_USEC)
		l->armed->tries = 0;
	count_try(l->armed);
	l->armed->calm_since = 0;
	l->armed->is_ours = false;
	l->armed->killed = 0;
	enter(l->e, l->armed, ARMED_NOT);
}

static void consider(const struct arming_look *l)
{
	look_for_death(l);
	l->armed->plight = (struct canary_plight){ CANARY_WAITS_NOT, 0 };
	switch ((enum armed_state)l->armed->state) {
	case ARMED_NOT:
	case ARMED_SAID:
		consider_unarmed(l);
		break;
	case ARMED_RUNNING:
		/* That memory falls as it takes it may well rouse one for a moment. */
		if (arming_is_roused(l) || dry_because(l))
			cancel(l);
		break;
	case ARMED_TAKEN:
		consider_taken(l);
		break;
	case ARMED_HELD:
		consider_held(l);
		break;
	case ARMED_ENDING:
		consider_ending(l);
		break;
	}
}

static bool look_of(struct engine *e, const struct canary_status *status, struct arming_look *ret)
{
	*ret = (struct arming_look){
		.e = e,
		.status = status,
		.armed = arming_find(e->arming, status->key, true),
	};
	if (!ret->armed || status->section >= e->config->canary_count)
		return false;
	ret->section = &e->config->canaries[status->section];
	ret->armed->is_here = true;
	ret->size = count_of(ret, METRIC_CANARY_SIZE);
	ret->held = count_of(ret, METRIC_CANARY_HELD);
	return true;
}

/* Of the canaries of a configuration before this one, or of a node that is gone, nobody wants what
 * they hold. */
static void end_others(struct engine *e)
{
	for (size_t i = 0; i < CANARIES_MAX; i++) {
		struct armed *armed = &e->arming->canaries[i];

		if (!armed->used || armed->is_here)
			continue;
		if (armed->is_ours && armed->state != ARMED_ENDING && !end(e, armed))
			e->arming->due = e->now;
		else
			armed->used = false;
	}
}

/* Of this tick's steps: whose end is ordered. */
static void note_kills(struct engine *e)
{
	for (size_t i = 0; i < e->plan->step_count; i++) {
		const struct step *step = &e->plan->steps[i];

		if (step->action != ACTION_KILL || !step->kill.is_canary ||
		    step->order != STEP_START || step->mode != MODE_ENFORCE)
			continue;
		for (size_t c = 0; c < CANARIES_MAX; c++) {
			struct armed *armed = &e->arming->canaries[c];

			if (armed->used && strcmp(armed->name, step->target.name) == 0)
				armed->killed = e->now;
		}
	}
}

void arming_keep(struct engine *e)
{
	const struct snapshot *s = e->snapshot;

	if (!e->arming)
		return;
	e->arming->due = USEC_INFINITY;
	for (size_t i = 0; i < CANARIES_MAX; i++)
		e->arming->canaries[i].is_here = false;
	for (size_t i = 0; i < s->canary_count; i++) {
		struct arming_look look;

		if (look_of(e, &s->canaries[i], &look))
			consider(&look);
	}
	end_others(e);
	note_kills(e);
}

usec_t arming_due(const struct engine *e)
{
	return e->arming ? e->arming->due : USEC_INFINITY;
}

bool arming_is_at_rest(const struct engine *e)
{
	return !e->arming || !is_another_coming(e);
}
