/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What relief has moved away goes home again when it is calm: as much as was moved and is still
 * there, as a calm move (engine/calm.h), to where the node has stayed clear and stays it.
 *
 * Not at once, for what made the node short may come again: ten minutes after the last of it was
 * moved, and after the last rule that was roused on the host or on either node. What returned and
 * had to be moved again within the hour waits twice as long the next time, up to four hours.
 *
 * Of services with Nodes=home placement decides (engine/placement.h), and waits as long.
 *
 * A list of fixed size: where more than that is away, the least of it is forgotten, and stays. So
 * does what is away when the agent starts anew.
 */

#include "engine/state.h"

/* A move has ended, whoever asked for it. */
void away_note(struct engine *e, const struct step *step, const struct outcome *outcome);
/* Once the rules have been looked at: relief that is on its way to a node which is short itself by
 * now ends, as it would but carry the trouble along. */
void away_turn_back(struct engine *e);
/* At the end of a tick. */
void away_consider(struct engine *e);
/* When memory of this service that relief has moved from a node to another may go back, `now` or
 * later; 0: none was moved. */
usec_t away_may_return(const struct engine *e, uint64_t service, unsigned from, unsigned to);
/* What was given up is tried again. */
void away_note_read_again(struct engine *e);
/* An engine of another configuration goes on with what this one knows. */
void away_take_over(struct engine *e, const struct engine *from);
