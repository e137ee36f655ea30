/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The readings of one subject as a rule sees them: as measured, or with what the dry run so far
 * would have gained. Time-to-empty follows the headroom that it is about: twice the headroom lasts
 * twice as long.
 */

#include "engine/state.h"

struct view {
	const struct engine *engine;
	struct subject subject;
	size_t slot; /* in the roster of its scope */
	bool credited;
	bool alone; /* what is not the subject's own is not known */
};

struct view view_of(const struct engine *e, const struct instance *instance, bool credited);
/* A node of the snapshot that is not the instance's own; false if it has no slot. */
bool view_of_node(const struct engine *e, unsigned node, bool credited, struct view *ret);

/* Kleene's "and" over the When= lines. */
enum truth view_when(const struct view *view, const struct rule *rule);
/* Until=, or not When=. */
enum truth view_until(const struct view *view, const struct rule *rule);
struct goal view_goal(const struct view *view, const struct rule *rule);
/* The comparisons behind When=, at most STEP_EVIDENCE_MAX, each held for `held`; where When= holds
 * no more those that keep Until= from clearing the rule. */
size_t view_evidence(const struct view *view, const struct rule *rule, usec_t held,
		     struct evidence ret[STEP_EVIDENCE_MAX]);
