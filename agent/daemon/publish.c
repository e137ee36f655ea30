/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/publish.h"

#include "act/action.h"
#include "daemon/notice.h"
#include "explain/sentence.h"
#include "host/pause.h"
#include "sys/journal.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

/* One each kind of record, so that `journalctl MESSAGE_ID=` finds them whatever the wording. */
#define ID_STEP	   "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c11"
#define ID_OUTCOME "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c12"
#define ID_REFUSAL "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c13"
#define ID_NOTE	   "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c14"
#define ID_NOTIFY  "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c15"
#define ID_PAUSED  "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c17"
#define ID_CANARY  "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c18"

int publisher_new_on(int journal_fd, bool to_stderr, struct publisher **ret)
{
	struct publisher *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->journal.fd = journal_fd;
	p->to_stderr = to_stderr;
	*ret = p;
	return 0;
}

int publisher_new(struct publisher **ret)
{
	struct journal journal = { .fd = -1 };
	bool is_there = journal_open(&journal) >= 0;
	int r;

	/* $JOURNAL_STREAM: standard error is the journal; a line there would be a second record. */
	r = publisher_new_on(journal.fd, !is_there || !getenv("JOURNAL_STREAM"), ret);
	if (r < 0)
		journal_done(&journal);
	return r;
}

struct publisher *publisher_free(struct publisher *p)
{
	if (!p)
		return NULL;
	journal_done(&p->journal);
	free(p);
	return NULL;
}

static void report_losses(struct publisher *p)
{
	uint64_t lost = p->journal.dropped + p->lines_lost, own;

	if (lost == p->reported)
		return;
	publish_line(p, LOG_WARNING, "%" PRIu64 " records found no room and are lost",
		     lost - p->reported);
	/* If this one was lost too, it is said again, and not counted. */
	own = p->journal.dropped + p->lines_lost - lost;
	p->reported = own > 0 ? p->reported + own : lost;
}

void publish_line(struct publisher *p, int priority, const char *format, ...)
{
	char text[512];
	struct notice r;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	notice_start(&r, priority, NULL, text);
	notice_send(p, &r);
}

void publish_paused(struct publisher *p, const struct pause_list *paused)
{
	char what[768], text[1024];
	struct strbuf w = STRBUF(what), b = STRBUF(text);
	struct notice r;

	pause_list_describe(paused, &w);
	if (paused->fault[0])
		strbuf_addf(&b,
			    "what is paused cannot be read (%s), so the host counts as paused: "
			    "nothing is acted on",
			    paused->fault);
	else
		strbuf_addf(&b, "paused by the operator, and a dry run: %s", what);
	strbuf_add(&b, "; 'oomwarden resume' ends it");
	notice_start(&r, paused->fault[0] ? LOG_WARNING : LOG_NOTICE, ID_PAUSED, text);
	notice_add(&r, "OOMWARDEN_PAUSED", what);
	notice_send(p, &r);
}

void publish_faults(struct publisher *p, struct diag_list *diags)
{
	for (size_t i = 0; i < diags->count; i++) {
		const struct diag *d = &diags->entries[i];

		publish_line(p, LOG_ERR, "%s:%u:%u: %s", d->file, d->line, d->column, d->message);
	}
	if (diags->dropped)
		publish_line(p, LOG_ERR, "and %zu more faults", diags->dropped);
}

/* Whose it is: a rule's or a policy's. */
static void add_asker_field(struct notice *r, const struct warden *warden, size_t rule, int policy)
{
	const struct config *config = warden_config(warden);

	if (rule != RULE_NONE)
		notice_add(r, "OOMWARDEN_RULE", config->rules[rule].name);
	else if (policy >= 0 && (size_t)policy < config->policies.count)
		notice_add(r, "OOMWARDEN_POLICY", config->policies.policies[policy].name);
}

static void add_value_field(struct notice *r, const char *field, enum setting_id id,
			    const struct setting_value *value)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	setting_value_format(id, value, &b);
	notice_add(r, field, text);
}

/* Giving back goes the other way. */
static void add_setting_fields(struct notice *r, const struct step *step)
{
	const struct step_setting *s = &step->setting;
	const struct setting_value *from = s->was_known ? &s->was : NULL;
	const struct setting_value *to = &s->wanted;

	if (!actions[step->action].sets)
		return;
	if (step->order == STEP_UNDO) {
		to = from;
		from = &s->wanted;
	}
	notice_add(r, "OOMWARDEN_SETTING", setting_get(s->on.id)->name);
	if (to)
		add_value_field(r, "OOMWARDEN_WANTED", s->on.id, to);
	if (from)
		add_value_field(r, "OOMWARDEN_BEFORE", s->on.id, from);
}

static void add_step_fields(struct notice *r, const struct warden *warden, const struct step *step)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	add_asker_field(r, warden, step->rule, step->target.policy);
	if (step->action == ACTION_ARM)
		notice_add(r, "OOMWARDEN_CANARY", step->target.name);
	notice_add(r, "OOMWARDEN_ACTION", actions[step->action].name);
	notice_addf(r, "OOMWARDEN_STEP", "%" PRIu64, step->id);
	notice_add(r, "OOMWARDEN_MODE", mode_name(step->mode));
	if (step->mode_from)
		notice_add(r, "OOMWARDEN_MODE_FROM", step->mode_from);
	explain_subject(warden_snapshot(warden), step->subject, &b);
	notice_add(r, "OOMWARDEN_SUBJECT", text);
	if (step->target.path[0]) {
		notice_add(r, "OOMWARDEN_TARGET", step->target.name);
		notice_add(r, "OOMWARDEN_CGROUP", step->target.path);
	}
	add_setting_fields(r, step);
	if (step->action == ACTION_MIGRATE)
		notice_add(r, "OOMWARDEN_CAUSE", move_cause_name(step->migrate.cause));
	if (step->gain_metric != METRIC_NONE) {
		notice_add(r, "OOMWARDEN_GAIN_METRIC", metric_get(step->gain_metric)->name);
		notice_addf(r, "OOMWARDEN_EXPECTED_BYTES", "%" PRId64, step->expected_gain);
	}
}

static void add_evidence_fields(struct notice *r, const struct step *step)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	explain_evidence(step, &b);
	notice_add(r, "OOMWARDEN_EVIDENCE", text);
	strbuf_reset(&b);
	/* What is called off writes as well where it lasts: a thaw. */
	if (step->order == STEP_START || step->order == STEP_CANCEL)
		actions[step->action].writes(step, &b);
	notice_add(r, "OOMWARDEN_WRITES", text);
}

/* Is it said by its outcome alone? What is notified is a record itself (publish_notify()); what
 * policies hold and what is given back takes a moment, and is one act and one record. */
static bool is_said_by_outcome(const struct step *step)
{
	switch (step->order) {
	case STEP_START:
		break;
	case STEP_CANCEL:
		return step->mode == MODE_ENFORCE;
	case STEP_RESIZE:
	case STEP_UNDO:
		return true;
	}
	return step->mode == MODE_ENFORCE &&
	       (step->action == ACTION_NOTIFY || step->action == ACTION_HOLD ||
		step->action == ACTION_ARM || step->is_again);
}

/* What would follow it. */
static void add_rest_of_ladder(const struct warden *warden, const struct step *step,
			       struct strbuf *out)
{
	const struct rule *rule;

	if (step->rule == RULE_NONE)
		return;
	rule = &warden_config(warden)->rules[step->rule];
	for (size_t l = step->ladder + 1; l < rule->ladder_count; l++)
		strbuf_addf(out, "%s%s",
			    l == step->ladder + 1 ? "; if that were not enough: " : ", ",
			    rule->ladder[l].text);
}

static void publish_step(struct publisher *p, const struct warden *warden, const struct step *step)
{
	bool dry = step->mode == MODE_DRY_RUN;
	char text[768];
	struct strbuf b = STRBUF(text);
	struct notice r;

	if (is_said_by_outcome(step))
		return;
	if (dry)
		strbuf_add(&b, "dry run: ");
	explain_step(warden_config(warden), step, &b);
	if (dry)
		add_rest_of_ladder(warden, step, &b);
	notice_start(&r, dry ? LOG_NOTICE : LOG_WARNING, ID_STEP, text);
	add_step_fields(&r, warden, step);
	add_evidence_fields(&r, step);
	notice_send(p, &r);
}

static void add_move_fields(struct notice *r, const struct outcome *outcome)
{
	const struct page_accounts *pages = &outcome->pages;

	notice_addf(r, "OOMWARDEN_PAGES",
		    "moved=%" PRIu64 " already_there=%" PRIu64 " busy=%" PRIu64 " pinned=%" PRIu64
		    " shared=%" PRIu64 " absent=%" PRIu64 " refused=%" PRIu64 " not_tried=%" PRIu64,
		    pages->moved, pages->already_there, pages->busy, pages->pinned, pages->shared,
		    pages->absent, pages->refused, pages->not_tried);
	notice_addf(r, "OOMWARDEN_LONGEST_CALL_USEC", "%" PRIu64, outcome->longest_call_usec);
	notice_addf(r, "OOMWARDEN_WORKERS", "%u", outcome->workers);
}

static void publish_outcome(struct publisher *p, const struct warden *warden,
			    const struct outcome *outcome)
{
	static const char *const words[] = {
		[OUTCOME_RUNNING] = "running",
		[OUTCOME_DONE] = "done",
		[OUTCOME_FAILED] = "failed",
		[OUTCOME_CANCELLED] = "cancelled",
	};
	const struct step *step = warden_step(warden, outcome->step);
	bool is_trouble = outcome->state == OUTCOME_FAILED || outcome->state == OUTCOME_RUNNING;
	char text[768];
	struct strbuf b = STRBUF(text);
	struct notice r;

	/* Progress is for status, but for trouble; a dry run said all when it was planned. */
	if ((outcome->state == OUTCOME_RUNNING && !outcome->error) || outcome->simulated || !step)
		return;
	if (step->action == ACTION_NOTIFY && outcome->state == OUTCOME_DONE)
		return;
	/* What failed and was said, and fails again. */
	if (step->is_again && outcome->state == OUTCOME_FAILED)
		return;
	explain_step_asker(warden_config(warden), step, &b);
	strbuf_add(&b, ": ");
	explain_outcome(step, outcome, &b);
	notice_start(&r, is_trouble ? LOG_WARNING : LOG_NOTICE, ID_OUTCOME, text);
	add_step_fields(&r, warden, step);
	notice_add(&r, "OOMWARDEN_OUTCOME", words[outcome->state]);
	notice_addf(&r, "OOMWARDEN_DONE_BYTES", "%" PRIu64, outcome->done_bytes);
	add_evidence_fields(&r, step);
	if (actions[step->action].sets && outcome->in_force_known)
		add_value_field(&r, "OOMWARDEN_IN_FORCE", step->setting.on.id, &outcome->in_force);
	if (step->action == ACTION_MIGRATE)
		add_move_fields(&r, outcome);
	if (outcome->error)
		notice_addf(&r, "ERRNO", "%d", outcome->error);
	notice_send(p, &r);
}

/* -1: it is no service, or gone. */
static int policy_of(const struct warden *warden, struct subject subject)
{
	const struct service *service = NULL;

	if (subject.scope == SCOPE_SERVICE)
		service = snapshot_service(warden_snapshot(warden), subject.key);
	return service ? service->policy : -1;
}

static void add_canary_field(struct notice *r, const struct warden *warden, struct subject subject)
{
	const struct canary_status *canary = snapshot_canary(warden_snapshot(warden), subject.key);

	if (canary)
		notice_add(r, "OOMWARDEN_CANARY", canary->name);
}

/* Why a rule's step passes over is said once for all of whom that is true, and for all of its lines
 * that are alike: a crowd of services would make it a hundred records in one tick, when memory is
 * going. */
struct passed_over {
	const struct refusal_note *note; /* the first of them */
	uint64_t services[PLAN_REFUSALS_MAX];
	size_t count;
};

static bool is_alike(const struct config *config, const struct refusal_note *a,
		     const struct refusal_note *b)
{
	const struct rule *rule;

	if (a->rule == RULE_NONE || a->rule != b->rule || a->why != b->why ||
	    a->subject.scope != b->subject.scope || a->subject.key != b->subject.key ||
	    (a->service == 0) != (b->service == 0))
		return false;
	rule = &config->rules[a->rule];
	return rule->ladder[a->ladder].action == rule->ladder[b->ladder].action;
}

static void add_service(struct passed_over *all, uint64_t service)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->services[i] == service)
			return;
	all->services[all->count++] = service;
}

/* False: it was said with one before it. */
static bool gather(const struct config *config, const struct plan *plan, size_t at,
		   struct passed_over *ret)
{
	const struct refusal_note *note = &plan->refusals[at];

	for (size_t i = 0; i < at; i++)
		if (is_alike(config, &plan->refusals[i], note))
			return false;
	ret->note = note;
	ret->count = 0;
	for (size_t i = at; i < plan->refusal_count && note->service != 0; i++)
		if (i == at || is_alike(config, note, &plan->refusals[i]))
			add_service(ret, plan->refusals[i].service);
	return true;
}

/* By each name that finds room whole; how many they are is a field of its own. */
static void add_passed_over_fields(struct notice *r, const struct warden *warden,
				   const struct passed_over *all)
{
	if (all->note->rule == RULE_NONE || all->count == 0)
		return;
	notice_addf(r, "OOMWARDEN_COUNT", "%zu", all->count);
	for (size_t i = 0; i < all->count; i++) {
		const struct service *service =
			snapshot_service(warden_snapshot(warden), all->services[i]);
		char name[256];
		struct strbuf b = STRBUF(name);

		strbuf_add_name(&b, service ? service->name : "");
		if (service && b.length <= sizeof(r->text) - r->used)
			notice_add(r, "OOMWARDEN_TARGET", name);
	}
}

static void publish_refusal(struct publisher *p, const struct warden *warden,
			    const struct passed_over *all)
{
	const struct config *config = warden_config(warden);
	const struct refusal_note *note = all->note;
	char text[768];
	struct strbuf b = STRBUF(text);
	struct notice r;

	explain_refusals(config, warden_snapshot(warden), note, all->services, all->count, &b);
	notice_start(&r, LOG_INFO, ID_REFUSAL, text);
	add_asker_field(&r, warden, note->rule, policy_of(warden, note->subject));
	if (note->subject.scope == SCOPE_CANARY)
		add_canary_field(&r, warden, note->subject);
	if (note->rule == RULE_NONE && note->subject.scope == SCOPE_CANARY)
		notice_add(&r, "OOMWARDEN_ACTION", actions[ACTION_ARM].name);
	else if (note->rule == RULE_NONE)
		notice_add(&r, "OOMWARDEN_SETTING",
			   setting_get((enum setting_id)note->ladder)->name);
	else
		notice_add(&r, "OOMWARDEN_ACTION",
			   actions[config->rules[note->rule].ladder[note->ladder].action].name);
	add_passed_over_fields(&r, warden, all);
	notice_send(p, &r);
}

static void publish_refusals(struct publisher *p, const struct warden *warden,
			     const struct plan *plan)
{
	struct passed_over all;

	for (size_t i = 0; i < plan->refusal_count; i++)
		if (gather(warden_config(warden), plan, i, &all))
			publish_refusal(p, warden, &all);
}

static void add_found_fields(struct notice *r, const struct note *note)
{
	const struct setting *setting = setting_get(note->setting);
	const struct setting_value wanted = { .number = note->expected };
	const struct setting_value found = { .number = note->gained };

	notice_add(r, "OOMWARDEN_SETTING", setting->name);
	if (setting->unit == UNIT_NODES)
		return;
	add_value_field(r, "OOMWARDEN_WANTED", note->setting, &wanted);
	if (note->kind == NOTE_FOREIGN)
		add_value_field(r, "OOMWARDEN_IN_FORCE", note->setting, &found);
}

static void publish_note(struct publisher *p, const struct warden *warden, const struct note *note)
{
	static const int priorities[] = {
		[NOTE_FIRED] = LOG_INFO,	  [NOTE_CLEARED] = LOG_NOTICE,
		[NOTE_EXHAUSTED] = LOG_WARNING,	  [NOTE_NO_EFFECT] = LOG_WARNING,
		[NOTE_SUBJECT_GONE] = LOG_INFO,	  [NOTE_FOREIGN] = LOG_NOTICE,
		[NOTE_INEFFECTIVE] = LOG_WARNING, [NOTE_GAINED] = LOG_INFO,
		[NOTE_CANARY_DIED] = LOG_WARNING,
	};
	char text[512];
	struct strbuf b = STRBUF(text);
	struct notice r;

	explain_note(warden_config(warden), warden_snapshot(warden), note, &b);
	notice_start(&r, priorities[note->kind],
		     note->kind == NOTE_CANARY_DIED ? ID_CANARY : ID_NOTE, text);
	add_asker_field(&r, warden, note->rule, note->policy);
	if (note->subject.scope == SCOPE_CANARY)
		add_canary_field(&r, warden, note->subject);
	if (note->kind == NOTE_CANARY_DIED) {
		notice_add(&r, "OOMWARDEN_KILLED_BY", note->by_kernel ? "kernel" : "other");
		notice_addf(&r, "OOMWARDEN_SIZE_BYTES", "%" PRId64, note->expected);
	}
	if (note->kind == NOTE_FOREIGN || note->kind == NOTE_INEFFECTIVE)
		add_found_fields(&r, note);
	if (note->kind == NOTE_GAINED || note->kind == NOTE_NO_EFFECT) {
		notice_addf(&r, "OOMWARDEN_STEP", "%" PRIu64, note->step);
		notice_addf(&r, "OOMWARDEN_EXPECTED_BYTES", "%" PRId64, note->expected);
		notice_addf(&r, "OOMWARDEN_GAINED_BYTES", "%" PRId64, note->gained);
	}
	notice_send(p, &r);
}

void publish_notify(void *publisher, const struct step *step)
{
	struct publisher *p = publisher;
	char text[768];
	struct strbuf b = STRBUF(text);
	struct notice r;

	explain_step(warden_config(p->warden), step, &b);
	notice_start(&r, LOG_ALERT, ID_NOTIFY, text);
	add_step_fields(&r, p->warden, step);
	add_evidence_fields(&r, step);
	notice_send(p, &r);
}

void publisher_set_warden(struct publisher *p, const struct warden *warden)
{
	p->warden = warden;
}

/* A state that lasts is said once. */
static void report_left_out(struct publisher *p, const struct plan *plan)
{
	size_t left_out = plan->refusals_dropped + plan->notes_dropped;

	if (left_out > 0 && left_out != p->left_out)
		publish_line(p, LOG_NOTICE, "%zu things more were to be said of this round",
			     left_out);
	p->left_out = left_out;
}

void publish_tick(struct publisher *p)
{
	const struct warden *warden = p->warden;
	const struct plan *plan = warden_plan(warden);
	const struct outcome *outcomes;
	size_t n = warden_outcomes(warden, &outcomes);

	for (size_t i = 0; i < n; i++)
		publish_outcome(p, warden, &outcomes[i]);
	for (size_t i = 0; i < plan->note_count; i++)
		publish_note(p, warden, &plan->notes[i]);
	for (size_t i = 0; i < plan->step_count; i++)
		publish_step(p, warden, &plan->steps[i]);
	publish_refusals(p, warden, plan);
	report_left_out(p, plan);
	report_losses(p);
}
