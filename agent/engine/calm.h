/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Moves that policies ask for and nobody is in need of: memory follows the nodes that were set
 * (engine/follow.h), is gathered at home (engine/placement.h), and goes home again after relief
 * (engine/away.h).
 *
 * They wait for everything else: for a host or node that is short, or about to be, for whatever is
 * done to the service; there is one of them on the host at a time, and it gives way at once. What
 * does not move at the second or third try (pinned, shared, of too many processes) is left for ten
 * minutes, or until the service is of another size. What stands in the way is said once.
 */

#include "engine/state.h"

/* A process has some of its libraries' data on whatever node it began on: not worth a move. */
#define CALM_FLOOR_BYTES ((uint64_t)4 << 20)
/* Between two looks at what stands in the way, and two tries. */
#define CALM_WAIT_USEC (10 * USEC_PER_SEC)
/* Services are read in slower rounds. */
#define CALM_SAMPLE_USEC (1 * USEC_PER_SEC)
/* Beside one for each node that it has memory on. */
#define CALM_TRIES_MORE 2

/* Whose memory, and why. */
struct calm {
	struct engine *e;
	const struct service *service;
	const struct policy *policy;
	struct calm_try *move;
	enum move_cause cause;
	size_t place; /* as struct calm_move has it */
};

/* Why a move of this policy is only said; NULL: it is made. */
const char *calm_dry_because(const struct engine *e, const struct service *service,
			     const struct policy *policy);

/* Is its move the one that runs? And its end, where it is wanted no more. */
bool calm_runs(const struct calm *c);
void calm_stop(const struct calm *c);

/* To be looked at again then. True. */
bool calm_wait(const struct calm *c, usec_t usec);
/* Not to be looked at yet? */
bool calm_is_early(const struct calm *c);
/* Was its memory counted since the last move was over? */
bool calm_is_sampled(const struct calm *c);
/* The node outside of these that it has most on, of what a move can take. NULL: there is none worth
 * one. *ret_tries: how often it is tried, by how many such nodes there are. */
const struct node *calm_find_source(const struct calm *c, const struct idset *inside,
				    uint64_t *ret_bytes, unsigned *ret_tries);
/* Left alone until the bar of its last tries, or of anybody's move, is over? */
bool calm_is_barred(const struct calm *c, unsigned tries);
/* Does the host, a node, another such move or something else that is done to the service come
 * first? */
bool calm_is_hindered(const struct calm *c);
/* What this node takes and stays clear by every rule that would move memory off it. */
uint64_t calm_room(const struct engine *e, const struct node *node);

/* Said once, until something else stands in the way. True: to be looked at again. */
bool calm_refuse(const struct calm *c, enum refusal why);
/* `dry`: only said. True: to be looked at again. */
bool calm_start(const struct calm *c, const char *dry, const struct step_migrate *move);

/* What was given up is tried again, and what stands in the way said again. */
void calm_note_read_again(struct calm_try *move);
/* What ran for this place was about another service. */
void calm_forget(struct engine *e, enum move_cause cause, size_t place);
/* At the start of a tick, after those of flights. */
void calm_take_outcomes(struct engine *e, const struct outcome *outcomes, size_t count);
/* Once the rules have been looked at: a move that runs ends, if the host, a node or its service
 * needs help. */
void calm_yield(struct engine *e);
