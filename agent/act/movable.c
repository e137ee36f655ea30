/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/movable.h"

#include "act/candidate.h"
#include "util/macro.h"

bool movable_by_policy(const struct policy *policy)
{
	return policy->nodes == NODES_RELIEVE || policy->nodes == NODES_HOME;
}

static bool may_leave(const struct snapshot *snapshot, const struct service *service, size_t from)
{
	for (size_t i = 0; i < MIN_OF(snapshot->node_count, (size_t)IDSET_BITS); i++)
		if (i != from && idset_has(service->allowed, snapshot->nodes[i].id))
			return true;
	return false;
}

enum refusal movable_objection(const struct snapshot *snapshot, const struct service *service,
			       size_t from)
{
	if (service->is_self || !candidate_fits(service))
		return REFUSE_PROTECTED;
	if (service->hold != HOLD_NONE)
		return REFUSE_HELD;
	if (!service->allowed_known)
		return REFUSE_UNKNOWN_NODES;
	return may_leave(snapshot, service, from) ? REFUSE_COUNT_ : REFUSE_CONFINED;
}
