/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/sentence.h"

#include "act/action.h"
#include "util/macro.h"

#include <inttypes.h>
#include <string.h>

/* Of a crowd, who stands for it. */
#define REFUSED_NAMED_MAX 3

static const char *const outcome_words[] = {
	[OUTCOME_RUNNING] = "running",
	[OUTCOME_DONE] = "done",
	[OUTCOME_FAILED] = "failed",
	[OUTCOME_CANCELLED] = "not needed any more",
};

static const char *const note_words[] = {
	[NOTE_FIRED] = "fires",
	[NOTE_CLEARED] = "cleared",
	[NOTE_EXHAUSTED] = "every step is used up and it has not cleared",
	[NOTE_GAINED] = "a step had effect",
	[NOTE_NO_EFFECT] = "a step had no effect",
	[NOTE_SUBJECT_GONE] = "its subject is gone",
	[NOTE_FOREIGN] = "somebody else has set it: left alone until it restarts or a reload",
	[NOTE_INEFFECTIVE] = "not in force",
	[NOTE_CANARY_DIED] = "is dead",
};

void explain_subject(const struct snapshot *snapshot, struct subject subject, struct strbuf *out)
{
	const struct canary_status *canary;
	const struct service *service;

	switch (subject.scope) {
	case SCOPE_HOST:
		strbuf_add(out, "host");
		return;
	case SCOPE_NODE:
		strbuf_addf(out, "node %" PRIu64, subject.key);
		return;
	case SCOPE_SERVICE:
		service = snapshot_service(snapshot, subject.key);
		if (service)
			strbuf_add_name(out, service->name);
		else
			strbuf_add(out, "a service that is gone");
		return;
	case SCOPE_CANARY:
		canary = snapshot_canary(snapshot, subject.key);
		strbuf_add(out, "canary ");
		strbuf_add_name(out, canary ? canary->name : "that is gone");
		return;
	case SCOPE_COUNT_:
		return;
	}
}

static void add_since(usec_t since_usec, struct strbuf *out)
{
	if (since_usec == 0)
		return;
	strbuf_add(out, " for ");
	strbuf_add_duration(out, since_usec);
}

void explain_evidence(const struct step *step, struct strbuf *out)
{
	for (size_t i = 0; i < step->evidence_count; i++) {
		const struct evidence *e = &step->evidence[i], *next = e + 1;
		const struct metric *metric = metric_get(e->metric);

		strbuf_addf(out, "%s%s ", i ? ", " : "", e->words[0] ? e->words : metric->name);
		if (e->of[0]) {
			strbuf_add(out, "of ");
			strbuf_add_name(out, e->of);
			strbuf_add(out, " ");
		}
		reading_format(e->value, metric->dimension, out);
		strbuf_addf(out, " %s ", e->comparison);
		reading_format(e->threshold, metric->dimension, out);
		/* What has held for the same time says so once, at its end. */
		if (i + 1 == step->evidence_count || next->since_usec != e->since_usec)
			add_since(e->since_usec, out);
	}
}

void explain_asker(const struct config *config, size_t rule, int policy, struct strbuf *out)
{
	if (rule != RULE_NONE)
		strbuf_add(out, config->rules[rule].name);
	else if (policy >= 0 && (size_t)policy < config->policies.count)
		strbuf_addf(out, "policy %s", config->policies.policies[policy].name);
	else
		strbuf_add(out, "a policy");
}

/* "MemoryHigh of web1.service", "vm.swappiness", "nr_hugepages of node 0" */
static void add_setting(const struct step *step, struct strbuf *out)
{
	const struct setting *setting = setting_get(step->setting.on.id);

	strbuf_add(out, setting->name);
	if (setting->scope == SCOPE_NODE) {
		strbuf_addf(out, " of node %" PRIu64, step->setting.on.key);
	} else if (setting->scope == SCOPE_SERVICE) {
		strbuf_add(out, " of ");
		strbuf_add_name(out, step->target.name);
	}
}

static void describe(const struct step *step, struct strbuf *out)
{
	if (step->order != STEP_UNDO || !actions[step->action].sets) {
		actions[step->action].describe(step, out);
		return;
	}
	strbuf_add(out, "undo: ");
	add_setting(step, out);
}

static void add_base(const struct step *step, struct strbuf *out)
{
	if (step->order != STEP_UNDO || !actions[step->action].sets || !step->setting.was_known)
		return;
	strbuf_add(out, " back to ");
	setting_value_format(step->setting.on.id, &step->setting.was, out);
}

void explain_step_asker(const struct config *config, const struct step *step, struct strbuf *out)
{
	if (step->action == ACTION_ARM)
		strbuf_add(out, "canaries");
	else
		explain_asker(config, step->rule, step->target.policy, out);
}

void explain_step(const struct config *config, const struct step *step, struct strbuf *out)
{
	explain_step_asker(config, step, out);
	strbuf_add(out, ": ");
	describe(step, out);
	add_base(step, out);
	if (step->evidence_count > 0) {
		strbuf_add(out, " (");
		explain_evidence(step, out);
		strbuf_add(out, ")");
	}
}

/* Others may ask for something stricter, and the kernel rounds: what it came to is told where it is
 * not what was asked for. What was given back tells its own reason. */
static void add_in_force(const struct step *step, const struct outcome *outcome, struct strbuf *out)
{
	enum setting_id id = step->setting.on.id;

	if (!actions[step->action].sets || !outcome->in_force_known || outcome->simulated)
		return;
	if (step->order == STEP_UNDO && outcome->reason[0])
		return;
	if (step->order != STEP_UNDO &&
	    setting_value_equal(id, &outcome->in_force, &step->setting.wanted))
		return;
	strbuf_add(out, ", in force is ");
	setting_value_format(id, &outcome->in_force, out);
}

void explain_outcome(const struct step *step, const struct outcome *outcome, struct strbuf *out)
{
	describe(step, out);
	strbuf_addf(out, ": %s", outcome->simulated ? "dry run" : outcome_words[outcome->state]);
	if (outcome->reason[0]) {
		strbuf_add(out, ", ");
		strbuf_add_name(out, outcome->reason);
	}
	if (outcome->state == OUTCOME_FAILED && outcome->error)
		strbuf_addf(out, " (%s)", strerrordesc_np(outcome->error));
	add_in_force(step, outcome, out);
	if (outcome->at_usec > step->planned_at && !outcome->simulated) {
		strbuf_add(out, ", after ");
		strbuf_add_duration(out, outcome->at_usec - step->planned_at);
	}
}

/* -1: the subject is no service, or is gone. */
static int policy_of(const struct snapshot *snapshot, struct subject subject)
{
	const struct service *service =
		subject.scope == SCOPE_SERVICE ? snapshot_service(snapshot, subject.key) : NULL;

	return service ? service->policy : -1;
}

/* Memory of which no rule asks that it is moved. */
static const char *what_would_move(const struct config *config, const struct snapshot *snapshot,
				   const struct refusal_note *note)
{
	int policy = policy_of(snapshot, note->subject);

	if (policy < 0 || (size_t)policy >= config->policies.count)
		return "memory away from its home";
	switch (config->policies.policies[policy].nodes) {
	case NODES_HOME:
		return "memory away from its home";
	case NODES_RELIEVE:
		return "memory that relief has moved away";
	case NODES_KEEP:
	case NODES_LIST:
		break;
	}
	return "memory outside of its Nodes=";
}

/* "node-exhausted on node 0, migrate: " */
static void add_refused(const struct config *config, const struct snapshot *snapshot,
			const struct refusal_note *note, struct strbuf *out)
{
	bool by_rule = note->rule != RULE_NONE;

	if (by_rule || note->subject.scope != SCOPE_HOST)
		explain_asker(config, note->rule, policy_of(snapshot, note->subject), out);
	else
		strbuf_add(out, "policies");
	strbuf_add(out, " on ");
	explain_subject(snapshot, note->subject, out);
	if (by_rule)
		strbuf_addf(out, ", %s: ",
			    actions[config->rules[note->rule].ladder[note->ladder].action].name);
	else if (note->is_of_move)
		strbuf_addf(out, ", %s: ", what_would_move(config, snapshot, note));
	else
		strbuf_addf(out, ", %s: ", setting_get((enum setting_id)note->ladder)->name);
}

static void add_service(const struct snapshot *snapshot, uint64_t service, struct strbuf *out)
{
	explain_subject(snapshot, (struct subject){ SCOPE_SERVICE, service }, out);
}

void explain_refusal(const struct config *config, const struct snapshot *snapshot,
		     const struct refusal_note *note, struct strbuf *out)
{
	if (note->rule == RULE_NONE && note->subject.scope == SCOPE_CANARY) {
		explain_subject(snapshot, note->subject, out);
		strbuf_addf(out, " is not armed: %s", refusal_text(note->why));
		if (note->why == REFUSE_ROUSED && note->cause < config->rule_count)
			strbuf_addf(out, ": %s", config->rules[note->cause].name);
		return;
	}
	add_refused(config, snapshot, note, out);
	if (note->rule != RULE_NONE && note->service) {
		add_service(snapshot, note->service, out);
		strbuf_add(out, " is passed over, ");
	}
	strbuf_add(out, refusal_text(note->why));
}

void explain_refusals(const struct config *config, const struct snapshot *snapshot,
		      const struct refusal_note *note, const uint64_t *services, size_t count,
		      struct strbuf *out)
{
	size_t named = MIN_OF(count, (size_t)REFUSED_NAMED_MAX);

	if (count < 2) {
		explain_refusal(config, snapshot, note, out);
		return;
	}
	add_refused(config, snapshot, note, out);
	strbuf_addf(out, "%zu services are passed over (", count);
	for (size_t i = 0; i < named; i++) {
		strbuf_add(out, i == 0 ? "" : i + 1 == count ? " and " : ", ");
		add_service(snapshot, services[i], out);
	}
	if (count > named)
		strbuf_addf(out, " and %zu more", count - named);
	strbuf_addf(out, "), each because %s", refusal_text(note->why));
}

static void add_number(enum setting_id id, int64_t number, struct strbuf *out)
{
	const struct setting_value value = { .number = number };

	setting_value_format(id, &value, out);
}

/* "MemoryHigh is 4 GiB, not 8 GiB: ", "MemoryMin=64 MiB is "; of nodes there is no number. */
static void add_found(const struct note *note, struct strbuf *out)
{
	const struct setting *setting = setting_get(note->setting);
	bool has_number = setting->unit != UNIT_NODES;

	strbuf_add(out, setting->name);
	if (note->kind == NOTE_INEFFECTIVE) {
		if (has_number) {
			strbuf_add_char(out, '=');
			add_number(note->setting, note->expected, out);
		}
		strbuf_add(out, " is ");
		return;
	}
	if (has_number) {
		strbuf_add(out, " is ");
		add_number(note->setting, note->gained, out);
		strbuf_add(out, ", not ");
		add_number(note->setting, note->expected, out);
	}
	strbuf_add(out, ": ");
}

/* Its memory is free, whoever it was. */
static void tell_death(const struct snapshot *snapshot, const struct note *note, struct strbuf *out)
{
	explain_subject(snapshot, note->subject, out);
	strbuf_add(out, ", which held ");
	strbuf_add_bytes(out, note->expected);
	strbuf_addf(out, ", %s: %s", note_words[NOTE_CANARY_DIED],
		    note->by_kernel ? "the kernel's OOM killer took it before a rule did"
				    : "it ended, and no rule has done it");
}

void explain_note(const struct config *config, const struct snapshot *snapshot,
		  const struct note *note, struct strbuf *out)
{
	if (note->kind == NOTE_CANARY_DIED) {
		tell_death(snapshot, note, out);
		return;
	}
	explain_asker(config, note->rule, note->policy, out);
	strbuf_add(out, " on ");
	explain_subject(snapshot, note->subject, out);
	strbuf_add(out, ": ");
	if (note->kind == NOTE_FOREIGN || note->kind == NOTE_INEFFECTIVE)
		add_found(note, out);
	strbuf_add(out, note_words[note->kind]);
	if (note->why)
		strbuf_addf(out, ": %s", note->why);
	if (note->kind == NOTE_GAINED || note->kind == NOTE_NO_EFFECT) {
		strbuf_add(out, ", expected ");
		strbuf_add_bytes(out, note->expected);
		strbuf_add(out, ", gained ");
		strbuf_add_bytes(out, note->gained);
	}
}
