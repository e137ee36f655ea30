/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the engine decides and what became of it. A plan is data: printing it is dry-run, handing it
 * to the executor is acting. Amounts only: the pages are found when a step is carried out.
 */

#include "core/metric.h"
#include "core/policy.h"
#include "core/snapshot.h"
#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One per row of the action table (act/action.h), in the same order. */
enum action_id {
	ACTION_KILL,
	ACTION_MIGRATE,
	ACTION_NOTIFY,
	ACTION_COUNT_,
};

#define NAME_BYTES	  128 /* a printable name in a step; longer ones are cut */
#define PATH_BYTES	  512 /* a cgroup path in a step; a longer path is never a target */
#define PLAN_STEPS_MAX	  32
#define PLAN_REFUSALS_MAX 64
#define STEP_EVIDENCE_MAX 4

/* One comparison that made the rule fire. */
struct evidence {
	enum metric_id metric;
	const char *comparison; /* "<", as it holds now; a static string, never NULL */
	struct reading value;
	struct reading threshold;
	usec_t since_usec; /* how long it has held */
};

struct step_target {
	uint64_t key; /* service_key() */
	int policy;
	char path[PATH_BYTES];
	char name[NAME_BYTES];
};

struct step_migrate {
	unsigned from_node;
	unsigned to_node;
	uint64_t bytes;
	bool move_shared; /* MPOL_MF_MOVE_ALL: guest memory only */
};

struct step_kill {
	usec_t grace_usec; /* between SIGTERM and SIGKILL */
};

enum step_order {
	STEP_START,
	STEP_RESIZE, /* a running step: the amount is now this */
	STEP_CANCEL, /* a running step is not needed any more, or its subject is gone */
};

struct step {
	uint64_t id; /* unique in the life of an engine */
	enum step_order order;
	enum action_id action;
	enum mode mode;	       /* as staged: agent, policy, rule, EnforceActions */
	const char *mode_from; /* a static string: what made it a dry run, NULL when enforced */
	size_t rule;	       /* index into the rules of the configuration */
	size_t ladder;	       /* which Do= line */
	struct subject subject;
	struct step_target target; /* path empty: the step has none (notify) */
	union {
		struct step_migrate migrate;
		struct step_kill kill;
	};
	/* What the step is verified by, and what a dry run credits: the subject's metric below
	 * rises by that much. METRIC_NONE: nothing to verify. */
	enum metric_id gain_metric;
	int64_t expected_gain;
	struct evidence evidence[STEP_EVIDENCE_MAX];
	size_t evidence_count;
	usec_t planned_at;
};

/* Why a candidate was passed over; a plan explains itself. */
enum refusal {
	REFUSE_POLICY_KEEP,	/* Nodes= or Kill= says no */
	REFUSE_PROTECTED,	/* built-in protection, a guest, the agent itself */
	REFUSE_CONFINED,	/* may not live anywhere else */
	REFUSE_UNKNOWN_NODES,	/* where it may live was not found out yet */
	REFUSE_NOTHING_THERE,	/* nothing, or too little, on the starved node */
	REFUSE_NO_ROOM,		/* no allowed node has room for it */
	REFUSE_BARRED,		/* an earlier try had no effect */
	REFUSE_HELD,		/* live migration under way, or pinned */
	REFUSE_BUSY,		/* another step has it */
	REFUSE_BUDGET,		/* KillBudget= is spent */
	REFUSE_GAIN,		/* would free too little */
	REFUSE_ONE_DESTRUCTIVE, /* another destructive step is under way on this host */
	REFUSE_PLAN_FULL,
	REFUSE_NO_CANDIDATE, /* nobody is named for it */
	REFUSE_COUNT_,
};

struct refusal_note {
	size_t rule;
	size_t ladder;
	struct subject subject;
	uint64_t service; /* service_key(), or 0: the whole line of the ladder */
	enum refusal why;
};

/* A sentence, a static string. */
const char *refusal_text(enum refusal r);

/* One step of a rule's life, for logs: what the engine did that is not a step. */
enum note_kind {
	NOTE_FIRED,
	NOTE_CLEARED,
	NOTE_EXHAUSTED,
	NOTE_NO_EFFECT, /* a step was verified and gained less than a tenth */
	NOTE_SUBJECT_GONE,
};

struct note {
	enum note_kind kind;
	size_t rule;
	struct subject subject;
	uint64_t step; /* 0 where none is meant */
	int64_t expected;
	int64_t gained;
};

#define PLAN_NOTES_MAX 32

struct plan {
	struct step steps[PLAN_STEPS_MAX];
	size_t step_count;
	struct refusal_note refusals[PLAN_REFUSALS_MAX];
	size_t refusal_count;
	struct note notes[PLAN_NOTES_MAX];
	size_t note_count;
	/* Said instead of dropped silently. */
	size_t refusals_dropped;
	size_t notes_dropped;
};

void plan_reset(struct plan *plan);
/* The next free step, zeroed; NULL when the plan is full. */
struct step *plan_add_step(struct plan *plan);
void plan_add_refusal(struct plan *plan, struct refusal_note note);
void plan_add_note(struct plan *plan, struct note note);

/* Where every page of a move ended (DESIGN section 5). Sums to the pages that were looked at. */
struct page_accounts {
	uint64_t moved;
	uint64_t already_there;
	uint64_t busy;
	uint64_t pinned;
	uint64_t shared;
	uint64_t absent;
	uint64_t refused;
	uint64_t not_tried;
};

enum outcome_state {
	OUTCOME_RUNNING,
	OUTCOME_DONE,
	OUTCOME_FAILED,
	OUTCOME_CANCELLED,
};

/* What became of a step; one while something changed, and one last one (not RUNNING). */
struct outcome {
	uint64_t step;
	enum outcome_state state;
	bool simulated; /* a dry run's: nothing was done */
	int error;	/* errno value of a FAILED one, 0 otherwise */
	char reason[NAME_BYTES];
	uint64_t done_bytes;	    /* so far */
	uint64_t remaining_bytes;   /* of what was asked for */
	uint64_t bytes_per_sec;	    /* measured; 0 unknown */
	struct page_accounts pages; /* of a move */
	unsigned signalled;	    /* processes, of a kill */
	usec_t at_usec;
};
