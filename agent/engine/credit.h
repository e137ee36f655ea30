/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a dry run has said so far, and what that would have gained. A step that is said becomes a
 * credit: an offset on the readings that dry-run evaluation sees, and only that. It stays until the
 * rule that said it really clears. So a dry run that "moved" enough is content and does not march
 * on to the kill, and a step that would have to grow grows its credit without being said again.
 *
 * A credit is never worth more than what its target still has there: once the guest has really
 * gone, its memory is in the real readings.
 */

#include "engine/state.h"

/* After the snapshot has changed or a credit has. */
void credit_refresh(struct engine *e);
/* Bytes that a subject would have more of. */
int64_t credit_sum(const struct engine *e, enum scope scope, size_t slot);

enum credit_result {
	CREDIT_NEW,    /* to be said */
	CREDIT_MERGED, /* was said: it grew */
	CREDIT_FULL,   /* no room to remember it: not to be said, as it would be said for ever */
};
enum credit_result credit_add(struct engine *e, const struct instance *instance,
			      const struct step *step);
/* All of an instance's. */
void credit_release(struct engine *e, const struct instance *instance);

/* What this instance has said that it would set there; false: nothing. */
bool credit_find(const struct engine *e, const struct instance *instance,
		 const struct setting_target *on, struct setting_value *ret);
/* The i-th step of an action that was said, NULL at the end. */
const struct step *credit_step(const struct engine *e, enum action_id action, size_t i);

/* Of a service, on a node or altogether: see action_context.taken_bytes. */
uint64_t credit_taken(const struct engine *e, uint64_t service, struct subject subject);
uint64_t credit_incoming(const struct engine *e, unsigned node);
