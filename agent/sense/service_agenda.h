/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which services a round looks at, so that it need not go through all of them: those with something
 * the matter, by bit, and a few more in turn. And which were looked at since the last tick, so that
 * nobody behind has to go through all of them either.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct service_agenda {
	uint64_t *attention; /* by index of the service, as bits */
	uint64_t *seen;	     /* likewise: in `touched` */
	uint32_t *touched;
	size_t touched_count;
	size_t capacity; /* services that there is room for */
	unsigned order;	 /* of the registry that the indexes are of */
};

/* Room for so many; keeps nothing of before when it grows. 0 or -ENOMEM. */
int service_agenda_reserve(struct service_agenda *agenda, size_t count);
void service_agenda_done(struct service_agenda *agenda);
/* Other services, or the same in other places. */
void service_agenda_reset(struct service_agenda *agenda, unsigned order);

void service_agenda_attend(struct service_agenda *agenda, size_t index, bool attend);
bool service_agenda_attends(const struct service_agenda *agenda, size_t index);
/* The first service at or after `from` that needs attention, or SIZE_MAX. */
size_t service_agenda_next(const struct service_agenda *agenda, size_t from);

void service_agenda_touch(struct service_agenda *agenda, size_t index);
/* A new tick: nothing was touched. */
void service_agenda_clear_touched(struct service_agenda *agenda);
