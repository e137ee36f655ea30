/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How long a victim is given. What it was granted, and no more than half the time that the subject
 * still has: the victim's end takes time as well. Asked when the kill is planned and at every look
 * at it while it runs, so that the time gets shorter as memory goes, and never longer.
 */

#include "core/snapshot.h"

/* However soon memory ends, a process gets this long to react to SIGTERM, and the kernel that long
 * to take a killed one down, which of some hundred GiB is seconds. */
#define KILL_GRACE_MIN_USEC (100 * USEC_PER_MSEC)
#define KILL_DEATH_MIN_USEC (2 * USEC_PER_SEC)

/* Half of what is left, at most `most`, at least `least` or `most` if that is less. */
usec_t kill_grace(const struct snapshot *snapshot, struct subject subject, usec_t least,
		  usec_t most);
/* A deadline that began at `since`, after another look at the subject: the same or an earlier one.
 */
usec_t kill_deadline(const struct snapshot *snapshot, struct subject subject, usec_t now,
		     usec_t since, usec_t least, usec_t deadline);
