/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/publish.h"

#include "act/action.h"
#include "explain/sentence.h"
#include "host/pause.h"
#include "sys/journal.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>

/* One each kind of record, so that `journalctl MESSAGE_ID=` finds them whatever the wording. */
#define ID_STEP	   "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c11"
#define ID_OUTCOME "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c12"
#define ID_REFUSAL "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c13"
#define ID_NOTE	   "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c14"
#define ID_NOTIFY  "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c15"
#define ID_KERNEL  "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c16"
#define ID_PAUSED  "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c17"

struct publisher {
	struct journal journal;
	bool to_stderr;
	uint64_t lines_lost; /* of standard error */
	uint64_t reported;   /* losses that were said */
	size_t left_out;     /* of the last plan, for want of room in it */
	const struct warden *warden;
};

/* A record under construction: fields point into `text`. */
struct record {
	struct journal_field fields[JOURNAL_FIELDS_MAX];
	size_t count;
	char text[4096];
	size_t used;
	int priority;
};

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

static void add_field(struct record *r, const char *name, const char *value)
{
	size_t length = strlen(value);

	if (r->count == JOURNAL_FIELDS_MAX)
		return;
	length = MIN_OF(length, sizeof(r->text) - r->used);
	memcpy(r->text + r->used, value, length);
	r->fields[r->count++] = (struct journal_field){ name, r->text + r->used, length };
	r->used += length;
}

_printf_(3, 4) static void add_fieldf(struct record *r, const char *name, const char *format, ...)
{
	char value[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(value, sizeof(value), format, ap);
	va_end(ap);
	add_field(r, name, value);
}

static void start_record(struct record *r, int priority, const char *id, const char *message)
{
	r->count = 0;
	r->used = 0;
	r->priority = priority;
	add_field(r, "MESSAGE", message);
	if (id)
		add_field(r, "MESSAGE_ID", id);
	add_fieldf(r, "PRIORITY", "%d", priority);
	add_field(r, "SYSLOG_IDENTIFIER", "oomwardend");
}

static void write_stderr(struct publisher *p, const struct journal_field *message)
{
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
	struct iovec line[2] = {
		{ .iov_base = (void *)(uintptr_t)message->value, .iov_len = message->length },
		{ .iov_base = (char[]){ '\n' }, .iov_len = 1 },
	};

	/* Lines are shorter than PIPE_BUF: a pipe that polls writable takes one whole. */
	if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT) ||
	    writev(STDERR_FILENO, line, 2) < 0)
		p->lines_lost++;
}

static void send_record(struct publisher *p, const struct record *r)
{
	if (p->journal.fd >= 0)
		(void)journal_send(&p->journal, r->fields, r->count);
	if (p->to_stderr)
		write_stderr(p, &r->fields[0]);
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
	struct record r;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	start_record(&r, priority, NULL, text);
	send_record(p, &r);
}

void publish_paused(struct publisher *p, const struct pause_list *paused)
{
	char what[768], text[1024];
	struct strbuf w = STRBUF(what), b = STRBUF(text);
	struct record r;

	pause_list_describe(paused, &w);
	if (paused->fault[0])
		strbuf_addf(&b,
			    "what is paused cannot be read (%s), so the host counts as paused: "
			    "nothing is acted on",
			    paused->fault);
	else
		strbuf_addf(&b, "paused by the operator, and a dry run: %s", what);
	strbuf_add(&b, "; 'oomwarden resume' ends it");
	start_record(&r, paused->fault[0] ? LOG_WARNING : LOG_NOTICE, ID_PAUSED, text);
	add_field(&r, "OOMWARDEN_PAUSED", what);
	send_record(p, &r);
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
static void add_asker_field(struct record *r, const struct warden *warden, size_t rule, int policy)
{
	const struct config *config = warden_config(warden);

	if (rule != RULE_NONE)
		add_field(r, "OOMWARDEN_RULE", config->rules[rule].name);
	else if (policy >= 0 && (size_t)policy < config->policies.count)
		add_field(r, "OOMWARDEN_POLICY", config->policies.policies[policy].name);
}

static void add_value_field(struct record *r, const char *field, enum setting_id id,
			    const struct setting_value *value)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	setting_value_format(id, value, &b);
	add_field(r, field, text);
}

/* Giving back goes the other way. */
static void add_setting_fields(struct record *r, const struct step *step)
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
	add_field(r, "OOMWARDEN_SETTING", setting_get(s->on.id)->name);
	if (to)
		add_value_field(r, "OOMWARDEN_WANTED", s->on.id, to);
	if (from)
		add_value_field(r, "OOMWARDEN_BEFORE", s->on.id, from);
}

static void add_step_fields(struct record *r, const struct warden *warden, const struct step *step)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	add_asker_field(r, warden, step->rule, step->target.policy);
	add_field(r, "OOMWARDEN_ACTION", actions[step->action].name);
	add_fieldf(r, "OOMWARDEN_STEP", "%" PRIu64, step->id);
	add_field(r, "OOMWARDEN_MODE", mode_name(step->mode));
	if (step->mode_from)
		add_field(r, "OOMWARDEN_MODE_FROM", step->mode_from);
	explain_subject(warden_snapshot(warden), step->subject, &b);
	add_field(r, "OOMWARDEN_SUBJECT", text);
	if (step->target.path[0]) {
		add_field(r, "OOMWARDEN_TARGET", step->target.name);
		add_field(r, "OOMWARDEN_CGROUP", step->target.path);
	}
	add_setting_fields(r, step);
	if (step->action == ACTION_MIGRATE)
		add_field(r, "OOMWARDEN_CAUSE", move_cause_name(step->migrate.cause));
	if (step->gain_metric != METRIC_NONE) {
		add_field(r, "OOMWARDEN_GAIN_METRIC", metric_get(step->gain_metric)->name);
		add_fieldf(r, "OOMWARDEN_EXPECTED_BYTES", "%" PRId64, step->expected_gain);
	}
}

static void add_evidence_fields(struct record *r, const struct step *step)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	explain_evidence(step, &b);
	add_field(r, "OOMWARDEN_EVIDENCE", text);
	strbuf_reset(&b);
	/* What is called off writes as well where it lasts: a thaw. */
	if (step->order == STEP_START || step->order == STEP_CANCEL)
		actions[step->action].writes(step, &b);
	add_field(r, "OOMWARDEN_WRITES", text);
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
	       (step->action == ACTION_NOTIFY || step->action == ACTION_HOLD || step->is_again);
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
	struct record r;

	if (is_said_by_outcome(step))
		return;
	if (dry)
		strbuf_add(&b, "dry run: ");
	explain_step(warden_config(warden), step, &b);
	if (dry)
		add_rest_of_ladder(warden, step, &b);
	start_record(&r, dry ? LOG_NOTICE : LOG_WARNING, ID_STEP, text);
	add_step_fields(&r, warden, step);
	add_evidence_fields(&r, step);
	send_record(p, &r);
}

static void add_move_fields(struct record *r, const struct outcome *outcome)
{
	const struct page_accounts *pages = &outcome->pages;

	add_fieldf(r, "OOMWARDEN_PAGES",
		   "moved=%" PRIu64 " already_there=%" PRIu64 " busy=%" PRIu64 " pinned=%" PRIu64
		   " shared=%" PRIu64 " absent=%" PRIu64 " refused=%" PRIu64 " not_tried=%" PRIu64,
		   pages->moved, pages->already_there, pages->busy, pages->pinned, pages->shared,
		   pages->absent, pages->refused, pages->not_tried);
	add_fieldf(r, "OOMWARDEN_LONGEST_CALL_USEC", "%" PRIu64, outcome->longest_call_usec);
	add_fieldf(r, "OOMWARDEN_WORKERS", "%u", outcome->workers);
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
	struct record r;

	/* Progress is for status, but for trouble; a dry run said all when it was planned. */
	if ((outcome->state == OUTCOME_RUNNING && !outcome->error) || outcome->simulated || !step)
		return;
	if (step->action == ACTION_NOTIFY && outcome->state == OUTCOME_DONE)
		return;
	/* What failed and was said, and fails again. */
	if (step->is_again && outcome->state == OUTCOME_FAILED)
		return;
	explain_asker(warden_config(warden), step->rule, step->target.policy, &b);
	strbuf_add(&b, ": ");
	explain_outcome(step, outcome, &b);
	start_record(&r, is_trouble ? LOG_WARNING : LOG_NOTICE, ID_OUTCOME, text);
	add_step_fields(&r, warden, step);
	add_field(&r, "OOMWARDEN_OUTCOME", words[outcome->state]);
	add_fieldf(&r, "OOMWARDEN_DONE_BYTES", "%" PRIu64, outcome->done_bytes);
	add_evidence_fields(&r, step);
	if (actions[step->action].sets && outcome->in_force_known)
		add_value_field(&r, "OOMWARDEN_IN_FORCE", step->setting.on.id, &outcome->in_force);
	if (step->action == ACTION_MIGRATE)
		add_move_fields(&r, outcome);
	if (outcome->error)
		add_fieldf(&r, "ERRNO", "%d", outcome->error);
	send_record(p, &r);
}

/* -1: it is no service, or gone. */
static int policy_of(const struct warden *warden, struct subject subject)
{
	const struct service *service = NULL;

	if (subject.scope == SCOPE_SERVICE)
		service = snapshot_service(warden_snapshot(warden), subject.key);
	return service ? service->policy : -1;
}

static void publish_refusal(struct publisher *p, const struct warden *warden,
			    const struct refusal_note *note)
{
	const struct config *config = warden_config(warden);
	char text[512];
	struct strbuf b = STRBUF(text);
	struct record r;

	explain_refusal(config, warden_snapshot(warden), note, &b);
	start_record(&r, LOG_INFO, ID_REFUSAL, text);
	add_asker_field(&r, warden, note->rule, policy_of(warden, note->subject));
	if (note->rule == RULE_NONE)
		add_field(&r, "OOMWARDEN_SETTING",
			  setting_get((enum setting_id)note->ladder)->name);
	else
		add_field(&r, "OOMWARDEN_ACTION",
			  actions[config->rules[note->rule].ladder[note->ladder].action].name);
	send_record(p, &r);
}

static void add_found_fields(struct record *r, const struct note *note)
{
	const struct setting *setting = setting_get(note->setting);
	const struct setting_value wanted = { .number = note->expected };
	const struct setting_value found = { .number = note->gained };

	add_field(r, "OOMWARDEN_SETTING", setting->name);
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
	};
	char text[512];
	struct strbuf b = STRBUF(text);
	struct record r;

	explain_note(warden_config(warden), warden_snapshot(warden), note, &b);
	start_record(&r, priorities[note->kind], ID_NOTE, text);
	add_asker_field(&r, warden, note->rule, note->policy);
	if (note->kind == NOTE_FOREIGN || note->kind == NOTE_INEFFECTIVE)
		add_found_fields(&r, note);
	if (note->kind == NOTE_GAINED || note->kind == NOTE_NO_EFFECT) {
		add_fieldf(&r, "OOMWARDEN_STEP", "%" PRIu64, note->step);
		add_fieldf(&r, "OOMWARDEN_EXPECTED_BYTES", "%" PRId64, note->expected);
		add_fieldf(&r, "OOMWARDEN_GAINED_BYTES", "%" PRId64, note->gained);
	}
	send_record(p, &r);
}

void publish_notify(void *publisher, const struct step *step)
{
	struct publisher *p = publisher;
	char text[768];
	struct strbuf b = STRBUF(text);
	struct record r;

	explain_step(warden_config(p->warden), step, &b);
	start_record(&r, LOG_ALERT, ID_NOTIFY, text);
	add_step_fields(&r, p->warden, step);
	add_evidence_fields(&r, step);
	send_record(p, &r);
}

static const char *constraint_name(enum oom_constraint constraint)
{
	static const char *const names[] = {
		[OOM_CONSTRAINT_UNKNOWN] = "unknown",
		[OOM_CONSTRAINT_NONE] = "host",
		[OOM_CONSTRAINT_CPUSET] = "cpuset",
		[OOM_CONSTRAINT_MEMORY_POLICY] = "memory-policy",
		[OOM_CONSTRAINT_MEMCG] = "cgroup-limit",
	};

	return names[constraint];
}

static void tell_kill(const struct kernel_event *event, struct strbuf *out)
{
	static const char *const wants[] = {
		[OOM_CONSTRAINT_UNKNOWN] = "",
		[OOM_CONSTRAINT_NONE] = ": the host was out of memory",
		[OOM_CONSTRAINT_CPUSET] = ": the nodes of its cpuset were out of memory",
		[OOM_CONSTRAINT_MEMORY_POLICY] =
			": the nodes of a memory policy were out of memory",
		[OOM_CONSTRAINT_MEMCG] = ": a cgroup was at its limit",
	};

	strbuf_addf(out, "the kernel's OOM killer took process %d (", (int)event->pid);
	strbuf_add_name(out, event->comm);
	strbuf_add_char(out, ')');
	if (event->cgroup_known) {
		strbuf_add(out, " of /");
		strbuf_add_name(out, event->cgroup);
	}
	strbuf_add(out, wants[event->constraint]);
}

static void tell_failure(const struct kernel_event *event, struct strbuf *out)
{
	strbuf_addf(out, "the kernel reports a failed allocation of order %u, made by ",
		    event->order);
	strbuf_add_name(out, event->comm);
}

static void add_name_field(struct record *r, const char *field, const char *name)
{
	char text[KERNEL_EVENT_CGROUP_BYTES * 2];
	struct strbuf b = STRBUF(text);

	strbuf_add_name(&b, name);
	add_field(r, field, text);
}

static void publish_kernel_event(struct publisher *p, const struct kernel_event *event)
{
	bool killed = event->kind == KERNEL_EVENT_OOM_KILL;
	char text[KERNEL_EVENT_CGROUP_BYTES * 2];
	struct strbuf b = STRBUF(text);
	struct record r;

	if (killed)
		tell_kill(event, &b);
	else
		tell_failure(event, &b);
	start_record(&r, LOG_WARNING, ID_KERNEL, text);
	add_field(&r, "OOMWARDEN_KERNEL_EVENT", killed ? "oom-kill" : "allocation-failure");
	add_name_field(&r, "OOMWARDEN_COMM", event->comm);
	add_fieldf(&r, "OOMWARDEN_KERNEL_USEC", "%" PRIu64, event->at_usec);
	if (killed) {
		add_fieldf(&r, "OOMWARDEN_PID", "%d", (int)event->pid);
		add_field(&r, "OOMWARDEN_CONSTRAINT", constraint_name(event->constraint));
	} else {
		add_fieldf(&r, "OOMWARDEN_ORDER", "%u", event->order);
	}
	if (event->cgroup_known)
		add_name_field(&r, "OOMWARDEN_CGROUP", event->cgroup);
	send_record(p, &r);
}

void publish_kernel_events(struct publisher *p, struct warden *warden)
{
	struct kernel_event event;

	while (warden_next_kernel_event(warden, &event)) {
		if (event.dropped_before > 0)
			publish_line(p, LOG_WARNING,
				     "the kernel killed or failed %u times more at once",
				     event.dropped_before);
		publish_kernel_event(p, &event);
	}
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
	for (size_t i = 0; i < plan->refusal_count; i++)
		publish_refusal(p, warden, &plan->refusals[i]);
	report_left_out(p, plan);
	report_losses(p);
}
