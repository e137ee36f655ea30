/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/verdict.h"

const char *standing_name(enum standing standing)
{
	static const char *const names[STANDING_COUNT_] = {
		[STANDING_RUNNING] = "running", [STANDING_WAITING] = "waiting",
		[STANDING_DRY_RUN] = "dry-run", [STANDING_EXHAUSTED] = "exhausted",
		[STANDING_REFUSED] = "refused", [STANDING_COOLING] = "cooling",
		[STANDING_PENDING] = "pending", [STANDING_BRIEF] = "brief",
		[STANDING_MISSED] = "missed",	[STANDING_UNKNOWN] = "unknown",
	};

	return names[standing];
}

const char *verdict_name(const struct verdict *verdict)
{
	switch (verdict->kind) {
	case VERDICT_RULES:
		return standing_name(verdict->rules[0].standing);
	case VERDICT_NO_RULE:
		break;
	case VERDICT_NOT_YET:
		return "not-yet";
	case VERDICT_CANARY:
		return "canary";
	case VERDICT_OWN_LIMIT:
		return "own-limit";
	case VERDICT_ASKED:
		return "asked";
	}
	return "no-rule";
}
