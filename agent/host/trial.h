/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Is memory moved faster here by two workers than by one? It depends on the kernel and the machine,
 * and two that are no faster only take more of it. So some memory of the agent's own is moved
 * between two nodes that have room, by one worker and then by two at once, on a calm host, where
 * the agent is to move memory at all. Nobody waits for it; it is given up when there is anything
 * else to do. It is made once, and again when there are other nodes.
 */

#include "act/remedy.h"

#define TRIAL_WORKERS_MAX 2

enum trial_phase {
	TRIAL_WAITS,
	TRIAL_OF_ONE,
	TRIAL_OF_TWO,
	TRIAL_ENDS, /* given up: the workers were told */
	TRIAL_OVER,
};

struct trial {
	enum trial_phase phase;
	struct idset nodes; /* that there were when it was begun */
	unsigned from_node;
	unsigned to_node;
	uint64_t bytes;
	int workers[TRIAL_WORKERS_MAX]; /* -1: none */
	int error;			/* errno value of the phase */
	uint64_t bytes_per_sec;		/* of those of the phase that are done */
	uint64_t one_bytes_per_sec;
	usec_t begun;	 /* the phase */
	usec_t one_usec; /* what the first one took, all in all */
	usec_t due;	 /* not begun before */
	usec_t deadline; /* of the phase */
	unsigned tries;	 /* that were given up */
	uint64_t last_token;
	unsigned movers; /* the result; one until there is any */
};

struct trial_view {
	const struct snapshot *snapshot;
	struct work_port port; /* migrators */
	bool is_wanted;	       /* moves are to be made here */
	bool is_calm;	       /* nothing else is to be done */
	bool is_danger;	       /* and this is why not: memory is short, or a step runs */
	void (*say)(void *context, bool is_fault, const char *line);
	void *context;
};

void trial_init(struct trial *trial, usec_t now);
void trial_advance(struct trial *trial, const struct trial_view *view, usec_t now);
/* Does a worker have something of it? */
bool trial_is_running(const struct trial *trial);

struct config;
/* Would any rule or policy have memory moved? */
bool trial_is_wanted(const struct config *config);
