/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the calls of sys/unit_bus.h are made of; for the files unit_bus*.c alone. */

#include "sys/unit_bus.h"

#include "util/macro.h"

#include <systemd/sd-bus.h>

#define UNIT_BUS_MANAGER_PATH	   "/org/freedesktop/systemd1"
#define UNIT_BUS_MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"

#define UNIT_BUS_ERROR_BYTES 256

struct unit_bus {
	sd_bus *bus;
	usec_t timeout_usec;
	usec_t deadline; /* of the call under way */
	char error[UNIT_BUS_ERROR_BYTES];
};

static inline void message_unrefp(sd_bus_message **m)
{
	*m = sd_bus_message_unref(*m);
}

static inline void slot_unrefp(sd_bus_slot **slot)
{
	*slot = sd_bus_slot_unref(*slot);
}

/* Keeps words for people. */
void unit_bus_say(struct unit_bus *bus, const char *words);
/* Keeps the words of an error, which may be NULL, and returns its -errno. */
int unit_bus_complain(struct unit_bus *bus, int r, const sd_bus_error *error);
/* One step of the library, or a wait for the next one. -ETIMEDOUT; -errno. */
int unit_bus_step(struct unit_bus *bus);
/* Starts the clock of a call about this unit. 0; -EINVAL: it cannot be one. */
int unit_bus_begin(struct unit_bus *bus, const char *unit);
/* A method of the manager that takes words. NULL ends them. */
int unit_bus_call(struct unit_bus *bus, const char *member, const char *first, const char *second,
		  sd_bus_message **ret);
/* False: it does not fit. */
bool unit_bus_copy_word(const char *word, char *buffer, size_t size);
