/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Policies hold: what one says of its services is what the kernel has of them, now and for those
 * that appear later.
 *
 * Each setting of a policy on each service that it matches is a rule of its own, without a ladder:
 * where the snapshot shows another value, a step asks for it (ACTION_HOLD, RULE_NONE). It is asked
 * for once in the life of a cgroup, for each value that the policy comes to there ("25%" may come
 * to another one). What is found after that:
 *
 *   another value	somebody else's, who may know better: respected until the service is
 *			restarted or the configuration is read anew, and said once (NOTE_FOREIGN)
 *   never taken over	by systemd or the kernel, though the step ended well: said once, with
 *			what would help (NOTE_INEFFECTIVE)
 *   a failed step	asked for again, each time after twice as long
 *   as low as it gets	a limit below use: said once, and asked for again likewise
 *   crosses others	the limit is below what other policies protect of services below it: waited
 *			for, and given back where that comes later
 *   other scores	new processes: asked for again, not at once if it has just been done
 *   a rule's remedy	waited for: what that sets is given back when its rule clears
 *
 * Memory follows the nodes that are set (engine/follow.h).
 *
 * A tick looks at those services that were touched, or wait for something, and nobody else; asks
 * for a few settings only; and of all services in turn.
 */

#include "engine/state.h"

/* What policies ask for at all; at the start. */
void keeper_init(struct engine *e);
void keeper_done(struct engine *e);
/* 0 or -ENOMEM, and then it is as before. */
int keeper_reserve(struct engine *e, size_t services);
/* A service has come to this slot. */
void keeper_welcome(struct engine *e, size_t slot);

/* As engine_note_paused(), within a tick. */
void keeper_note_paused(struct engine *e);

/* At the start of a tick. */
void keeper_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count);
/* At its end, after rules have had their say: adds steps, refusals and notes. */
void keeper_keep(struct engine *e);

/* What a policy has set of it is given back, as its value is none for now. False: not yet. */
bool keeper_give_back(struct engine *e, size_t slot, enum setting_id id);
/* A rule has let go of it: what is found there now may be the rule's value for a moment more. */
void keeper_settle(struct engine *e, const struct setting_target *on);

/* Nothing runs, and nothing is left that the next tick would ask for. */
bool keeper_is_at_rest(const struct engine *e);
