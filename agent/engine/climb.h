/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How a rule that fires goes from line to line of its ladder. See ladder.h for the states around
 * it.
 *
 * A line without a fixed amount that is overtaken is not given up with that: it goes on beside the
 * line that overtook it, grows, and is tried again, for as long as it works. The ladder is not
 * exhausted before it has ended. Otherwise a move that was a little too slow for a moment, and was
 * overtaken by nothing more than a notice, would leave the node to itself for a whole Cooldown=.
 */

#include "engine/state.h"

/* Does it fire by the readings with credits? */
bool climb_fires_credited(const struct engine *e, const struct instance *instance);
/* Does the line that runs need longer than there is time? */
bool climb_is_overtaken(const struct engine *e, const struct instance *instance);
/* The last step of the line that ran has ended. */
void climb_line_ended(struct engine *e, struct instance *instance);
/* Back to the first line. */
void climb_start_over(struct episode *episode);

/* Lets running steps grow. */
void climb_regrow(struct engine *e, struct instance *instance);
/* Starts what instance->want says is due: first everybody's with `destructive` false, which stops
 * at a destructive line, then with true. */
void climb_on(struct engine *e, struct instance *instance, bool destructive);

/* One of its steps has ended; was found to have gained less than half of what was expected. */
void climb_step_ended(struct engine *e, struct instance *instance, const struct flight *flight);
void climb_fell_short(struct engine *e, const struct flight *flight);
