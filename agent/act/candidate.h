/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the plan halves share: who is meant by a call, how a refusal is said, how a target is named.
 */

#include "act/action.h"

/* What frees or moves less than this is not worth a step: below it the fixed cost of a move or the
 * harm of a kill outweighs what is gained. */
#define CANDIDATE_FLOOR_BYTES ((uint64_t)16 << 20)

/* Is a service of this policy one that this call is about? */
bool candidate_is_meant(const struct action_context *context, int policy);
/* The same for an action that has no target. */
bool candidate_line_is_meant(const struct action_context *context);

/* NULL if the service names no policy of the table. */
const struct policy *candidate_policy(const struct action_context *context,
				      const struct service *service);

/* Memory of a service on a node of the snapshot; zeroes where the kernel does not say. */
struct node_share candidate_share(const struct snapshot *snapshot, const struct service *service,
				  unsigned node);

/* service 0: the whole line. */
void candidate_refuse(const struct action_context *context, struct plan *plan, uint64_t service,
		      enum refusal why);

/* Can it be named in a step? A path or its terminator beyond PATH_BYTES cannot. */
bool candidate_fits(const struct service *service);
void candidate_set_target(struct step *step, const struct service *service);
