/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The way from a sample to a kill, gone once at the start, in the sandbox that the agent is in and
 * with nobody harmed: so that what is missing on it is said when there is time to mend it, and what
 * it needs is in memory before that is gone.
 *
 * The decision is made by an engine of its own about a machine that is made up, where one service
 * has everything. It names the agent's own control group as that service: what a kill reads of a
 * victim is read of that one, its processes get the signal that is none, and the last check before
 * a step has to refuse to have it killed. Every migrator is asked whether it could free a victim's
 * memory. Nothing is written, and the agent's own engine and executor know nothing of it.
 */

#include <stdbool.h>
#include <stddef.h>

struct warden;

#define REHEARSAL_FAULTS_MAX 14
#define REHEARSAL_TEXT_BYTES 160

struct rehearsal {
	/* What is missing, for people, in the order of the way. */
	char faults[REHEARSAL_FAULTS_MAX][REHEARSAL_TEXT_BYTES];
	size_t fault_count;
};

/* After the first tick. `show` is called with a warden that has what
 * is to be published of it, and of which nothing may be kept. Never fails: that is a fault too. */
void warden_rehearse(struct warden *warden, void (*show)(void *context, const struct warden *stage),
		     void *context, struct rehearsal *ret);
/* Also for what the caller found to be missing; what there is no room for is left out. */
__attribute__((format(printf, 2, 3))) void rehearsal_fault(struct rehearsal *rehearsal,
							   const char *format, ...);
