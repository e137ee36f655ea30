/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files NAME_plan.c give to the table in action.c; nobody else calls them. See struct
 * action for what each does.
 */

#include "act/action.h"
#include "util/strbuf.h"

#define PLAN_HALF_(name)                                                                       \
	void name##_plan(const struct action_context *context, const struct action_call *call, \
			 struct plan *plan);                                                   \
	void name##_describe(const struct step *step, struct strbuf *out);                     \
	void name##_writes(const struct step *step, struct strbuf *out)

#define LEVEL_(name)                                                                 \
	struct reading name##_level(const struct step *step, struct subject subject, \
				    const struct snapshot *snapshot)

PLAN_HALF_(compact);
PLAN_HALF_(drop_slab);
PLAN_HALF_(freeze);
PLAN_HALF_(hugetlb_shrink);
PLAN_HALF_(io_limit);
PLAN_HALF_(kill);
PLAN_HALF_(limit);
PLAN_HALF_(migrate);
PLAN_HALF_(notify);
PLAN_HALF_(oom_score);
PLAN_HALF_(reclaim);
PLAN_HALF_(start_unit);
PLAN_HALF_(sysctl);
PLAN_HALF_(thaw);
/* Of what ends a service by its unit, to begin again or not. */
PLAN_HALF_(unit_step);
void arm_describe(const struct step *step, struct strbuf *out);
void arm_writes(const struct step *step, struct strbuf *out);
/* Of every step that carries `setting`. */
void setting_describe(const struct step *step, struct strbuf *out);
void setting_writes(const struct step *step, struct strbuf *out);

#define CHECK_(name) int name##_check(const struct action_call *call, struct strbuf *ret_fault)

CHECK_(limit);
CHECK_(oom_score);
CHECK_(unit_step);
CHECK_(sysctl);

/* Of what is not read for each snapshot. */
usec_t compact_level_at(const struct snapshot *snapshot);
usec_t drop_slab_level_at(const struct snapshot *snapshot);

LEVEL_(compact);
LEVEL_(drop_slab);
LEVEL_(hugetlb_shrink);
LEVEL_(kill);
LEVEL_(limit);
LEVEL_(migrate);
LEVEL_(reclaim);
LEVEL_(unit_step);
