/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the verbs of the operator's brake share (pause, resume, reload, undo): the list of what is
 * paused, which nobody else changes meanwhile, and the agent that is told of it.
 */

#include "cli/cli.h"
#include "host/pause.h"
#include "sys/clock.h"

#include <sys/types.h>

struct brake {
	const struct verb *verb;
	int directory_fd; /* -1: there is no such directory, so no agent has run */
	int lock_fd;
	struct pause_list list; /* perhaps with a fault */
	int result;		/* of brake_tell() */
	pid_t agent;		/* that was told; 0: none */
};

/* Where agents keep what they must not forget. */
const char *brake_directory(void);
/* Of the boot that this machine runs; "" where it does not tell. 0 or -errno. */
int brake_boot_id(char ret[BOOT_ID_BYTES]);

/* EXIT_DONE and *ret; or, after it was said why not, another exit status. create: makes the
 * directory where it is missing. */
int brake_open(const struct verb *verb, bool create, struct brake *ret);
void brake_done(struct brake *brake);
/* The list is this from now on. An exit status, which was said if it is not EXIT_DONE. */
int brake_write(const struct brake *brake);
/* Has the agent read it, and waits until it has: brake->result is that of agent_reload(). */
void brake_tell(struct brake *brake);
/* Does the agent that runs have this list already? */
bool brake_is_known(const struct brake *brake);
/* Says what came of telling the agent, if it is not what one expects; an exit status. No agent at
 * all is no fault. */
int brake_explain(const struct brake *brake);

/* Says that `what` failed; an exit status. */
int brake_failed(const struct verb *verb, const char *what, int error);
