/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which process is to be looked at next through the files that take its mmap_lock, and what came of
 * it. Every large process once, as it may be a virtual machine; those that decide where a service
 * may live again after a while, sooner while a node has little left.
 */

#include "sense/sensor.h"

/* Names that a round may give to services before the next calm one makes more. */
#define SPARE_NAMES 8

struct inspection_queue {
	bool is_idle; /* nothing is due before this time, unless woken */
	usec_t idle_until;
	bool is_refused; /* the kernel does not let us look */
	char *spare_names[SPARE_NAMES];
	size_t spare_count;
};

extern const struct sensor inspection_sensor;

/* Processes were listed anew. */
void inspection_wake(struct inspection_queue *queue);
