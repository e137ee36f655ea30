/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/slot.h"

#include <string.h>

void slot_fill(struct slot *slot, const struct step *step, const struct hold *hold, usec_t now)
{
	*slot = (struct slot){ .ops = remedies[step->action],
			       .remedy = { .step = *step,
					   .outcome = { .step = step->id,
							.state = OUTCOME_RUNNING,
							.at_usec = now } },
			       .hold = *hold };
	/* Of the configuration, which may be gone before the step is. */
	slot->remedy.step.owner = slot->hold.owner.name;
}

bool slot_has_changed(const struct slot *slot)
{
	const struct outcome *now = &slot->remedy.outcome, *before = &slot->told;

	return before->step == 0 || now->state != before->state ||
	       now->done_bytes != before->done_bytes || now->signalled != before->signalled ||
	       now->remaining_bytes != before->remaining_bytes ||
	       memcmp(&now->pages, &before->pages, sizeof(now->pages)) != 0 ||
	       strcmp(now->reason, before->reason) != 0;
}

bool slot_is_begun(const struct slot *slot, const struct step *undo)
{
	const struct remedy *remedy = &slot->remedy;

	return !slot->is_return && !remedy->is_undo && remedy->step.action == undo->action &&
	       strcmp(remedy->step.arm.unit, undo->arm.unit) == 0;
}
