/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * May a service's memory be moved off a node at all, whatever a rule asks for and whatever is under
 * way? What a move is planned by, and what people are told.
 */

#include "core/plan.h"

/* Does its policy let it go? */
bool movable_by_policy(const struct policy *policy);
/* Why its memory stays on snapshot->nodes[from], or REFUSE_COUNT_ when a move may take it. */
enum refusal movable_objection(const struct snapshot *snapshot, const struct service *service,
			       size_t from);
