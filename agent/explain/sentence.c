/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/sentence.h"

#include "act/action.h"

#include <inttypes.h>
#include <string.h>

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
	[NOTE_NO_EFFECT] = "a step had no effect",
	[NOTE_SUBJECT_GONE] = "its subject is gone",
};

void explain_subject(const struct snapshot *snapshot, struct subject subject, struct strbuf *out)
{
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
	case SCOPE_COUNT_:
		return;
	}
}

size_t explain_neighbours(const struct host *host, const char *ret[NEIGHBOURS_MAX])
{
	size_t count = 0;

	if (host->numa_balancing)
		ret[count++] =
			"kernel.numa_balancing is on: the kernel moves pages by itself and may "
			"take back what a step moved; kernels up to 6.1 also hide pages from "
			"a move while they watch them";
	if (host->numad_running)
		ret[count++] = "numad is running: it places guests by its own measure";
	return count;
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

		strbuf_addf(out, "%s%s ", i ? ", " : "", metric->name);
		reading_format(e->value, metric->dimension, out);
		strbuf_addf(out, " %s ", e->comparison);
		reading_format(e->threshold, metric->dimension, out);
		/* What has held for the same time says so once, at its end. */
		if (i + 1 == step->evidence_count || next->since_usec != e->since_usec)
			add_since(e->since_usec, out);
	}
}

void explain_step(const struct config *config, const struct step *step, struct strbuf *out)
{
	strbuf_addf(out, "%s: ", config->rules[step->rule].name);
	actions[step->action].describe(step, out);
	if (step->evidence_count > 0) {
		strbuf_add(out, " (");
		explain_evidence(step, out);
		strbuf_add(out, ")");
	}
}

void explain_pages(const struct page_accounts *pages, uint64_t page_size_bytes, struct strbuf *out)
{
	const struct {
		const char *word;
		uint64_t pages;
	} accounts[] = {
		{ "moved", pages->moved },     { "already there", pages->already_there },
		{ "busy", pages->busy },       { "pinned", pages->pinned },
		{ "shared", pages->shared },   { "absent", pages->absent },
		{ "refused", pages->refused }, { "not tried", pages->not_tried },
	};
	bool first = true;

	for (size_t i = 0; i < ARRAY_SIZE(accounts); i++) {
		if (accounts[i].pages == 0)
			continue;
		strbuf_addf(out, "%s%s ", first ? "" : ", ", accounts[i].word);
		strbuf_add_bytes(out, (int64_t)(accounts[i].pages * page_size_bytes));
		first = false;
	}
	if (first)
		strbuf_add(out, "no page looked at");
}

void explain_outcome(const struct step *step, const struct outcome *outcome, struct strbuf *out)
{
	actions[step->action].describe(step, out);
	strbuf_addf(out, ": %s", outcome->simulated ? "dry run" : outcome_words[outcome->state]);
	if (outcome->reason[0]) {
		strbuf_add(out, ", ");
		strbuf_add_name(out, outcome->reason);
	}
	if (outcome->state == OUTCOME_FAILED && outcome->error)
		strbuf_addf(out, " (%s)", strerrordesc_np(outcome->error));
	if (outcome->at_usec > step->planned_at && !outcome->simulated) {
		strbuf_add(out, ", after ");
		strbuf_add_duration(out, outcome->at_usec - step->planned_at);
	}
}

void explain_refusal(const struct config *config, const struct snapshot *snapshot,
		     const struct refusal_note *note, struct strbuf *out)
{
	const struct rule *rule = &config->rules[note->rule];

	strbuf_addf(out, "%s on ", rule->name);
	explain_subject(snapshot, note->subject, out);
	strbuf_addf(out, ", %s: ", actions[rule->ladder[note->ladder].action].name);
	if (note->service) {
		explain_subject(snapshot, (struct subject){ SCOPE_SERVICE, note->service }, out);
		strbuf_add(out, " is passed over, ");
	}
	strbuf_add(out, refusal_text(note->why));
}

void explain_note(const struct config *config, const struct snapshot *snapshot,
		  const struct note *note, struct strbuf *out)
{
	strbuf_addf(out, "%s on ", config->rules[note->rule].name);
	explain_subject(snapshot, note->subject, out);
	strbuf_addf(out, ": %s", note_words[note->kind]);
	if (note->kind == NOTE_NO_EFFECT) {
		strbuf_add(out, ", expected ");
		strbuf_add_bytes(out, note->expected);
		strbuf_add(out, ", gained ");
		strbuf_add_bytes(out, note->gained);
	}
}
