/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where the virtual CPUs of guests run, and the threads of other services, of those whose policy
 * has Nodes=home: the CPUs that they are kept to, and else the nodes on which they use their time.
 * The kernel says on which CPU a thread ran last, not where it has been. So what a thread has used
 * since a minute ago counts for the node of that CPU, and a node is where a service runs when it
 * has most of it several times in a row: a thread that the scheduler moves about shows on several.
 *
 * Threads are gone through a few in each round, as a guest may have hundreds, and not at all where
 * little memory is left. None of the files takes the process's mmap_lock.
 */

#include "sense/sensor.h"

struct cpu_walk;
struct cpu_watch;

struct cpu_sensor {
	struct cpu_walk *walk; /* NULL: nobody asks */
	size_t cursor;	       /* where the turns go on */
	unsigned order;	       /* of the registry, when room was last made */
	uint32_t serial;       /* of the watch that was made last */
	bool is_short;	       /* some service has more threads than there is room for */
	bool has_begun;	       /* all services were looked at once */
	usec_t walked_at;      /* the last round in which threads were gone through */
	usec_t due;	       /* the next one that has anything to go through; 0: find out */
};

extern const struct sensor cpu_sensor;

/* The service is gone, or nobody asks of it any more. */
void cpu_watch_drop(struct cpu_watch **watch);
