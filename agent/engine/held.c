/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/held.h"

#include "act/candidate.h"
#include "core/policy_size.h"
#include "engine/claim.h"
#include "engine/line.h"
#include "engine/placement.h"
#include "util/macro.h"

#include <errno.h>

/* A tick asks for no more: each is a call to systemd or the work of a worker process. */
#define ASKED_MAX	  8
#define BACK_OFF_MIN_USEC (1 * USEC_PER_SEC)
#define BACK_OFF_MAX_USEC (10 * USEC_PER_MIN)
/* Processes that keep coming with another score are met no more often than this. */
#define SCORE_BACK_OFF_MAX_USEC (60 * USEC_PER_SEC)
#define SCORE_CALM_USEC		(5 * USEC_PER_MIN)
/* What cannot be known or done for now. */
#define PUT_OFF_USEC (30 * USEC_PER_SEC)

static const char *const why_unprotected = "the cgroups above it grant less: MemoryMin= and "
					   "MemoryLow= count as far as each slice above "
					   "has them too";

static void note_due(struct keeper *k, usec_t due)
{
	k->due = MIN_OF(k->due, due);
}

static void note(const struct look *l, enum note_kind kind, const char *why)
{
	plan_add_note(l->e->plan, (struct note){
					  .kind = kind,
					  .rule = RULE_NONE,
					  .subject = { SCOPE_SERVICE, l->on.key },
					  .expected = l->wanted.number,
					  .gained = l->actual_known ? l->actual.number : 0,
					  .setting = l->on.id,
					  .policy = l->service->policy,
					  .why = why,
				  });
}

static void refuse(const struct look *l, enum refusal why)
{
	plan_add_refusal(l->e->plan, (struct refusal_note){
					     .rule = RULE_NONE,
					     .ladder = (size_t)l->on.id,
					     .subject = { SCOPE_SERVICE, l->on.key },
					     .service = l->on.key,
					     .why = why,
				     });
}

static void note_ineffective(const struct look *l, const char *why)
{
	l->held->state = HELD_INEFFECTIVE;
	if (!l->held->told)
		note(l, NOTE_INEFFECTIVE, why);
	l->held->told = true;
}

const char *held_dry_because(const struct look *l)
{
	return line_policy_dry_because(l->e, l->service, l->policy, ACTION_HOLD);
}

/* Two paths may be of one disk: what is in force there is the lower of both. */
static void take_lowest_rate(const struct look *l, struct setting_value *rate)
{
	for (size_t i = 0; i < l->policy->setting_count; i++) {
		const struct policy_setting *other = &l->policy->settings[i];

		if (other->id == l->on.id && other->device_number == l->on.detail)
			rate->number = MIN_OF(rate->number, other->size.number);
	}
}

bool held_resolve(const struct look *l, struct setting_value *ret)
{
	if (l->setting->is_home)
		return placement_home(l->e, l->slot, l->on.id, held_dry_because(l) != NULL, ret);
	if (!policy_setting_resolve(l->setting, l->e->snapshot, l->service, ret))
		return false;
	if (l->on.id == SETTING_IO_WRITE_MAX)
		take_lowest_rate(l, ret);
	return true;
}

static void fill_step(const struct look *l, const char *dry, struct step *step)
{
	step->order = STEP_START;
	step->action = ACTION_HOLD;
	step->mode = dry ? MODE_DRY_RUN : MODE_ENFORCE;
	step->mode_from = dry;
	step->rule = RULE_NONE;
	step->owner = l->policy->name;
	step->subject = (struct subject){ SCOPE_SERVICE, l->on.key };
	candidate_set_target(step, l->service);
	step->setting.on = l->on;
	step->setting.wanted = l->wanted;
	step->setting.was = l->actual;
	step->setting.was_known = l->actual_known;
	step->setting.owner = l->service->owner;
	step->setting.is_v1 = l->e->snapshot->host.memory_is_v1;
	step->is_again = l->held->tries > 0;
	step->planned_at = l->e->now;
	step->id = ++l->e->last_step;
}

static bool has_room(const struct look *l, bool dry)
{
	const struct keeper *k = &l->e->keeper;
	/* The same workers carry out what rules ask for, which may be urgent. */
	size_t most = engine_is_alert(l->e) ? 1 : HOLDS_MAX;

	if (!dry && k->hold_count >= most)
		return false;
	/* There is no next tick that the others could wait for. */
	return k->asked < ASKED_MAX || l->e->snapshot->single;
}

static void note_left(const struct look *l)
{
	struct keeper *k = &l->e->keeper;

	if (k->left++ == 0)
		k->cursor = l->slot;
}

/* True: it is to be looked at again. */
static bool ask(const struct look *l)
{
	struct keeper *k = &l->e->keeper;
	const char *dry = held_dry_because(l);
	struct step *step = has_room(l, dry != NULL) ? plan_add_step(l->e->plan) : NULL;

	if (!step) {
		note_left(l);
		return true;
	}
	fill_step(l, dry, step);
	k->asked++;
	l->held->wanted = l->wanted.number;
	l->held->state = dry ? HELD_SAID : HELD_RUNNING;
	l->held->released &= dry != NULL;
	for (size_t i = 0; !dry && i < HOLDS_MAX; i++)
		if (k->holds[i].step == 0) {
			k->holds[i] = (struct hold){
				.step = step->id,
				.slot = (uint32_t)l->slot,
				.setting = (uint32_t)l->index,
				.heard = l->e->now,
			};
			k->hold_count++;
			break;
		}
	return false;
}

/* Was it asked for? Also what has failed, or does not show, may come into force. */
static bool may_be_set(const struct held *held)
{
	switch ((enum held_state)held->state) {
	case HELD_RUNNING:
	case HELD_TAKEN:
	case HELD_IN_FORCE:
	case HELD_INEFFECTIVE:
	case HELD_WAITING:
		return true;
	case HELD_NEW:
	case HELD_SAID:
	case HELD_FOREIGN:
	case HELD_REFUSED:
	case HELD_PUT_OFF:
		break;
	}
	return false;
}

bool held_give_back(const struct look *l)
{
	struct held *held = l->held;
	struct step *step;

	if (!may_be_set(held))
		return true;
	step = plan_add_step(l->e->plan);
	if (!step)
		return false;
	fill_step(l, NULL, step);
	step->order = STEP_UNDO;
	/* What there was before is on record, and not known here. */
	step->setting.was_known = false;
	*held = (struct held){ 0 };
	return true;
}

static usec_t back_off(uint8_t tries, usec_t most)
{
	usec_t wait = BACK_OFF_MIN_USEC;

	for (uint8_t i = 1; i < tries && wait < most; i++)
		wait *= 2;
	return tries == 0 ? 0 : MIN_OF(wait, most);
}

static void try_later(struct engine *e, struct held *held, usec_t most)
{
	if (held->tries < UINT8_MAX)
		held->tries++;
	held->state = HELD_WAITING;
	held->due = e->now + back_off(held->tries, most);
	note_due(&e->keeper, held->due);
}

/* What it protects is worth no more than what is left of it by the cgroups above. */
static void check_protection(const struct look *l)
{
	enum metric_id metric =
		l->on.id == SETTING_MEMORY_MIN ? METRIC_SERVICE_MIN : METRIC_SERVICE_LOW;
	struct reading effective = l->service->readings[metric_index(metric)];
	int64_t page = (int64_t)l->e->snapshot->host.page_size_bytes;

	if (!setting_get(l->on.id)->is_protection || effective.state != READING_KNOWN ||
	    l->held->told)
		return;
	if (l->wanted.number == SETTING_UNLIMITED || effective.value + page <= l->wanted.number) {
		note(l, NOTE_INEFFECTIVE, why_unprotected);
		l->held->told = true;
	}
}

static void note_in_force(const struct look *l)
{
	struct held *held = l->held;

	/* A dry run has said it, which is once; what is there now need not be of long standing. */
	if (held->state == HELD_SAID)
		return;
	if (!held_is_score(l))
		held->tries = 0;
	if (held->state != HELD_IN_FORCE)
		held->due = l->e->now;
	held->wanted = l->wanted.number;
	held->state = HELD_IN_FORCE;
	check_protection(l);
}

static void note_foreign(const struct look *l)
{
	l->held->state = HELD_FOREIGN;
	note(l, NOTE_FOREIGN, NULL);
}

/* It was in force, and is not. */
static bool judge_change(const struct look *l)
{
	struct held *held = l->held;

	if (!held_is_score(l)) {
		note_foreign(l);
		return false;
	}
	if (l->e->now - held->due >= SCORE_CALM_USEC)
		held->tries = 0;
	if (held->tries == 0)
		return ask(l);
	try_later(l->e, held, SCORE_BACK_OFF_MAX_USEC);
	return true;
}

/* The step has ended well, and the snapshot does not show it. */
static bool judge_taken(const struct look *l)
{
	struct held *held = l->held;

	if (l->e->now < held->due || l->service->sampled_at + HELD_SETTLE_USEC < held->due) {
		note_due(&l->e->keeper, held->due);
		return true;
	}
	if (held->confirmed)
		return judge_change(l);
	note_ineffective(l, held_why_not_taken(l->on.id));
	return false;
}

static bool put_off(const struct look *l, enum refusal why)
{
	if (l->held->state != HELD_PUT_OFF)
		refuse(l, why);
	l->held->state = HELD_PUT_OFF;
	l->held->wanted = l->wanted.number;
	l->held->due = l->e->now + PUT_OFF_USEC;
	return true;
}

/* What is there is something else. */
static bool meet_difference(const struct look *l)
{
	enum refusal why;

	switch ((enum held_state)l->held->state) {
	case HELD_NEW:
	case HELD_WAITING:
	case HELD_PUT_OFF:
		why = held_object_for_now(l);
		return why == REFUSE_COUNT_ ? ask(l) : put_off(l, why);
	case HELD_TAKEN:
		return held_dry_because(l) ? ask(l) : judge_taken(l);
	case HELD_IN_FORCE:
		return held_dry_because(l) ? ask(l) : judge_change(l);
	case HELD_SAID:
	case HELD_RUNNING:
	case HELD_FOREIGN:
	case HELD_INEFFECTIVE:
	case HELD_REFUSED:
		break;
	}
	return false;
}

/* A limit that cannot be read is in force as far as the step said so. */
static bool meet_unshown(const struct look *l)
{
	switch ((enum held_state)l->held->state) {
	case HELD_TAKEN:
		l->held->state = HELD_IN_FORCE;
		return false;
	case HELD_IN_FORCE:
		return false;
	default:
		return meet_difference(l);
	}
}

/* Looks at what is wanted and what is there. True: it is to be looked at again without anything
 * being touched. */
static bool compare(struct look *l)
{
	const char *why;

	if (!held_resolve(l, &l->wanted)) {
		/* Placement looks again by itself. */
		if (l->setting->is_home)
			return false;
		l->held->due = l->e->now + PUT_OFF_USEC;
		return true;
	}
	if (l->held->wanted != l->wanted.number && l->held->state != HELD_NEW &&
	    l->held->state != HELD_FOREIGN)
		*l->held = (struct held){ 0 };
	l->actual_known = held_read(l, &l->actual);
	if (claim_is_on(l->e, &l->on))
		return true;
	if (l->held->state != HELD_FOREIGN && held_crosses(l))
		return held_give_back(l) ? put_off(l, REFUSE_CROSSES) : true;
	why = held_foresee(l);
	if (why && held_lacks_file(l) && held_is_nothing(l)) {
		l->held->wanted = l->wanted.number;
		l->held->state = HELD_IN_FORCE;
		return false;
	}
	if (why) {
		l->held->wanted = l->wanted.number;
		note_ineffective(l, why);
		return false;
	}
	/* What is found may be on its way back still. */
	if (l->held->released && !held_dry_because(l))
		return ask(l);
	if (!held_is_shown(l))
		return meet_unshown(l);
	if (l->actual_known && held_is_same(l, &l->actual, &l->wanted)) {
		note_in_force(l);
		return false;
	}
	/* A service without processes has no scores. */
	if (held_is_score(l) && !l->actual_known)
		return false;
	return meet_difference(l);
}

bool held_consider(struct look *l)
{
	enum refusal why = held_object_to(l->service);
	struct held *held = l->held;
	/* Once for all that its policy says of it. */
	bool is_said = why == REFUSE_COUNT_ || l->index == 0;

	if (held->state == HELD_RUNNING)
		return false;
	if (why == REFUSE_COUNT_ && l->service->protected_unit && !held_is_gift(l->setting))
		why = REFUSE_PROTECTED;
	if (why != REFUSE_COUNT_) {
		if (held->state != HELD_REFUSED && is_said)
			refuse(l, why);
		held->state = HELD_REFUSED;
		return false;
	}
	if (held->state == HELD_REFUSED)
		*held = (struct held){ 0 };
	if (l->e->now < held->due && held->state != HELD_TAKEN) {
		note_due(&l->e->keeper, held->due);
		return true;
	}
	return compare(l);
}

void held_note_paused(const struct look *l)
{
	struct held *held = l->held;
	const char *dry = held_dry_because(l);

	if (held->released && !dry)
		held->due = l->e->now;
	if (held->state == HELD_SAID && !dry)
		held->state = HELD_NEW;
	else if (may_be_set(held))
		held->released |= dry == line_paused_text;
}

void held_note_read_again(struct held *held)
{
	if (held->state == HELD_FOREIGN || held->state == HELD_INEFFECTIVE ||
	    held->state == HELD_WAITING || held->state == HELD_PUT_OFF)
		*held = (struct held){ .released = held->released };
}

/* Refused for good, as far as can be told. */
static bool is_final(int error)
{
	return error == EINVAL || error == ERANGE || error == EOPNOTSUPP || error == ENOSYS;
}

void held_take_done(struct look *l, const struct outcome *outcome)
{
	struct held *held = l->held;
	bool known = outcome->in_force_known;
	uint8_t tries = held->tries;
	const char *why;

	/* Of scores nothing is settled as long as processes come. */
	if (held_is_score(l)) {
		try_later(l->e, held, SCORE_BACK_OFF_MAX_USEC);
		return;
	}
	held->state = HELD_TAKEN;
	held->due = l->e->now + HELD_SETTLE_USEC;
	held->confirmed = known;
	held->tries = 0;
	/* Where a rule asks for something stricter, that is what was read back. */
	if (!known || claim_is_on(l->e, &l->on))
		return;
	l->wanted.number = held->wanted;
	l->actual = outcome->in_force;
	l->actual_known = true;
	if (held_is_same(l, &l->actual, &l->wanted))
		return;
	why = held_why_not_lower(l);
	note_ineffective(l, why ? why : held_why_not_taken(l->on.id));
	if (!why)
		return;
	held->tries = tries;
	try_later(l->e, held, BACK_OFF_MAX_USEC);
}

void held_take_failed(const struct look *l, int error)
{
	if (error == EALREADY)
		note_foreign(l);
	else if (is_final(error))
		note_ineffective(l, "the kernel or systemd refuses it");
	else
		try_later(l->e, l->held, BACK_OFF_MAX_USEC);
}
