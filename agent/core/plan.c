/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/plan.h"

#include <string.h>

static const char *const refusal_texts[REFUSE_COUNT_] = {
	[REFUSE_POLICY_KEEP] = "its policy forbids it",
	[REFUSE_PROTECTED] = "it is protected",
	[REFUSE_CONFINED] = "it may not live on any other node",
	[REFUSE_UNKNOWN_NODES] = "where it may live is not known yet",
	[REFUSE_NOTHING_THERE] = "it has too little there to be worth moving",
	[REFUSE_NO_ROOM] = "no node that it may use has room for it",
	[REFUSE_BARRED] = "an earlier try had no effect",
	[REFUSE_HELD] = "it is pinned or being migrated to another host",
	[REFUSE_BUSY] = "another step is acting on it",
	[REFUSE_BUDGET] = "the kill budget of the host is spent",
	[REFUSE_GAIN] = "it would free too little",
	[REFUSE_ONE_DESTRUCTIVE] = "another destructive step is under way",
	[REFUSE_PLAN_FULL] = "too many steps at once",
	[REFUSE_NO_CANDIDATE] = "no policy names a candidate",
	[REFUSE_NOT_OURS] = "its cgroup is another manager's",
	[REFUSE_CEILING] = "its policy has no MemoryMaxCeiling=, or that is reached",
	[REFUSE_FLOOR] = "it is down to what may not be taken from it",
	[REFUSE_ALREADY] = "it is so already",
	[REFUSE_UNSUPPORTED] = "this kernel or systemd cannot do it here",
	[REFUSE_PANIC] = "vm.panic_on_oom is set: a limit that is met would take the host down",
	[REFUSE_NO_SWAP] =
		"without swap nothing of it could be reclaimed; it would be throttled to a stop",
	[REFUSE_FOREIGN] = "somebody else has set it meanwhile",
	[REFUSE_NO_UNIT] = "it is no unit of systemd",
	[REFUSE_NO_SYSTEMD] = "systemd is not the manager of this host",
	[REFUSE_NOT_READ] = "who manages it, or what is set on it, is not known yet",
	[REFUSE_UNLIMITED] = "no limit of its own holds it back",
	[REFUSE_HOST_FULL] = "where it may live there is no memory to spare",
	[REFUSE_NO_DEVICE] = "which disk it writes to is not known",
	[REFUSE_BAD_NAME] = "no unit can have the name that comes of it",
	[REFUSE_BALANCING] = "kernel.numa_balancing or numad places memory here already",
	[REFUSE_NO_HOME] = "no node is its home, or none has room for all of it",
	[REFUSE_AGENT_BOUND] = "the agent itself may not use or not move to that node",
	[REFUSE_UNMOVABLE] = "most of it did not move when that was tried",
	[REFUSE_ARRIVED] = "it was moved there lately, and does not go back and forth",
	[REFUSE_NO_CANARY] = "no canary holds memory where it is needed",
	[REFUSE_OMITTED] = "its control group is marked for killers to leave alone (oomd_omit)",
	[REFUSE_GROUP] = "it is part of a group that ends as a whole (memory.oom.group)",
	[REFUSE_CROSSES] = "other policies protect more than that below it",
	[REFUSE_NO_NODE] = "there is no such node with memory here",
	[REFUSE_UNSEEN] = "it says that it holds its memory, and no control group shows it",
	[REFUSE_ROUSED] = "a rule about its place is roused",
	[REFUSE_CANARY_ROOM] = "what it is to hold would leave too little",
	[REFUSE_OTHERS_NODES] = "somebody else has said where it may live",
};

static const char *const cause_names[MOVE_CAUSE_COUNT_] = {
	[MOVE_FOR_RELIEF] = "relief",
	[MOVE_TO_FOLLOW] = "follow",
	[MOVE_TO_GATHER] = "gather",
	[MOVE_TO_GO_HOME] = "go-home",
};

const char *move_cause_name(enum move_cause cause)
{
	return cause_names[cause];
}

const char *refusal_text(enum refusal r)
{
	return refusal_texts[r];
}

void plan_reset(struct plan *plan)
{
	plan->step_count = 0;
	plan->refusal_count = 0;
	plan->note_count = 0;
	plan->refusals_dropped = 0;
	plan->notes_dropped = 0;
	plan->whys_dropped = 0;
}

struct step *plan_add_step(struct plan *plan)
{
	if (plan->step_count == PLAN_STEPS_MAX)
		return NULL;
	struct step *step = &plan->steps[plan->step_count++];

	memset(step, 0, sizeof(*step));
	step->gain_metric = METRIC_NONE;
	return step;
}

void plan_add_refusal(struct plan *plan, struct refusal_note note)
{
	_Static_assert(REFUSE_COUNT_ <= 64, "a reason is a bit");

	if (plan->refusal_count < PLAN_REFUSALS_MAX) {
		plan->refusals[plan->refusal_count++] = note;
		return;
	}
	plan->refusals_dropped++;
	plan->whys_dropped |= plan_why(note.why);
}

void plan_add_note(struct plan *plan, struct note note)
{
	if (plan->note_count == PLAN_NOTES_MAX)
		plan->notes_dropped++;
	else
		plan->notes[plan->note_count++] = note;
}
