/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What `plan` found, over all samples it took, ready to be printed.
 */

#include "cli/fates.h"
#include "core/plan.h"
#include "engine/engine.h"
#include "explain/obstacle_story.h"
#include "rule/config.h"
#include "sense/sense.h"

#define REPORT_STEPS_MAX    64
#define REPORT_REFUSALS_MAX 128
#define REPORT_NOTES_MAX    64
#define STUCK_NODES_MAX	    8

/* A node for which a rule asks for a move, and no move can help. */
struct stuck_node {
	unsigned node;
	struct advice_list advice;
};

struct plan_report {
	const char *root; /* NULL: this machine */
	const struct config *config;
	const struct snapshot *snapshot; /* the last */
	const struct engine *engine;
	size_t samples;
	struct step steps[REPORT_STEPS_MAX];
	size_t step_count;
	struct refusal_note refusals[REPORT_REFUSALS_MAX];
	size_t refusal_count;
	struct note notes[REPORT_NOTES_MAX]; /* NOTE_INEFFECTIVE: what would be of no use */
	size_t note_count;
	size_t dropped; /* steps, refusals and notes beyond the room above */
	struct fates fates;
	struct stuck_node stuck[STUCK_NODES_MAX];
	size_t stuck_count;
	struct sense_gap gaps[SENSE_GAPS_MAX];
	size_t gap_count;
};

struct warden;

/* Adds what a tick has planned: to be called after each (sampling_run()). */
void plan_collect(void *report, const struct warden *warden);

/* An exit status. */
int plan_report_text(const struct plan_report *report);
int plan_report_json(const struct plan_report *report);
