/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whose end would help: the one service that a kill or a stop takes, and only one that its policy
 * names. Never a guest, never what is built in as protected, never the agent's own cgroup, never
 * one whose processes an administrator took out of the kernel's own choice.
 *
 * Kill=first goes before normal, normal before last; then lower rank; then the one that frees most
 * where it is needed. A victim that would free next to nothing is not worth its death: it would go,
 * the trouble would stay, and the next would follow. But a crowd of small services that together
 * are the trouble must not stand in each other's shadow for ever, so the share of the deficit is
 * asked for only while somebody reaches it or the crowd does not matter.
 */

#include "act/candidate.h"

struct victim {
	const struct service *service; /* NULL: none */
	const struct policy *policy;
	uint64_t frees_bytes;
};

struct victim_query {
	const struct action_context *context;
	enum action_id action;
	/* What else stands against it, or REFUSE_COUNT_. NULL: nothing does. */
	enum refusal (*object)(const struct action_context *context, const struct service *service);
};

/* False: nobody; why is said, of each that was passed over or of the line. */
bool victim_choose(const struct victim_query *query, struct plan *plan, struct victim *ret);

/* What ends the service frees what it holds: the level of such a step. One that is gone holds
 * nothing, which is what the step was for. */
struct reading victim_level(const struct step *step, struct subject subject,
			    const struct snapshot *snapshot);
/* Target and gain of such a step. */
void victim_fill_step(const struct action_context *context, const struct service *service,
		      struct step *step);
