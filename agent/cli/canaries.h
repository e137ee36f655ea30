/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Canaries as reports have them: nothing where there are none. What they hold is seen by whoever
 * looks, how often they have died is what an agent that runs has kept.
 */

#include "cli/json_value.h"
#include "core/snapshot.h"

/* root: NULL, or the captured machine, of which nobody has kept anything. */

/* Under a heading of its own. -1: no memory. */
int canaries_print(const struct snapshot *snapshot, const char *root);
/* A line each: of this node, or NULL: of all. */
void canaries_print_lines(const struct snapshot *snapshot, const char *root,
			  const struct node *node);
/* Adds "canaries": of this node, or NULL: of all. */
void canaries_json(const struct snapshot *snapshot, const char *root, const struct node *node,
		   struct json_object *to);
