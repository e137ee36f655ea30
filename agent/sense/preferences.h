/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which nodes the policies of a service's memory prefer, and how much of it is there. Telling that
 * takes a walk of all its page tables, so it is asked for only of services that may be moved, while
 * no node is short, and again only where memory.numa_stat says that something has moved, or after a
 * long time. What is known is kept meanwhile.
 */

#include "sense/sensor.h"

/* Rooms that a round may give to services before the next calm one makes more. */
#define SPARE_PREFERENCES 4

struct service_entry;
struct service_preferences;

struct preference_room {
	struct service_preferences *spares[SPARE_PREFERENCES];
	size_t spare_count;
	usec_t moved_at; /* when a move of ours last told what it has done; 0: none has */
};

extern const struct sensor preference_sensor;

/* Should the next inspection of this process of a service tell them? */
bool preferences_are_wanted(const struct sense *sense, size_t index, size_t slot, usec_t now);
/* Has the service's memory moved since they were told? */
bool preferences_have_moved(const struct sense *sense, size_t index, size_t slot);
/* What an inspection that was asked for them told. False: there is no room before the next calm
 * round. */
bool preferences_take(struct sense *sense, size_t index, size_t slot,
		      const struct inspection *found, usec_t now);
/* The service's processes were listed anew. */
void preferences_check(struct sense *sense, size_t index);
