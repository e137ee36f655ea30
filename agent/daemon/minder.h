/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A watchdog of the agent's own, beside the service manager's, which has to be patient with a host
 * that thrashes: a process that sleeps until memory is short, and from then on looks once a second
 * whether ticks are finished. It counts looks and not time, so that a machine that was stopped for
 * a while is no fault.
 *
 * If not, it says so, and what the agent waits for. It ends the agent only where that helps, so
 * that the service manager starts another one at once: when it spins outside the kernel, or waits
 * for what does not come. One that the kernel holds would not die from it, and goes on by itself as
 * soon as it could; one that somebody has stopped or is looking at with a debugger is let be.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct minder;

/* In danger a tick is made each second at the least. */
#define MINDER_LOOK_USEC USEC_PER_SEC

/* Forks it: before anything else is open. `may_end`: somebody will start the agent again. 0 or
 * -errno. */
int minder_new(bool may_end, usec_t look_usec, struct minder **ret);
/* Ends it. */
struct minder *minder_free(struct minder *minder);
/* A tick was finished. One write, but where danger begins or ends. NULL is no minder. */
void minder_beat(struct minder *minder, bool is_danger);

/* The judgement, without the process. */

struct minder_look {
	uint32_t beats;
	char state; /* as in proc_stat; 0: not known */
	uint64_t user_ticks;
};

enum minder_verdict {
	MINDER_WELL,
	MINDER_WAIT,  /* nothing new, and nothing to be said of it */
	MINDER_SAY,   /* no tick was finished for long */
	MINDER_END,   /* and ending it helps */
	MINDER_KILL,  /* it was asked to end and is still there */
	MINDER_AGAIN, /* it is well again, after this was said */
};

struct minder_case {
	struct minder_look first; /* that saw no new beat */
	uint32_t beats;		  /* of the last look */
	unsigned silent;	  /* looks in a row without a new one */
	unsigned waiting;	  /* looks in a row in which it waits for an event */
	bool is_said;
	bool is_ended;
};

/* `centiticks`: what a processor that is used by nobody else counts from one look to the next,
 * times a hundred. */
enum minder_verdict minder_judge(struct minder_case *c, const struct minder_look *look,
				 bool may_end, uint64_t centiticks);
