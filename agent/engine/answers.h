/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the executor answers at once, for steps that never become a running remedy: those of a dry
 * run, those that are refused, and what was given back without a write.
 */

#include "engine/executor.h"
#include "engine/holdings.h"

struct answers {
	struct outcome each[EXECUTOR_OUTCOMES_MAX];
	size_t count;
};

/* Where there is no room for another one it is dropped: whoever waits for it gives up in time. */
void answers_simulated(struct answers *answers, const struct step *step, usec_t now);
void answers_failed(struct answers *answers, const struct step *step, int error, const char *reason,
		    usec_t now);
/* step 0: nobody waits for it. */
void answers_undone(struct answers *answers, uint64_t step, const char *reason, usec_t now);

/* Those whom others have outdone (holdings_next_outdone()), as all steps are told what came of
 * them.
 */
void answers_outdone(struct answers *answers, struct holdings *holdings, usec_t now);

/* All of them, which are forgotten; how many. */
size_t answers_take(struct answers *answers, struct outcome ret[EXECUTOR_OUTCOMES_MAX]);
