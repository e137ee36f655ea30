/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the steps of rules have set and not given back. A remedy that sets something has not ended
 * with its step: it holds until its rule clears, its subject is gone or has been out of sight for
 * ten seconds. Then the engine says STEP_UNDO, once for each thing that was set.
 *
 * Every such step has its claim before it is planned; without room for one it is not made. So
 * giving back is never forgotten for want of room, it is only said a tick later.
 */

#include "engine/state.h"

/* Is it asked for or in force, and not to be given back? */
bool claim_is_live(const struct claim *claim);
/* Is there room for what this step sets? */
bool claim_has_room(const struct engine *e, const struct instance *instance,
		    const struct step *step);
/* A step that sets something was started. There must be room. */
void claim_add(struct engine *e, const struct instance *instance, const struct step *step);
/* At the start of a tick: what became of such steps, and of those that give back. */
void claim_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count);
/* All of an instance's are to be given back; after a rule that cleared huge pages not before their
 * node stays clear without them. False: it has none. */
bool claim_release(struct engine *e, const struct instance *instance, bool cleared);
/* Those on services that are paused are to be given back. */
void claim_release_paused(struct engine *e);
/* Is one of an instance's on its way back? */
bool claim_returns(const struct engine *e, const struct instance *instance);
/* Those on services that are not in the snapshot any more are to be let go. */
void claim_lose_targets(struct engine *e);
/* Is there nothing to be done about any of them before the machine has changed? */
bool claim_are_at_rest(const struct engine *e);
/* Adds STEP_UNDO for what is to be given back, as far as the plan has room. */
void claim_return_due(struct engine *e);

/* What this instance has asked for there; false: nothing. */
bool claim_find(const struct engine *e, const struct instance *instance,
		const struct setting_target *on, struct setting_value *ret);
/* Does a rule have its hand on this, or is a value of one still on its way back? */
bool claim_is_on(const struct engine *e, const struct setting_target *on);
