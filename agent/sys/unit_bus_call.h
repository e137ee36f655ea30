/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the calls of sys/unit_bus.h are made of; for the files unit_bus*.c alone. */

#include "sys/unit_bus.h"

#include "util/macro.h"

#include <systemd/sd-bus.h>

#define UNIT_BUS_MANAGER_PATH	   "/org/freedesktop/systemd1"
#define UNIT_BUS_MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"

#define UNIT_BUS_UNIT_PREFIX	   "/org/freedesktop/systemd1/unit"
#define UNIT_BUS_SERVICE_INTERFACE "org.freedesktop.systemd1.Service"

#define UNIT_BUS_ERROR_BYTES 256
#define UNIT_BUS_JOB_BYTES   128

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
/* The same without a unit. */
void unit_bus_start_clock(struct unit_bus *bus);
/* A call to fill in. 0 or -errno, with no words yet. */
int unit_bus_new_call(struct unit_bus *bus, const char *path, const char *interface,
		      const char *member, sd_bus_message **ret);
/* 0 and the answer, which may be wanted by nobody. */
int unit_bus_send(struct unit_bus *bus, sd_bus_message *call, sd_bus_message **ret);
/* A method of the manager that takes words. NULL ends them. */
int unit_bus_call(struct unit_bus *bus, const char *member, const char *first, const char *second,
		  sd_bus_message **ret);
/* False: it does not fit. */
bool unit_bus_copy_word(const char *word, char *buffer, size_t size);

/* A job, once it is queued. */
struct unit_bus_job {
	char path[UNIT_BUS_JOB_BYTES];
	char result[UNIT_BUS_JOB_BYTES]; /* "" as long as it runs */
};

/* Before the job is queued, as it may end before the answer that names it is read. *ret_slot has to
 * outlive the wait. 0 or -errno. */
int unit_bus_watch_jobs(struct unit_bus *bus, struct unit_bus_job *job, sd_bus_slot **ret_slot);
/* Waits for the job that the answer names. As unit_bus_job(). */
int unit_bus_wait_job(struct unit_bus *bus, sd_bus_message *reply, struct unit_bus_job *job);
