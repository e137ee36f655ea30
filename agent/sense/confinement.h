/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where services may live, and what that means for nodes.
 *
 * The nodes of a service are those that all of its deciding processes may allocate from: the
 * cpuset's (Mems_allowed_list) less what bind policies take away. Its largest process decides, and
 * those with at least a quarter of its size; in a service that runs a virtual machine the monitors
 * alone, as their helpers follow other rules and a guest on huge pages looks small beside them. Any
 * process counts that is confined: it is the one that is killed when its node runs dry. `preferred`
 * does not confine, and on one node nothing does.
 *
 * A guest with parts bound to different nodes may live nowhere as a whole: its set is empty, and it
 * counts as confined on each node where it has memory.
 */

#include "sense/sensor.h"

struct confinement {
	bool is_stale; /* the nodes' sums are to be made anew */
};

/* Makes allowed, hold, guest and the like of one service from its processes. */
void confinement_of_service(struct sense *sense, size_t index);
/* Is this process of the service among those that decide where it may live? */
bool confinement_decides(const struct sense *sense, size_t index, size_t slot);
/* Is it known where this process may live without looking at its policies? */
bool confinement_is_fixed(const struct sense *sense, const struct process *process);
/* Makes the nodes' sums if they are stale. */
void confinement_of_nodes(struct sense *sense);
