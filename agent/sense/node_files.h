/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What each node's own file tells: meminfo, or vmstat where that cannot be had.
 */

#include "sense/sensor.h"

struct node;
struct node_state;

/* Fills in the state's amounts; sum_known is false when there is nothing to go by. */
void node_files_read(struct sense *sense, struct node *node, struct node_state *state);
/* The node's own file counts the huge page pool in; without zoneinfo it is the best there is. */
struct reading node_files_total(struct sense *sense, const struct node *node,
				const struct node_state *state);
