/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One setting of a policy on one service: what is wanted, what is there, and what follows. See
 * keeper.h for what is meant to happen.
 */

#include "engine/state.h"

/* How long it may take until the snapshot shows what was set. Services are read in slower rounds,
 * and what they hold in slower ones yet. */
#define HELD_SETTLE_USEC (60 * USEC_PER_SEC)

/* One setting on one service, while it is looked at. */
struct look {
	struct engine *e;
	size_t slot;
	size_t index; /* of the setting in its policy */
	const struct service *service;
	const struct policy *policy;
	const struct policy_setting *setting;
	struct held *held;
	struct setting_target on;
	struct setting_value wanted;
	struct setting_value actual;
	bool actual_known;
};

/* True: it is to be looked at again without anything being touched. */
bool held_consider(struct look *look);
/* Nothing is to be wanted of it for now: what was set is given back. False: the plan is full. */
bool held_give_back(const struct look *look);
/* Its step has ended, well or with that error. `wanted` is set. */
void held_take_done(struct look *look, const struct outcome *outcome);
void held_take_failed(const struct look *look, int error);

/* What the operator has paused is something else. */
void held_note_paused(const struct look *look);
/* He has read the configuration anew: what was left alone or given up is looked at as if new. */
void held_note_read_again(struct held *held);

/* What is wanted of it; false: there is no value, or none yet. */
bool held_resolve(const struct look *look, struct setting_value *ret);
/* Why what its policy says is only said; NULL: it is done. */
const char *held_dry_because(const struct look *look);

/* held_found.c: what there is of it, and what is to be thought of that. */

/* What the cgroup holds; false: not known. `wanted` is set. */
bool held_read(const struct look *look, struct setting_value *ret);
bool held_lacks_file(const struct look *look);
bool held_is_same(const struct look *look, const struct setting_value *a,
		  const struct setting_value *b);
bool held_is_score(const struct look *look);
bool held_is_shown(const struct look *look);
bool held_is_nothing(const struct look *look);
enum refusal held_object_to(const struct service *service);
bool held_is_gift(const struct policy_setting *setting);
/* Would the limit take what another policy protects of a service below? */
bool held_crosses(const struct look *look);
enum refusal held_object_for_now(const struct look *look);
const char *held_why_no_file(enum setting_id id);
const char *held_why_not_taken(enum setting_id id);
/* Of a limit that is as low as it gets for now; NULL: it is not for that that it is not in force.
 */
const char *held_why_not_lower(const struct look *look);
const char *held_foresee(const struct look *look);
