/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The place of a canary: is there room for it, and is it calm? See arming.h.
 */

#include "engine/state.h"

/* A canary, while it is looked at. */
struct arming_look {
	struct engine *e;
	const struct canary_status *status;
	const struct canary *section;
	struct armed *armed;
	int64_t size; /* 0: not known */
	int64_t held;
};

/* Is its node there? */
bool arming_is_somewhere(const struct arming_look *look);
/* Why it cannot be armed, whatever the time; REFUSE_COUNT_: it can. */
enum refusal arming_object(const struct arming_look *look);
/* Is no rule about it roused or about to be, and nothing being ended? */
bool arming_is_calm(const struct arming_look *look);
/* Is one roused? */
bool arming_is_roused(const struct arming_look *look);
/* Which, or which is about to be; RULE_NONE: none. */
size_t arming_rouser(const struct arming_look *look);
