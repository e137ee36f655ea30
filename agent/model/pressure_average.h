/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The average of a pressure file over 10 s, from its totals: what the kernel's own avg10 is meant
 * to be, each share of time weighed by e to the power of its age through 10 s.
 *
 * The kernel feeds its averages from work that it puts off, 2 s at a time, and ends when nothing
 * seems to run: from 6.2 on (kernel/sched/psi.c, PSI_STATE_RESCHEDULE) one task alone that sleeps
 * in a stall is taken for nothing, and the time that was missed counts as free of stalls. 7.2 was
 * seen to say 10 % of a service that stalled all the time, while its total grew as it should.
 */

#include "util/usec.h"

#include <stdint.h>

enum pressure_line {
	PRESSURE_SOME,
	PRESSURE_FULL,
	PRESSURE_LINE_COUNT_,
};

/* A zeroed one is empty. */
struct pressure_average {
	usec_t at; /* 0: never */
	uint64_t total_usec[PRESSURE_LINE_COUNT_];
	uint32_t average[PRESSURE_LINE_COUNT_]; /* hundredths of a percent, with 16 binary places */
};

/* A total that goes backwards is of another cgroup: all starts anew. Samples closer than a tenth
 * of a second wait for the next one. */
void pressure_average_add(struct pressure_average *average, usec_t now,
			  const uint64_t total_usec[static PRESSURE_LINE_COUNT_]);

/* Hundredths of a percent; too low while there is less than 10 s to tell from. */
uint32_t pressure_average_get(const struct pressure_average *average, enum pressure_line line);
