/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who is there, and which rules are to be asked about whom.
 *
 * A rule about services has an instance for each of maybe a thousand, nearly all idle. Such an
 * instance dozes: nothing can come of it until the readings of its service change, so it is passed
 * over until the snapshot says that they may have. One of a rule that reads the host as well dozes
 * where its service's own readings make it false whatever the host's are.
 */

#include "engine/state.h"

#define AWAKE_BITS	   64
#define AWAKE_WORDS(count) (((count) + AWAKE_BITS - 1) / AWAKE_BITS)

/* Instances for who came, none for who went. */
void roll_call(struct engine *e);
/* Those about the services that the snapshot names are to be looked at; where it names none, all.
 */
void roll_wake_touched(struct engine *e);
/* At the end of a tick: what needs no further one falls asleep. */
void roll_doze(struct engine *e);

/* The first instance that is awake, from this place on; NULL: there is none. In the order of the
 * living, which is that of conflicts. */
struct instance *roll_next_awake(const struct engine *e, size_t place);

#define FOR_EACH_AWAKE(e, instance)                                         \
	for (struct instance *instance = roll_next_awake(e, 0); (instance); \
	     (instance) = roll_next_awake(e, (size_t)(instance)->place + 1))
