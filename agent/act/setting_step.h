/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Steps that set something: what there is now, what was set before, and the step itself.
 */

#include "act/candidate.h"

/* What the snapshot has of a setting; service NULL for one of the host or a node. False: it does
 * not say, or the kernel has none. Of a score the highest of the processes'. */
bool setting_step_was(const struct snapshot *snapshot, const struct service *service,
		      const struct setting_target *on, struct setting_value *ret);

/* From where a rule goes on: what is in force by the snapshot, or what its line has set before if
 * that is stricter, as the snapshot may be older than it. False: neither is known. */
bool setting_step_base(const struct action_context *context, const struct service *service,
		       const struct setting_target *on, struct setting_value *ret);

/* Does the setting ask for no more than there is already? */
bool setting_step_is_met(enum setting_id id, const struct setting_value *wanted,
			 const struct setting_value *base);

/* A step to `wanted`, or NULL and the line is refused. service NULL: it has no target. */
struct step *setting_step_add(const struct action_context *context, struct plan *plan,
			      enum action_id action, const struct service *service,
			      const struct setting_target *on, const struct setting_value *wanted);
