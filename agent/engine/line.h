/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One line of a ladder, planned: staging, brakes, the call of the plan half, and what becomes of
 * the steps that it made.
 *
 * Staging. The mode of a step is the most careful of the agent's, the rule's and the target's
 * policy; with EnforceActions= other actions stay in dry run, and so does what the operator has
 * paused: all, a rule, a target. Policy and pause are the target's, so one line may make real steps
 * and dry-run steps at the same time, and it is planned once for each kind:
 *
 *   real steps      from real readings; only of candidates that may be acted on
 *   dry-run steps   from readings with credits; only of the others
 *
 * What a dry run says is thus never counted on by what is real: a credit cannot keep a real kill
 * from a host that is really dying, and as credits only add, none can cause one either.
 */

#include "engine/state.h"

struct line_result {
	size_t real;  /* steps that were started */
	size_t dry;   /* and said; those too that had been said before and only grew */
	bool blocked; /* nothing now, but soon: to be tried again, not to be passed over */
};

/* want: WANT_REAL, WANT_DRY. */
struct line_result line_try(struct engine *e, struct instance *instance, size_t line,
			    unsigned want);
/* The line runs: lets its steps grow with what Until= is short of. */
void line_regrow(struct engine *e, struct instance *instance, size_t line);

/* Has it no fixed amount? */
bool line_is_open_ended(const struct action_call *call);
bool line_is_destructive(const struct rule *rule, size_t line);
/* What makes a dry run of what is paused. */
extern const char line_paused_text[];
/* Does EnforceActions= let it act? */
bool line_acts(const struct config *config, enum action_id action);
/* Why the agent cannot do it here, so that it only recommends it: a static string. NULL: it can. */
const char *line_inability(const struct engine *e, enum action_id action);
/* Why what a policy asks for of this service is only said; NULL: it is done. */
const char *line_policy_dry_because(const struct engine *e, const struct service *service,
				    const struct policy *policy, enum action_id action);
/* Do agent, rule, EnforceActions= and the operator let this action act? */
bool line_is_enforced(const struct config *config, const struct rule *rule, size_t line);
