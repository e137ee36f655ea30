/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which canary is let go of: the one that frees most where the rule's subject is short. On a node
 * what it holds there, which of one that is bound to it is all; for a service that is short what
 * shares the limit that the service meets; on the host any.
 *
 * Its memory is nobody's, so there is no class, no rank, no least size. In a dry run one that is
 * never armed, as nothing is while its mode is that, counts as if it held what it is to hold; one
 * that is gone for another reason does not.
 */

#include "act/candidate.h"

struct canary_choice {
	const struct canary_status *canary;
	const struct service *service; /* its cgroup; NULL: a dry run, and it is not armed */
	uint64_t frees_bytes;
};

/* Is there a section that makes any? */
bool canary_is_configured(const struct action_context *context);
/* False: none. Of one that another step lets go of already it is said. */
bool canary_choose(const struct action_context *context, struct plan *plan,
		   struct canary_choice *ret);

void canary_fill_step(const struct action_context *context, const struct canary_choice *choice,
		      struct step *step);
/* The level of such a step. */
struct reading canary_level(const struct step *step, struct subject subject,
			    const struct snapshot *snapshot);
