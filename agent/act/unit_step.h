/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Steps that stop or restart a unit: one that the operator names in the rule, or that of the rule's
 * subject, or of the first candidate. All of them end the service, and so are chosen and counted as
 * a kill is.
 *
 * A name in the rule is the operator's word, above Kill= of a policy that may have been shipped;
 * above what is built in as protected it is not, nor above guests.
 */

#include "act/action.h"
#include "util/strbuf.h"

void unit_step_plan(const struct action_context *context, const struct action_call *call,
		    struct plan *plan);
int unit_step_check(const struct action_call *call, struct strbuf *ret_fault);
/* "stop web.service to free 1 GiB" */
void unit_step_describe(const struct step *step, const char *verb, struct strbuf *out);
