/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What may act at all, by the configuration and by what the operator has paused, and what becomes
 * of what is under way when he pauses something else.
 *
 * What is paused from then on lets go: its steps are ended, and what they have set is given back.
 * It begins again as a dry run, and what is resumed begins again in earnest, from the first line,
 * as the line that was only said may be the milder one. Before either what was set has to be seen
 * to be back: a rule that found its own value in force would take it for done and give up.
 *
 * A cooldown that steps have earned goes on, paused or not, and a kill that is cut short earns one;
 * that of a dry run ends with it, as does that of a ladder of which the pause has taken back what
 * it had set. Nobody else notices.
 */

#include "engine/state.h"

/* By what is in the configuration now. */
void staging_read(struct engine *e);
/* Once what became of steps is known, and before rules look at the machine. */
void staging_take_pauses(struct engine *e);
