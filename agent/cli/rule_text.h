/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The state of a rule on one subject, in words.
 */

#include "engine/engine.h"
#include "rule/config.h"
#include "util/strbuf.h"

/* "does not fire", "true for 200ms of 500ms", "has fired, and waits; next: notify". `when`: its
 * condition as it stands. */
void rule_state_text(const struct rule *rule, const struct rule_status *status, usec_t now,
		     enum truth when, struct strbuf *out);
/* "idle", "pending", ... */
const char *rule_state_name(enum rule_state state);
