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

PLAN_HALF_(kill);
PLAN_HALF_(migrate);
PLAN_HALF_(notify);

LEVEL_(kill);
LEVEL_(migrate);
