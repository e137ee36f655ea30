/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What relief has brought to a node stays there for a while, whatever rule would move it on: two
 * nodes that are short by turns would otherwise hand the same memory to and fro, and each time it
 * costs both of them and the guest. Which pages came cannot be told from those that were there, so
 * all that the service has on that node stays.
 *
 * What policies have moved while it was calm is in the way of no relief: such moves have waits of
 * their own (engine/away.h), and a node that is short after all may cost a guest.
 */

#include "engine/state.h"

/* At the start of a tick, before those outcomes are taken off the flights. */
void arrivals_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count);
/* Did memory of this service come to that node lately? */
bool arrivals_hold(const struct engine *e, uint64_t service, unsigned node);
