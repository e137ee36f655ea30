/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The life of a rule about one subject:
 *
 *   idle -> pending        When= is true, without a gap of more than three ticks, for For=
 *        -> running        a step of the ladder
 *        -> waiting        StepWait= from its end, then the next step, while the rule fires
 *        -> exhausted      the ladder has ended and Until= is not reached: Cooldown=, and then the
 *                          ladder from its first step
 *        or cleared        Until= is reached, from any of these
 *
 * It fires only while When= is true and Until= is false; in between the two nothing new is begun
 * and what runs goes on.
 *
 * A line without a fixed amount is not over with its steps. While they run they grow with what is
 * missing; when they have ended, met what was expected, and the rule still fires, the same line is
 * tried again before the next one is: the mildest remedy that works goes on for as long as it
 * works. It has ended when it finds nothing more to do, gained less than half, or is overtaken.
 *
 * An episode whose rule has been quiet for as long as Cooldown= without clearing is a new emergency
 * when it fires again: it starts at the first step, not where the old one stood.
 */

#include "engine/state.h"

/* Reads the rule's conditions. Before any other instance advances. */
void ladder_observe(struct engine *e, struct instance *instance);
/* Changes of state that need no step, and what this tick is to start. */
void ladder_advance(struct engine *e, struct instance *instance);
/* Lets go of all that it has set, said and begun, and begins again once that is back; what its
 * conditions have shown counts on. */
void ladder_start_over(struct engine *e, struct instance *instance);
/* Lets go of nothing, but begins again with the first line. */
void ladder_go_back(struct engine *e, struct instance *instance);
/* What was done for each subject once is not done again by the rules of another configuration. */
void ladder_take_over(struct engine *e, const struct engine *from);
/* The subject is not in the snapshot any more. */
void ladder_subject_gone(struct engine *e, struct instance *instance);
