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

static void collect_refusals(struct plan_report *report, const struct plan *plan)
{
	for (size_t i = 0; i < plan->refusal_count; i++) {
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
	collect_refusals(report, warden_plan(warden));
	collect_notes(report, warden_plan(warden));
	report->samples++;
}
