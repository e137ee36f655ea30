/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A place of the executor's, with what runs in it; for engine/executor.c alone. */

#include "act/remedy.h"
#include "engine/holdings.h"

enum slot_state {
	SLOT_FREE,
	SLOT_WAITING, /* for the one that writes the same */
	SLOT_RUNNING,
	SLOT_ENDED, /* its last outcome was not collected yet */
};

struct slot {
	const struct remedy_ops *ops;
	struct remedy remedy;
	struct hold hold;	/* of a step that sets something */
	bool is_return;		/* gives back what no step holds any more */
	struct outcome told;	/* as last reported */
	uint64_t counted_bytes; /* of a move, that executor_take_moved() knows of */
};

void slot_fill(struct slot *slot, const struct step *step, const struct hold *hold, usec_t now);
/* Does its outcome say what a reader has not been told? A rate alone is no news. */
bool slot_has_changed(const struct slot *slot);
/* Does it begin what this STEP_UNDO ends? */
bool slot_is_begun(const struct slot *slot, const struct step *undo);
