/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/holdings.h"

#include "engine/drop_in.h"
#include "engine/entry.h"
#include "engine/holdings_sweep.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What cannot be given back is tried again, first after so long and then each time after twice as
 * long. */
#define RETRY_USEC     (1 * USEC_PER_SEC)
#define RETRY_MAX_USEC (60 * USEC_PER_SEC)

int holdings_new(const struct remedy_env *env, struct holdings **ret)
{
	struct holdings *holdings = calloc(1, sizeof(*holdings));

	if (!holdings)
		return -ENOMEM;
	holdings->env = env;
	*ret = holdings;
	return 0;
}

struct holdings *holdings_free(struct holdings *holdings)
{
	free(holdings);
	return NULL;
}

struct ledger *holdings_ledger(const struct holdings *holdings)
{
	return holdings->ledger;
}

static void set_due(struct holdings *h, size_t entry, usec_t at, unsigned tries)
{
	struct holding *holding = &h->each[entry];

	h->due_count += !holding->due;
	h->new_count -= holding->due && holding->tries == 0;
	h->new_count += tries == 0;
	holding->due = true;
	holding->tries = (uint8_t)MIN_OF(tries, 32U);
	holding->at = at;
}

/* Somebody else has seen to what this step was to do, or will. */
static void note_outdone(struct holdings *h, size_t entry)
{
	uint64_t step = h->each[entry].step;

	h->each[entry].step = 0;
	if (step != 0 && h->outdone_count < ARRAY_SIZE(h->outdone))
		h->outdone[h->outdone_count++] = step;
}

uint64_t holdings_next_outdone(struct holdings *h)
{
	return h->outdone_count > 0 ? h->outdone[--h->outdone_count] : 0;
}

static void set_done(struct holdings *h, size_t entry)
{
	note_outdone(h, entry);
	struct holding *holding = &h->each[entry];

	h->due_count -= holding->due;
	h->new_count -= holding->due && holding->tries == 0;
	*holding = (struct holding){ .busy = holding->busy };
}

void holdings_forget(struct holdings *h, size_t entry)
{
	ledger_forget(h->ledger, entry);
	set_done(h, entry);
}

static void set_due_if_unlike(struct holdings *h, size_t entry, usec_t now)
{
	enum entry_state state = ledger_state(h->ledger, entry);

	if (state == ENTRY_INTENDED || state == ENTRY_RETURNING)
		set_due(h, entry, now, 0);
	else
		set_done(h, entry);
}

void holdings_set_ledger(struct holdings *h, struct ledger *ledger, usec_t now)
{
	bool had_one = h->ledger;

	h->ledger = ledger;
	h->due_count = h->new_count = 0;
	if (had_one)
		memset(h->each, 0, sizeof(h->each));
	for (ssize_t i = ledger ? ledger_next(ledger, 0) : -1; i >= 0;
	     i = ledger_next(ledger, (size_t)i + 1))
		set_due_if_unlike(h, (size_t)i, now);
}

void holdings_owner(const struct step *step, struct claim_owner *ret)
{
	*ret = (struct claim_owner){ .kind = step->rule == RULE_NONE ? CLAIM_POLICY : CLAIM_REMEDY,
				     .scope = step->subject.scope,
				     .subject_key = step->subject.key };
	if (step->owner)
		(void)snprintf(ret->name, sizeof(ret->name), "%s", step->owner);
	else if (step->rule != RULE_NONE)
		(void)snprintf(ret->name, sizeof(ret->name), "rule %zu", step->rule);
}

/* systemd makes the file of a controller that nobody asked for so far: there is no limit. */
static bool has_nothing_yet(const struct step_setting *setting, int error)
{
	return setting->owner == OWNER_SYSTEMD && setting_get(setting->on.id)->property &&
	       (error == -ENOENT || error == -ENODATA);
}

static const char *unreadable(int error)
{
	switch (error) {
	case -ESTALE:
		return "another control group has that name now";
	case -EDOM:
		return "somebody else has said which CPUs it may run on";
	case -ENOENT:
	case -EOPNOTSUPP:
		return "this kernel has no such setting here";
	default:
		return "what is set now cannot be read, so it could not be given back";
	}
}

static bool find_value(const struct ledger_entry *entry, const struct claim_owner *owner,
		       struct setting_value *ret)
{
	for (size_t i = 0; i < entry->claim_count; i++)
		if (claim_owner_equal(&entry->claims[i].owner, owner)) {
			*ret = entry->claims[i].value;
			return true;
		}
	return false;
}

/* What is there already of the entry that the step is about. 0; -errno and why it is refused. */
static int look_at_entry(struct holdings *h, const struct step *step,
			 const struct setting_value *now, struct hold *hold,
			 const char **ret_reason)
{
	ssize_t found = ledger_find(h->ledger, &step->setting.on);
	const struct ledger_entry *entry;

	if (found < 0)
		return 0;
	if (step->action == ACTION_FREEZE) {
		*ret_reason = "it is frozen already";
		return -EALREADY;
	}
	entry = ledger_get(h->ledger, (size_t)found);
	hold->had_value = find_value(entry, &hold->owner, &hold->value);
	if (entry->state != ENTRY_SET || entry_is_per_process(entry->on.id))
		return 0;
	if (ledger_holds(entry->on.id, &entry->found, now)) {
		/* What was asked for has never come to that: it is asked for anew. */
		if (!ledger_holds(entry->on.id, &entry->intended, now))
			ledger_doubt(h->ledger, (size_t)found);
		return 0;
	}
	if (ledger_is_ours(entry, now)) {
		ledger_doubt(h->ledger, (size_t)found);
		return 0;
	}
	/* Somebody has it since. A policy respects that, as long as the cgroup is the same and the
	 * operator has said nothing. */
	if (step->rule == RULE_NONE && !h->each[found].yields) {
		*ret_reason = entry_foreign_text;
		return -EALREADY;
	}
	/* That is the base now. */
	holdings_forget(h, (size_t)found);
	hold->had_value = false;
	return 0;
}

void holdings_take_foreign(struct holdings *h)
{
	for (ssize_t i = h->ledger ? ledger_next(h->ledger, 0) : -1; i >= 0;
	     i = ledger_next(h->ledger, (size_t)i + 1))
		h->each[i].yields = ledger_state(h->ledger, (size_t)i) == ENTRY_SET;
}

static bool would_shrink(const struct step *step, const struct setting_value *now)
{
	return setting_get(step->setting.on.id)->is_limit &&
	       step->setting.wanted.number < now->number;
}

int holdings_claim(struct holdings *h, const struct step *step, const struct snapshot *snapshot,
		   struct hold *ret, const char **ret_reason)
{
	const struct step_setting *setting = &step->setting;
	struct ledger_base base = { .path = step->target.path, .door = setting->owner };
	struct hold hold = { .used = true };
	int r;

	*ret_reason = "there is no record to give it back from";
	if (!h->ledger)
		return -EROFS;
	holdings_owner(step, &hold.owner);
	r = entry_read(h->env->root, h->env->layout, &setting->on, step->target.path, &base.value);
	if (r < 0 && has_nothing_yet(setting, r)) {
		base.value = setting_nothing(setting->on.id);
		r = 0;
	}
	*ret_reason = unreadable(r);
	if (r < 0)
		return r == -EDOM ? -EALREADY : r;
	*ret_reason = "vm.panic_on_oom is set, and a limit that is met would take the host down";
	if (snapshot && snapshot->host.panic_on_oom && would_shrink(step, &base.value))
		return -EPERM;
	r = look_at_entry(h, step, &base.value, &hold, ret_reason);
	if (r < 0)
		return r;
	base.had_drop_in = drop_in_was_there(h->ledger, step);
	*ret_reason = "the record of what is set has no room for it";
	r = ledger_claim(h->ledger, &setting->on, &hold.owner, &setting->wanted, &base,
			 &hold.entry);
	if (r < 0)
		return r;
	hold.overtaken = h->each[hold.entry].step;
	h->each[hold.entry].step = 0;
	set_done(h, hold.entry);
	*ret = hold;
	return r;
}

void holdings_set_busy(struct holdings *h, size_t entry, bool busy)
{
	h->each[entry].busy = busy;
	if (busy)
		ledger_note_asked(h->ledger, entry);
}

bool holdings_is_busy(const struct holdings *h, size_t entry)
{
	return h->each[entry].busy;
}

void holdings_confirm(struct holdings *h, const struct hold *hold,
		      const struct setting_value *asked, const struct setting_value *found,
		      usec_t now)
{
	ledger_confirm(h->ledger, hold->entry, asked, found);
	set_due_if_unlike(h, hold->entry, now);
}

/* Whoever was to write it has failed, at what place is not known. */
static void look_what_is_there(struct holdings *h, size_t i)
{
	const struct ledger_entry *entry = ledger_get(h->ledger, i);
	struct setting_value value;

	if (!entry_is_per_process(entry->on.id) &&
	    entry_read(h->env->root, h->env->layout, &entry->on, entry->path, &value) == 0)
		ledger_note_found(h->ledger, i, &value);
}

void holdings_withdraw(struct holdings *h, const struct hold *hold, usec_t now)
{
	const struct ledger_entry *entry;
	struct setting_target on;
	size_t same;

	if (ledger_state(h->ledger, hold->entry) == ENTRY_FREE)
		return;
	look_what_is_there(h, hold->entry);
	entry = ledger_get(h->ledger, hold->entry);
	on = entry->on;
	/* Given back meanwhile, it stays so. */
	if (find_value(entry, &hold->owner, &(struct setting_value){ 0 })) {
		if (hold->had_value)
			(void)ledger_claim(h->ledger, &on, &hold->owner, &hold->value, NULL, &same);
		else
			(void)ledger_release(h->ledger, hold->entry, &hold->owner);
	}
	set_due_if_unlike(h, hold->entry, now);
}

void holdings_watch(struct holdings *h,
		    void (*told)(void *context, const struct ledger_entry *entry,
				 const struct outcome *outcome),
		    void *context)
{
	h->told = told;
	h->told_context = context;
}

static void tell(const struct holdings *h, size_t entry, const struct outcome *outcome)
{
	if (h->told)
		h->told(h->told_context, ledger_get(h->ledger, entry), outcome);
}

static unsigned rank_of(enum setting_id id)
{
	if (id == SETTING_FREEZE)
		return HOLDINGS_FROZEN;
	if (entry_is_per_process(id))
		return 2;
	return setting_get(id)->scope == SCOPE_SERVICE ? 1 : 3;
}

ssize_t holdings_next_due(const struct holdings *h, unsigned rank, size_t from, usec_t now)
{
	if (h->due_count == 0)
		return -1;
	for (size_t i = from; i < LEDGER_ENTRIES_MAX; i++)
		if (h->each[i].due && !h->each[i].busy && h->each[i].at <= now &&
		    rank_of(ledger_setting(h->ledger, i)) == rank)
			return (ssize_t)i;
	return -1;
}

bool holdings_has_new_due(const struct holdings *h)
{
	return h->new_count > 0;
}

/* The entry is as it should be, or is let go. */
static int settle(struct holdings *h, size_t i, struct outcome *outcome)
{
	outcome->state = OUTCOME_DONE;
	outcome->error = 0;
	tell(h, i, outcome);
	if (ledger_state(h->ledger, i) == ENTRY_RETURNING)
		ledger_forget(h->ledger, i);
	set_done(h, i);
	return 1;
}

static int let_go(struct holdings *h, size_t i, struct outcome *outcome, const char *reason)
{
	outcome->state = OUTCOME_DONE;
	outcome->error = 0;
	(void)snprintf(outcome->reason, sizeof(outcome->reason), "%s", reason);
	tell(h, i, outcome);
	holdings_forget(h, i);
	return 1;
}

/* Asked before what was confirmed is taken back: from then on all that lies between the two counts
 * as ours, on its way. */
static bool is_foreign(const struct holdings *h, size_t i)
{
	const struct ledger_entry *entry = ledger_get(h->ledger, i);
	struct setting_target next;
	struct setting_value now;
	int r;

	if (entry->state != ENTRY_SET || entry_is_per_process(entry->on.id))
		return false;
	r = entry_read(h->env->root, h->env->layout, &entry->on, entry->path, &now);
	if (r == 0)
		return !ledger_is_ours(entry, &now);
	return entry_is_gone(r) && entry_find_next(h->env->layout, entry, &next) == 0 &&
	       entry_is_foreign_next(h->env->root, h->env->layout, entry, &next);
}

int holdings_release(struct holdings *h, size_t entry, const struct claim_owner *owner,
		     uint64_t step, usec_t now)
{
	bool foreign;
	int r;

	if (!h->ledger)
		return -ENOENT;
	foreign = is_foreign(h, entry);
	r = ledger_release(h->ledger, entry, owner);
	if (r != 0)
		return r;
	set_due(h, entry, now, 0);
	/* What nobody waits for takes nobody's place. */
	if (step != 0) {
		note_outdone(h, entry);
		h->each[entry].step = step;
	}
	h->each[entry].is_foreign = foreign;
	return 0;
}

static void fill_remedy(const struct ledger_entry *entry, size_t i, struct remedy *remedy)
{
	struct step *step = &remedy->step;
	struct strbuf name = STRBUF(step->target.name);

	step->order = STEP_UNDO;
	step->action = entry_action(entry);
	step->mode = MODE_ENFORCE;
	step->rule = RULE_NONE;
	step->target.key = entry->on.key;
	step->target.policy = -1;
	(void)snprintf(step->target.path, sizeof(step->target.path), "%s", entry->path);
	strbuf_add_name(&name, entry->path);
	step->setting.on = entry->on;
	step->setting.wanted = entry->intended;
	step->setting.owner = entry->door;
	remedy->claim = i;
	remedy->value = entry->intended;
	remedy->is_undo = true;
}

static void say(const struct ledger_entry *entry, const struct setting_value *value,
		struct outcome *outcome)
{
	struct strbuf out = STRBUF(outcome->reason);

	entry_say(entry, value, &out);
}

int holdings_prepare(struct holdings *h, size_t i, struct remedy *ret, usec_t now)
{
	const struct ledger_entry *entry = ledger_get(h->ledger, i);
	struct outcome *outcome = &ret->outcome;
	enum entry_verdict verdict;

	*ret = (struct remedy){ .started_at = now };
	ret->step.id = outcome->step = h->each[i].step;
	/* From now on it hears of this try; others that come meanwhile have a place of their own.
	 */
	h->each[i].step = 0;
	outcome->state = OUTCOME_RUNNING;
	outcome->is_undo = true;
	outcome->at_usec = now;
	fill_remedy(entry, i, ret);
	if (holdings_pass_on(h, i))
		return let_go(h, i, outcome, entry_passed_text);
	ret->drop_in_goes = drop_in_is_over(h->ledger, i);
	verdict = entry_look(h->env->root, h->env->layout, entry, &outcome->in_force,
			     &outcome->in_force_known);
	if (verdict == ENTRY_TO_WRITE && h->each[i].is_foreign)
		verdict = ENTRY_FOREIGN;
	switch (verdict) {
	case ENTRY_GONE:
		return let_go(h, i, outcome, entry_gone_text);
	case ENTRY_FOREIGN:
		return let_go(h, i, outcome, entry_foreign_text);
	case ENTRY_TO_WRITE:
		return 0;
	case ENTRY_IS_SO:
		break;
	}
	say(entry, &outcome->in_force, outcome);
	if (entry->state == ENTRY_INTENDED)
		ledger_confirm(h->ledger, i, &ret->value, &outcome->in_force);
	return settle(h, i, outcome);
}

static void take_success(struct holdings *h, struct remedy *remedy, usec_t now)
{
	struct outcome *outcome = &remedy->outcome;
	const struct ledger_entry *entry = ledger_get(h->ledger, remedy->claim);
	const struct setting_value *found =
		outcome->in_force_known ? &outcome->in_force : &remedy->value;

	if (outcome->reason[0] == '\0')
		say(entry, found, outcome);
	tell(h, remedy->claim, outcome);
	if (entry->state == ENTRY_RETURNING &&
	    setting_value_equal(entry->on.id, &entry->intended, &remedy->value)) {
		holdings_forget(h, remedy->claim);
		return;
	}
	/* Somebody asked for it again meanwhile, or others still do. */
	ledger_confirm(h->ledger, remedy->claim, &remedy->value, found);
	set_due_if_unlike(h, remedy->claim, now);
}

static void take_failure(struct holdings *h, struct remedy *remedy, int error, usec_t now)
{
	struct holding *holding = &h->each[remedy->claim];
	const struct ledger_entry *entry = ledger_get(h->ledger, remedy->claim);
	unsigned tries = holding->tries + 1U;
	usec_t doubled = tries < 7 ? RETRY_USEC << (tries - 1) : RETRY_MAX_USEC;
	usec_t wait = MIN_OF(doubled, RETRY_MAX_USEC);
	struct setting_value value;
	bool is_known;

	/* Of a unit that is gone systemd says so by taking it; this is about something else. */
	if (entry_is_gone(error) && !entry_sticks(entry)) {
		(void)let_go(h, remedy->claim, &remedy->outcome, entry_gone_text);
		return;
	}
	/* It may have come about all the same. */
	if (!entry_is_per_process(entry->on.id) && entry->state == ENTRY_RETURNING &&
	    entry_look(h->env->root, h->env->layout, entry, &value, &is_known) == ENTRY_IS_SO) {
		say(entry, &value, &remedy->outcome);
		(void)settle(h, remedy->claim, &remedy->outcome);
		return;
	}
	look_what_is_there(h, remedy->claim);
	set_due(h, remedy->claim, now + wait, tries);
	/* Each further time would be no news. */
	if (tries == 1)
		tell(h, remedy->claim, &remedy->outcome);
}

/* A success that the kernel has made something else of is none, nor is one that nobody has seen. */
static int verify(const struct holdings *h, struct remedy *remedy)
{
	const struct ledger_entry *entry = ledger_get(h->ledger, remedy->claim);
	struct outcome *outcome = &remedy->outcome;

	if (entry_is_per_process(entry->on.id))
		return REMEDY_DONE;
	/* All of them are spelled out by the kernel. */
	if (setting_get(entry->on.id)->unit == UNIT_NODES && idset_is_empty(&remedy->value.nodes))
		return REMEDY_DONE;
	if (!outcome->in_force_known)
		(void)entry_look(h->env->root, h->env->layout, entry, &outcome->in_force,
				 &outcome->in_force_known);
	if (!outcome->in_force_known ||
	    ledger_holds(entry->on.id, &remedy->value, &outcome->in_force))
		return REMEDY_DONE;
	outcome->state = OUTCOME_FAILED;
	outcome->error = EAGAIN;
	return -EAGAIN;
}

void holdings_take_result(struct holdings *h, struct remedy *remedy, int result, usec_t now)
{
	remedy->outcome.is_undo = true;
	holdings_set_busy(h, remedy->claim, false);
	if (ledger_state(h->ledger, remedy->claim) == ENTRY_FREE)
		return;
	if (result == REMEDY_DONE && remedy->outcome.state != OUTCOME_CANCELLED)
		result = verify(h, remedy);
	if (result == REMEDY_DONE && remedy->outcome.state != OUTCOME_CANCELLED)
		take_success(h, remedy, now);
	else
		take_failure(h, remedy, result < 0 ? result : -ECANCELED, now);
}

static int add_score(void *record, size_t claim, pid_t pid, uint64_t start_ticks, int base, int set)
{
	struct holdings *h = record;
	const struct ledger_process process = {
		.pid = pid, .start_ticks = start_ticks, .base = (int16_t)base, .set = (int16_t)set
	};
	int r = h->ledger ? ledger_add_process(h->ledger, claim, &process) : -ENOSPC;

	if (r == -EEXIST)
		ledger_set_process(h->ledger, claim, pid, start_ticks, set);
	return r;
}

struct score_visit {
	int (*each)(void *context, pid_t pid, uint64_t start_ticks, int base, int set);
	void *context;
};

static int visit_score(void *context, const struct ledger_process *process)
{
	const struct score_visit *visit = context;

	return visit->each(visit->context, process->pid, process->start_ticks, process->base,
			   process->set);
}

static void each_score(void *record, size_t claim,
		       int (*each)(void *context, pid_t pid, uint64_t start_ticks, int base,
				   int set),
		       void *context)
{
	struct holdings *h = record;
	struct score_visit visit = { each, context };

	if (h->ledger)
		ledger_each_process(h->ledger, claim, visit_score, &visit);
}

struct score_port holdings_score_port(struct holdings *h)
{
	return (struct score_port){ .add = add_score, .each = each_score, .record = h };
}
