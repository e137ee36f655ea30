/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Steps that may still have outcomes. There is a place for each that can have: those that run,
 * those of the plan, and what rules have to give back, which waits for its turn.
 */

#include "core/plan.h"
#include "engine/engine.h"
#include "engine/executor.h"

#define STEP_LIST_MAX (EXECUTOR_STEPS_MAX + PLAN_STEPS_MAX + ENGINE_CLAIMS_MAX)

struct step_list {
	struct step each[STEP_LIST_MAX]; /* id 0: none */
	size_t end; /* none from here on: what was never needed is not touched */
};

/* Those that begin or give back something. Of more than there is room for the oldest is forgotten.
 */
void step_list_add(struct step_list *list, const struct step *step);
/* NULL: it is not known, or not any more. Valid until the next call of another function here. */
const struct step *step_list_find(const struct step_list *list, uint64_t id);
void step_list_forget(struct step_list *list, uint64_t id);
/* `keep` may change it; false: it is forgotten. */
void step_list_sift(struct step_list *list, bool (*keep)(void *context, struct step *step),
		    void *context);
