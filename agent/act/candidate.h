/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the plan halves share: who is meant by a call, what stands against acting on a service, how
 * much is to be brought, how a refusal is said, how a target is named.
 */

#include "act/action.h"

/* What frees or moves less than this is not worth a step: below it the fixed cost of a move or the
 * harm of a kill outweighs what is gained. */
#define CANDIDATE_FLOOR_BYTES ((uint64_t)16 << 20)

/* Is this service one that this call is about: of the mode that is being planned? NULL is not. */
bool candidate_is_meant(const struct action_context *context, const struct service *service);
/* The same for one of this policy that need not be there any more. */
bool candidate_policy_is_meant(const struct action_context *context, int policy);
/* The same for an action that has no target. */
bool candidate_line_is_meant(const struct action_context *context);

/* NULL if the service names no policy of the table. */
const struct policy *candidate_policy(const struct action_context *context,
				      const struct service *service);

/* Memory of a service on a node of the snapshot; zeroes where the kernel does not say. */
struct node_share candidate_share(const struct snapshot *snapshot, const struct service *service,
				  unsigned node);
/* A reading of it in bytes; 0 where it is not known. */
uint64_t candidate_bytes(const struct service *service, enum metric_id metric);
/* Memory that its end gives back to the subject. File pages are no part of it: they count as
 * available already. */
uint64_t candidate_memory(const struct snapshot *snapshot, const struct service *service,
			  struct subject subject);

/* What of an ARG_AMOUNT is still to be brought. until-clear asks for what Until= is short of and a
 * margin, less what is under way: without the margin the step would end exactly at the threshold
 * and the next page would fire the rule again. */
uint64_t candidate_wanted(const struct action_context *context, int64_t amount);

enum candidate_whom {
	WHOM_SUBJECT,
	WHOM_CANDIDATES,
};
/* value: of a word argument, or ARG_NOT_GIVEN: the subject where that is a service. */
enum candidate_whom candidate_whom(const struct action_context *context, int64_t value);

enum candidate_harm {
	HARM_NONE,  /* it may cost time at most */
	HARM_SLOWS, /* it stands still or is throttled */
	HARM_ENDS,  /* it ends, or is made to end first */
};
/*
 * Why it must not be acted on, whatever the action, or REFUSE_COUNT_. Never a guest, a built-in
 * protected unit, the agent's own cgroup, one that another manager has. Harm is for those that
 * their policy names by Kill=, or the rule names by Policies= as its subject; and none comes to one
 * that holds a service which is to be spared. What the host runs on is not slowed.
 */
enum refusal candidate_objection(const struct action_context *context,
				 const struct service *service, enum candidate_harm harm);
/* Has somebody taken its processes out of the kernel's own choice (oom_score_adj -1000)? */
bool candidate_is_exempt(const struct snapshot *snapshot, const struct service *service);
/* Does somebody live below its cgroup who is to be spared? */
bool candidate_shelters(const struct action_context *context, const struct service *service);
/* Is its cgroup one that the kernel's OOM killer takes as a whole (memory.oom.group)? */
bool candidate_is_group(const struct service *service);
/* Does the cgroup of `inner` lie below that of `outer`? */
bool candidate_holds(const struct service *outer, const struct service *inner);

/* What this line's rule has set on it before; false: nothing. */
bool candidate_own_claim(const struct action_context *context, const struct setting_target *on,
			 struct setting_value *ret);
/* The running step number `i` of that action, NULL at the end. */
const struct step *candidate_running(const struct action_context *context, enum action_id action,
				     size_t i);

/* service 0: the whole line. */
void candidate_refuse(const struct action_context *context, struct plan *plan, uint64_t service,
		      enum refusal why);
/* A step, or NULL and the line is refused. */
struct step *candidate_add_step(const struct action_context *context, struct plan *plan,
				enum action_id action);

/* Can it be named in a step? A path or its terminator beyond PATH_BYTES cannot. */
bool candidate_fits(const struct service *service);
void candidate_set_target(struct step *step, const struct service *service);
