/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/rule_text.h"

#include "util/macro.h"

const char *rule_state_name(enum rule_state state)
{
	static const char *const names[] = {
		[RULE_IDLE] = "idle",		[RULE_PENDING] = "pending",
		[RULE_RUNNING] = "running",	[RULE_WAITING] = "waiting",
		[RULE_EXHAUSTED] = "exhausted",
	};

	return names[state];
}

void rule_state_text(const struct rule *rule, const struct rule_status *status, usec_t now,
		     enum truth when, struct strbuf *out)
{
	const char *step =
		status->ladder < rule->ladder_count ? rule->ladder[status->ladder].text : NULL;

	switch (status->state) {
	case RULE_IDLE:
		strbuf_add(out, when == TRUTH_TRUE ? "its condition is true, it has not begun"
						   : "does not fire");
		return;
	case RULE_PENDING:
		strbuf_add(out, "true for ");
		strbuf_add_duration(out, now - MIN_OF(status->since_usec, now));
		strbuf_add(out, " of ");
		strbuf_add_duration(out, rule->for_usec);
		return;
	case RULE_RUNNING:
		strbuf_addf(out, "fires: %s", step ? step : "its step runs");
		return;
	case RULE_WAITING:
		strbuf_addf(out, "has fired, and waits; next: %s", step ? step : "nothing is left");
		return;
	case RULE_EXHAUSTED:
		strbuf_add(out, "has fired, and every step is used up");
		return;
	}
}
