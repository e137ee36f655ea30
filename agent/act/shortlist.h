/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * On whom a remedy other than a kill or a move would act, in order: the subject of the rule alone,
 * or the candidates that the policies name. Kill=first before normal before last, then lower Rank=,
 * then the one that the remedy is about most. Why others are passed over is said here.
 */

#include "act/candidate.h"

struct shortlist_entry {
	const struct service *service;
	const struct policy *policy;
	uint64_t weight; /* as the action weighs it */
};

struct shortlist {
	struct shortlist_entry entries[PLAN_STEPS_MAX];
	size_t count;
};

struct shortlist_query {
	const struct action_context *context;
	const struct action_call *call;
	enum action_id action;
	enum candidate_whom whom;
	enum candidate_harm harm;
	/* Why the action itself passes it over, or REFUSE_COUNT_ and *ret_weight. */
	enum refusal (*weigh)(const struct shortlist_query *query, const struct service *service,
			      uint64_t *ret_weight);
	/* Is it one that this line would spare? Then those of higher Rank= come first. NULL:
	 * candidates are those with another Kill= than never. */
	bool (*spares)(const struct policy *policy);
};

/* Nobody left is an outcome, and said. */
void shortlist_make(const struct shortlist_query *query, struct plan *plan, struct shortlist *ret);
/* The first of them, or NULL. */
const struct service *shortlist_first(const struct shortlist_query *query, struct plan *plan);
/* The one that a line slows down, whose argument `whom_arg` says of whom it is; or NULL. */
const struct service *shortlist_to_slow(const struct action_context *context,
					const struct action_call *call, size_t whom_arg,
					enum refusal (*weigh)(const struct shortlist_query *query,
							      const struct service *service,
							      uint64_t *ret_weight),
					struct plan *plan);
