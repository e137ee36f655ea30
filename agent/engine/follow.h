/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Memory follows the nodes that a policy sets. A cpuset that comes over a service while it runs
 * says where its next pages come from; those that it has stay where they are, on v1 always, on v2
 * where the controller was not on before. What then lies outside of the list is moved into it, by
 * the same workers as any move.
 *
 * Nobody is in need of it, so that it waits for everything else: for the setting to be in force,
 * for a host that is short, for whatever else is done to the service; there is one such move at a
 * time, and it gives way. What does not move at the second or third try (pinned, shared, of too
 * many processes) is left for ten minutes, or until the service is of another size.
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
/* At the start of a tick, after those of flights. */
void follow_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count);
/* Once the rules have been looked at: a move that runs ends, if the host or a node needs help. */
void follow_yield(struct engine *e);
