/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a node can take and stay clear: by the rule that asks for a move, or by all rules that would
 * move memory off it again.
 */

#include "engine/state.h"

/* By the rule's own Until=, with the credits of dry runs or without: 0 if the node is in trouble
 * itself, UINT64_MAX if the rule has no measure of bytes. */
uint64_t spare_by_rule(const struct engine *e, const struct rule *rule, unsigned node,
		       bool credited);
uint64_t spare_by_rules(const struct engine *e, unsigned node);
