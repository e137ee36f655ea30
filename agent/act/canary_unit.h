/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A canary as a unit of systemd's: a service that is there only as long as its program runs. In a
 * worker process only.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct unit_bus;

struct canary_unit {
	const char *unit;
	const char *slice; /* "": the system's */
	uint64_t bytes;
	bool has_node;
	unsigned node;
	const char *program; /* its path */
	/* It ends with this one. */
	pid_t agent;
	uint64_t agent_start_ticks;
	usec_t start_usec; /* in which it has to hold its memory */
};

/* Makes it and waits until it holds its memory; whatever has that name is ended before, as what is
 * left of another agent. 0; 1: it holds it, in the open, as this systemd is too old for some of
 * what it would be confined by; else as unit_bus_start_transient(). */
int canary_unit_start(struct unit_bus *bus, const struct canary_unit *canary);
