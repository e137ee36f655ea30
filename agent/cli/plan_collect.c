/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/plan_report.h"

#include "host/warden.h"

/* In a dry run nothing is called off for want of use: what ends a step is a step. */
static bool is_shown(const struct step *step)
{
	return step->order == STEP_START ||
	       (step->order == STEP_CANCEL && step->mode == MODE_DRY_RUN);
}

static void collect_steps(struct plan_report *report, const struct plan *plan)
{
	for (size_t i = 0; i < plan->step_count; i++) {
		if (!is_shown(&plan->steps[i]))
			continue;
		if (report->step_count == REPORT_STEPS_MAX)
			report->dropped++;
		else
			report->steps[report->step_count++] = plan->steps[i];
	}
}

/* Two lines of a rule that ask for the same action pass over the same ones. */
static bool is_same_line(const struct config *config, const struct refusal_note *a,
			 const struct refusal_note *b)
{
	const struct rule *rule;

	if (a->rule != b->rule)
		return false;
	if (a->rule == RULE_NONE)
		return a->ladder == b->ladder && a->is_of_move == b->is_of_move;
	rule = &config->rules[a->rule];
	return rule->ladder[a->ladder].action == rule->ladder[b->ladder].action;
}

static bool is_said(const struct plan_report *report, const struct config *config,
		    const struct refusal_note *note)
{
	for (size_t i = 0; i < report->refusal_count; i++) {
		const struct refusal_note *other = &report->refusals[i];

		if (is_same_line(config, note, other) &&
		    note->subject.scope == other->subject.scope &&
		    note->subject.key == other->subject.key && note->service == other->service &&
		    note->why == other->why)
			return true;
	}
	return false;
}

static void collect_refusals(struct plan_report *report, const struct config *config,
			     const struct plan *plan)
{
	for (size_t i = 0; i < plan->refusal_count; i++) {
		if (is_said(report, config, &plan->refusals[i]))
			continue;
		if (report->refusal_count == REPORT_REFUSALS_MAX)
			report->dropped++;
		else
			report->refusals[report->refusal_count++] = plan->refusals[i];
	}
	report->dropped += plan->refusals_dropped;
}

static void collect_notes(struct plan_report *report, const struct plan *plan)
{
	for (size_t i = 0; i < plan->note_count; i++) {
		if (plan->notes[i].kind != NOTE_INEFFECTIVE)
			continue;
		if (report->note_count == REPORT_NOTES_MAX)
			report->dropped++;
		else
			report->notes[report->note_count++] = plan->notes[i];
	}
}

void plan_collect(void *context, const struct warden *warden)
{
	struct plan_report *report = context;

	collect_steps(report, warden_plan(warden));
	collect_refusals(report, warden_config(warden), warden_plan(warden));
	collect_notes(report, warden_plan(warden));
	report->samples++;
}
