/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Memory follows the nodes that a policy sets. A cpuset that comes over a service while it runs
 * says where its next pages come from; those that it has stay where they are, on v1 always, on v2
 * where the controller was not on before. What then lies outside of the list is moved into it, by
 * the same workers as any move, as a calm one (engine/calm.h), and once the setting is in force.
 *
 * Only what a move can take counts: anonymous and shared memory. Page cache stays until it is
 * reclaimed, and what the kernel keeps for a service stays.
 */

#include "engine/held.h"

/* After held_consider() of that setting; of others there is nothing to do. True: it is to be looked
 * at again without anything being touched. */
bool follow_consider(const struct look *look);

/* Another service has come to this slot. */
void follow_forget(struct engine *e, size_t slot);
/* What was given up is tried again. */
void follow_note_read_again(struct engine *e);
