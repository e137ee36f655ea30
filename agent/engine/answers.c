/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/answers.h"

#include "util/macro.h"

#include <stdio.h>
#include <string.h>

static void add(struct answers *answers, const struct outcome *outcome)
{
	if (answers->count < ARRAY_SIZE(answers->each))
		answers->each[answers->count++] = *outcome;
}

void answers_simulated(struct answers *answers, const struct step *step, usec_t now)
{
	struct outcome outcome = { .step = step->id,
				   .state = OUTCOME_DONE,
				   .simulated = true,
				   .reason = "dry run",
				   .at_usec = now };

	if (step->expected_gain > 0)
		outcome.done_bytes = (uint64_t)step->expected_gain;
	add(answers, &outcome);
}

void answers_failed(struct answers *answers, const struct step *step, int error, const char *reason,
		    usec_t now)
{
	struct outcome outcome = {
		.step = step->id, .state = OUTCOME_FAILED, .error = -error, .at_usec = now
	};

	(void)snprintf(outcome.reason, sizeof(outcome.reason), "%s", reason);
	add(answers, &outcome);
}

void answers_undone(struct answers *answers, uint64_t step, const char *reason, usec_t now)
{
	struct outcome outcome = {
		.step = step, .state = OUTCOME_DONE, .is_undo = true, .at_usec = now
	};

	(void)snprintf(outcome.reason, sizeof(outcome.reason), "%s", reason);
	if (step != 0)
		add(answers, &outcome);
}

void answers_outdone(struct answers *answers, struct holdings *holdings, usec_t now)
{
	uint64_t step;

	while ((step = holdings_next_outdone(holdings)) != 0)
		answers_undone(answers, step, "it goes with what another asks for", now);
}

size_t answers_take(struct answers *answers, struct outcome ret[EXECUTOR_OUTCOMES_MAX])
{
	size_t count = answers->count;

	memcpy(ret, answers->each, count * sizeof(answers->each[0]));
	answers->count = 0;
	return count;
}
