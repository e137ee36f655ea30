/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whose end would help: the one service that a kill or a stop takes, and only one that its policy
 * names. Never a guest, never what is built in as protected, never the agent's own cgroup, never
 * one whose processes an administrator took out of the kernel's own choice, never one that bears
 * oomd_omit for killers to see. For a service that is short, only who lives where its limit is:
 * what dies elsewhere is no memory of that cgroup.
 *
 * Kill=first goes before normal, normal before last; then who bears oomd_prefer, and behind all
 * others of the class who bears oomd_avoid; then lower rank; then the one that frees most where it
 * is needed. A victim that would free next to nothing is not worth its death: it would go, the
 * trouble would stay, and the next would follow. But a crowd of small services that together are
 * the trouble must not stand in each other's shadow for ever, so the share of the deficit is asked
 * for only while somebody reaches it or the crowd does not matter.
 *
 * Who has memory.oom.group set ends as a whole, with services of their own below it, as the kernel
 * would have it; unless one of these is to be spared: then each is on its own.
 *
 * What an end gives back. Anonymous memory, and swap where the host is short. Not page cache: that
 * counts as available already. Not huge pages: they go back to their pool, and no limit, node or
 * host has more for it. Of shared memory only what is known to end with its users: memory.stat has
 * in one number, shmem, what does (shared anonymous mappings, memfd) and what does not (files on
 * tmpfs, System V segments). The mappings of the largest process tell them apart, as far as it has
 * touched them and where they were looked through; it is not more than shmem, whoever else it was
 * charged to. Rather too little is foreseen: nobody dies for memory that does not come.
 */

#include "act/candidate.h"

struct victim {
	const struct service *service; /* NULL: none */
	const struct policy *policy;
	enum kill_mark mark;
	bool takes_all; /* and those below it */
	uint64_t frees_bytes;
};

struct victim_query {
	const struct action_context *context;
	enum action_id action;
	bool first_only; /* of Kill=first; the others are not even talked of */
	/* What else stands against it, or REFUSE_COUNT_. NULL: nothing does. */
	enum refusal (*object)(const struct action_context *context, const struct service *service);
};

/* False: nobody; why is said, of each that was passed over or of the line. */
bool victim_choose(const struct victim_query *query, struct plan *plan, struct victim *ret);

/* Does its cgroup lie where the limit is that the subject, a service, meets first? */
bool victim_is_inside(const struct service *subject, const struct service *service);
/* What its end gives back to the subject. */
uint64_t victim_memory(const struct snapshot *snapshot, const struct service *service,
		       struct subject subject);
/* Where that shows; METRIC_NONE of what has no headroom. */
enum metric_id victim_gain_metric(enum scope scope);

/* What ends the service frees what it holds: the level of such a step. One that is gone holds
 * nothing, which is what the step was for. */
struct reading victim_level(const struct step *step, struct subject subject,
			    const struct snapshot *snapshot);
/* The same of a step that takes who lives below along. */
struct reading victim_level_of_all(const struct step *step, struct subject subject,
				   const struct snapshot *snapshot);
/* Target and gain of such a step. Where swap is what the rule is short of, the gain is swap. */
void victim_fill_step(const struct action_context *context, const struct service *service,
		      struct step *step);
