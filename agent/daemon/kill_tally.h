/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is killed again and again, by a service that is started anew each second, is said once, and
 * a minute later how often since; then the next kill is said again. Pure: the caller has the clock.
 */

#include "core/kernel_event.h"
#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KILL_TALLY_KINDS 8
#define KILL_TALLY_USEC	 (1 * USEC_PER_MIN)

/* Kills of one cgroup, for one reason. */
struct kill_kind {
	uint64_t key;	  /* 0: free */
	usec_t said_at;	  /* when it was said last */
	unsigned untold;  /* since then */
	char cgroup[128]; /* for people; may be cut */
};

struct kill_tally {
	struct kill_kind kinds[KILL_TALLY_KINDS];
	struct kill_kind others; /* that there was no room for */
	unsigned untold;	 /* of all kinds; 0: there is nothing to come back for */
};

/* True: it is to be said. False: it is counted. After kill_tally_next(). */
bool kill_tally_take(struct kill_tally *tally, const struct kernel_event *event, usec_t now);
/* The next one of which a minute of kills is to be told: how many, of what. False: none. */
bool kill_tally_next(struct kill_tally *tally, usec_t now, struct kill_kind *ret);
