/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The sets of nodes that processes may use. Each is 128 bytes, there are thousands of processes,
 * and on one machine hardly more than a few different sets: so each is kept once. Sets stay where
 * they are until a sweep finds that nobody has them any more.
 */

#include "util/idset.h"

#include <stdbool.h>
#include <stddef.h>

#define NODE_SETS_MAX 128

struct node_sets {
	struct idset sets[NODE_SETS_MAX];
	bool used[NODE_SETS_MAX];
	bool kept[NODE_SETS_MAX];
};

/* The one that is kept and equals `set`. NULL: there is no room for another one. */
const struct idset *node_sets_put(struct node_sets *sets, const struct idset *set);

/* A sweep: begin, keep each that somebody has (NULL is ignored), end. */
void node_sets_sweep_begin(struct node_sets *sets);
void node_sets_keep(struct node_sets *sets, const struct idset *set);
void node_sets_sweep_end(struct node_sets *sets);
