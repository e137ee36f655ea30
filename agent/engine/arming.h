/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Canaries are armed: each that the snapshot has is asked for (ACTION_ARM, RULE_NONE) until it
 * holds its memory, and again after its death, one at a time, by
 *
 * leave:	agent, section and EnforceActions= (`kill`) enforce, and nothing is paused. Else it
 *		is said once what it would hold
 * room:	holding it leaves a tenth of its place's whole, and as much as itself: of the host,
 *		of its node, of what the limits of its slice leave
 * calm:	no rule is roused on the host, on its node (on any, of one that may be anywhere), or
 *		on a service of its slice. A rule about canaries does not count: it waits for this
 * time:	all of that has held without a gap: for moments at first; for a minute after a death
 *		or a failure, twice as long after the next, up to an hour
 *
 * What was begun in calm ends with it. A place that is not calm for a minute longer than the canary
 * would have rested is told of once (REFUSE_ROUSED). A canary that the configuration has no more,
 * or has otherwise, or that may not be held any more, or whose node is gone, is ended (STEP_UNDO)
 * and armed anew, if at all; of those that this agent has not armed none is touched.
 *
 * The death of a canary is said where this agent has not killed it (NOTE_CANARY_DIED).
 *
 * Without canaries in the configuration there is no state, and a tick does nothing here.
 */

#include "engine/state.h"

/* At the start; room for the state. 0 or -ENOMEM. */
int arming_init(struct engine *e);
void arming_done(struct engine *e);
/* Those that another engine has armed. Without memory for it they stay until the agent ends. */
void arming_take_over(struct engine *e, const struct engine *from);

/* At the start of a tick. */
void arming_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count);
/* At its end: adds steps, refusals and notes. */
void arming_keep(struct engine *e);

/* What failed or was refused is tried and said again. */
void arming_note_read_again(struct engine *e);
/* When the next one is due; USEC_INFINITY: none waits. */
usec_t arming_due(const struct engine *e);
/* Does none come or go just now? */
bool arming_is_at_rest(const struct engine *e);
