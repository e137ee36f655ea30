/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The small machine as a host that is short of memory, for the plan halves that choose among
 * services: a policy for each thing that one can say of being chosen.
 */

#include "act/context.h"

enum { NEVER, NORMAL, FIRST, LAST, GUESTS, SYSTEM, CANDIDATE_POLICIES };
/* Rows that a test may use for policies of its own, with the rank that the others have. */
enum { OWN_POLICY = CANDIDATE_POLICIES, SECOND_POLICY };

static void start_candidates(int64_t deficit_bytes)
{
	start_machine(2);
	context.subject = (struct subject){ SCOPE_HOST, 0 };
	context.goal = (struct goal){ true, METRIC_MEM_AVAILABLE, deficit_bytes };
	for (int i = 0; i <= SECOND_POLICY; i++)
		policies[i] = (struct policy){ .rank = 500, .mode = MODE_ENFORCE };
	policies[NEVER].kill = policies[OWN_POLICY].kill = policies[SECOND_POLICY].kill =
		KILL_NEVER;
	policies[NORMAL].kill = policies[GUESTS].kill = policies[SYSTEM].kill = KILL_NORMAL;
	policies[FIRST].kill = KILL_FIRST;
	policies[LAST].kill = KILL_LAST;
	policies[GUESTS].kind = KIND_VM;
	policies[SYSTEM].kind = KIND_SYSTEM;
}

/* Who is spared whatever the action: the only service, of policy NORMAL, made one after the other
 * of what `check_refused` must find refused for that reason. */
static inline void check_spared(struct service *s,
				void (*check_refused)(uint64_t service, enum refusal why))
{
	uint64_t key = service_key(s);

	s->guest = GUEST_QEMU;
	check_refused(key, REFUSE_PROTECTED);
	s->guest = GUEST_NONE;
	s->policy = GUESTS;
	check_refused(key, REFUSE_PROTECTED);
	s->policy = NEVER;
	check_refused(key, REFUSE_POLICY_KEEP);
	s->policy = NORMAL;
	s->is_self = true;
	check_refused(key, REFUSE_PROTECTED);
	s->is_self = false;
	s->protected_unit = true;
	check_refused(key, REFUSE_PROTECTED);
	s->protected_unit = false;
	s->owner = OWNER_OTHER;
	check_refused(key, REFUSE_NOT_OURS);
	s->owner = OWNER_UNKNOWN;
	check_refused(key, REFUSE_NOT_READ);
	s->owner = OWNER_SYSTEMD;
	barred_service = key;
	check_refused(key, REFUSE_BARRED);
	barred_service = 0;
}
