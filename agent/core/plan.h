/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the engine decides and what became of it. A plan is data: printing it is dry-run, handing it
 * to the executor is acting. Amounts only: the pages are found when a step is carried out.
 */

#include "core/metric.h"
#include "core/policy.h"
#include "core/setting.h"
#include "core/snapshot.h"
#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One per row of the action table (act/action.h), in the same order. */
enum action_id {
	ACTION_ARM, /* a canary is started; in no ladder */
	ACTION_COMPACT,
	ACTION_DROP_SLAB,
	ACTION_FREEZE,
	ACTION_HOLD, /* what a policy says of a service, held; in no ladder */
	ACTION_HUGETLB_SHRINK,
	ACTION_IO_LIMIT,
	ACTION_KILL,
	ACTION_LIMIT,
	ACTION_MIGRATE,
	ACTION_NOTIFY,
	ACTION_OOM_SCORE,
	ACTION_RECLAIM,
	ACTION_RESTART_UNIT,
	ACTION_START_UNIT,
	ACTION_STOP_UNIT,
	ACTION_SYSCTL,
	ACTION_THAW,
	ACTION_COUNT_,
};

#define EVIDENCE_NAME_BYTES 32
#define NAME_BYTES	    128 /* a printable name in a step; longer ones are cut */
#define PATH_BYTES	    512 /* a cgroup path in a step; a longer path is never a target */
#define PLAN_STEPS_MAX	    32
#define PLAN_REFUSALS_MAX   64
#define STEP_EVIDENCE_MAX   4

/* One comparison that made the rule fire. */
#define EVIDENCE_WORDS_BYTES 64

struct evidence {
	enum metric_id metric;
	const char *comparison; /* "<", as it holds now; a static string, never NULL */
	struct reading value;
	struct reading threshold;
	usec_t since_usec; /* how long it has held */
	/* Of what in the subject: the name of a slab cache. Empty: of all of it. */
	char of[EVIDENCE_NAME_BYTES];
	/* What was compared, in the rule's words, where that is more than the metric. */
	char words[EVIDENCE_WORDS_BYTES];
};

struct step_target {
	uint64_t key; /* service_key() */
	int policy;
	char path[PATH_BYTES];
	char name[NAME_BYTES];
};

enum move_cause {
	MOVE_FOR_RELIEF, /* a rule's: a node is short */
	MOVE_TO_FOLLOW,	 /* Nodes=LIST was set while it ran, or its home was */
	MOVE_TO_GATHER,	 /* Nodes=home: it is spread, and goes to its home */
	MOVE_TO_GO_HOME, /* what relief had moved away goes back */
	MOVE_CAUSE_COUNT_,
};

/* A word: "relief", "follow", "gather", "go-home". */
const char *move_cause_name(enum move_cause cause);

struct step_migrate {
	unsigned from_node;
	unsigned to_node;
	uint64_t bytes;
	bool move_shared; /* MPOL_MF_MOVE_ALL: guest memory only */
	/* Of a move that no rule asked for: why memory is moved on a host that is calm. */
	enum move_cause cause;
	/* Only what its own policy prefers to have on that node: of guests with several homes. */
	bool has_preferred;
	unsigned preferred;
};

struct step_kill {
	usec_t grace_usec; /* between SIGTERM and SIGKILL; gets shorter as memory falls */
	bool is_canary;	   /* SIGKILL at once; its own end costs nobody anything */
	bool takes_all;	   /* memory.oom.group: services below it as well */
};

/* COMPACT, RECLAIM, DROP_SLAB: what is done once and has nothing to undo. */
struct step_relief {
	unsigned node;	/* COMPACT; RECLAIM of a node; else unused */
	bool of_node;	/* RECLAIM: of the node, not of the target */
	unsigned order; /* COMPACT: what is wanted */
	uint64_t bytes; /* RECLAIM: at most */
};

/* HOLD, LIMIT, OOM_SCORE, IO_LIMIT, SYSCTL, HUGETLB_SHRINK, FREEZE. `wanted` is what this step
 * asks for; what is then in force may be stricter, as others ask too. Of a STEP_UNDO it is what was
 * asked for, and `was` what there was before that, which need not be what is in force next. */
struct step_setting {
	struct setting_target on;
	struct setting_value wanted;
	struct setting_value was; /* as the snapshot has it; for people */
	bool was_known;
	enum cgroup_owner owner;
	usec_t most_usec; /* FREEZE: thawed then, whatever happens */
	/* A limit is never set below this, whatever else asks: what is protected, and what of the
	 * use cannot be reclaimed. 0: no floor. */
	uint64_t floor_bytes;
	bool is_v1; /* the controllers are in v1 hierarchies: what is written there, for people */
};

#define UNIT_NAME_BYTES 256 /* as systemd: UNIT_NAME_MAX, with the terminator */

struct step_unit {
	char unit[UNIT_NAME_BYTES];
};

/* ARM. A STEP_UNDO of it stops the unit. */
struct step_arm {
	bool is_group; /* there is no systemd: a cgroup of our own, called so */
	char unit[UNIT_NAME_BYTES];
	char slice[UNIT_NAME_BYTES]; /* "": the system's */
	uint64_t bytes;
	bool has_node;
	unsigned node;
};

enum step_order {
	STEP_START,
	STEP_RESIZE, /* a running step: the amount is now this */
	STEP_CANCEL, /* a running step is not needed any more, or its subject is gone */
	/* What this rule's steps about this subject (or, without a rule, this policy's setting of
	 * this target) have set is given back. Action, rule or policy, and subject count. */
	STEP_UNDO,
};

/* Of a step that no rule asked for, but a policy: target.policy says which. */
#define RULE_NONE SIZE_MAX

struct step {
	uint64_t id; /* unique in the life of an engine */
	enum step_order order;
	enum action_id action;
	enum mode mode;	       /* as staged: agent, policy, rule, EnforceActions */
	const char *mode_from; /* a static string: what made it a dry run, NULL when enforced */
	bool is_again;	       /* of a policy: asked for before, and said then */
	size_t rule;	       /* index into the rules of the configuration, or RULE_NONE */
	size_t ladder;	       /* which Do= line */
	/* The name of that rule, or of the policy or canary that asks. The configuration's, which
	 * may be another one soon: whoever keeps a step copies it. */
	const char *owner;
	struct subject subject;
	struct step_target target; /* path empty: the step has none (notify) */
	union {
		struct step_migrate migrate;
		struct step_kill kill;
		struct step_relief relief;
		struct step_setting setting;
		struct step_unit unit;
		struct step_arm arm;
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
	REFUSE_NOT_OURS,     /* another manager's cgroup: libvirt, a container runtime */
	REFUSE_CEILING,	     /* no MemoryMaxCeiling=, or it is reached */
	REFUSE_FLOOR,	     /* it is down to what may not be taken */
	REFUSE_ALREADY,	     /* it is so already */
	REFUSE_UNSUPPORTED,  /* this kernel, or systemd, cannot do it here */
	REFUSE_PANIC,	     /* vm.panic_on_oom: a limit that is met would take the host down */
	REFUSE_NO_SWAP,	     /* nothing could be reclaimed: it would be throttled to a stop */
	REFUSE_FOREIGN,	     /* somebody else has set it meanwhile */
	REFUSE_NO_UNIT,	     /* no systemd unit */
	REFUSE_NO_SYSTEMD,   /* it is not the manager here */
	REFUSE_NOT_READ,     /* who manages it, or what is set on it, is not known yet */
	REFUSE_UNLIMITED,    /* no limit of its own holds it back */
	REFUSE_HOST_FULL,    /* the host, or where it may live, has nothing to spare */
	REFUSE_NO_DEVICE,    /* which disk it writes to is not known */
	REFUSE_BAD_NAME,     /* no unit can be called so */
	REFUSE_BALANCING,    /* kernel.numa_balancing or numad places memory here already */
	REFUSE_NO_HOME,	     /* where it belongs is not known, or nowhere is room for all of it */
	REFUSE_AGENT_BOUND,  /* the agent itself may not use, or not move to, these nodes */
	REFUSE_UNMOVABLE,    /* most of it did not move when that was tried */
	REFUSE_OTHERS_NODES, /* somebody else has said where it may live */
	REFUSE_ARRIVED,	     /* it was moved there lately */
	REFUSE_NO_CANARY,    /* no canary holds memory where it is needed */
	REFUSE_CANARY_ROOM,  /* holding it would leave too little there */
	REFUSE_NO_NODE,	     /* its node is not there, or has no memory */
	REFUSE_OMITTED,	     /* its cgroup bears the mark of other killers: never this one */
	REFUSE_UNSEEN,	     /* it says that it holds its memory, and nothing shows it */
	REFUSE_ROUSED,	     /* a rule about its place is roused, and has been for long */
	REFUSE_GROUP,	     /* memory.oom.group above it: it ends with the whole, or not at all */
	REFUSE_CROSSES,	     /* a limit below what other policies protect of services below it */
	REFUSE_COUNT_,
};

struct refusal_note {
	size_t rule;	 /* RULE_NONE: of the policy that the service has */
	size_t ladder;	 /* with RULE_NONE: enum setting_id */
	bool is_of_move; /* with RULE_NONE: of the memory that is to follow that setting */
	struct subject subject;
	uint64_t service; /* service_key(), or 0: the whole line of the ladder */
	enum refusal why;
	size_t cause; /* ROUSED: that rule, or RULE_NONE */
};

/* A sentence, a static string. */
const char *refusal_text(enum refusal r);

/* One step of a rule's life, for logs: what the engine did that is not a step. */
enum note_kind {
	NOTE_FIRED,
	NOTE_CLEARED,
	NOTE_EXHAUSTED,
	NOTE_GAINED,	/* a step was verified; `expected` and `gained` bytes */
	NOTE_NO_EFFECT, /* likewise, and it gained less than a tenth */
	NOTE_SUBJECT_GONE,
	/* Of a policy's setting; `subject` is the service, `setting` which. */
	NOTE_FOREIGN,	  /* another value than ours was found, and is respected */
	NOTE_INEFFECTIVE, /* it was taken and is not in force; `why` says what would help */
	/* A canary ended, and not by this agent; `subject` is the canary, `by_kernel` who did it,
	 * `expected` what it held. */
	NOTE_CANARY_DIED,
};

struct note {
	enum note_kind kind;
	size_t rule;
	struct subject subject;
	uint64_t step; /* 0 where none is meant */
	int64_t expected;
	int64_t gained;
	enum setting_id setting;
	int policy;
	const char *why; /* a static string, or NULL */
	bool by_kernel;
	/* Of FOREIGN and INEFFECTIVE `expected` is what was asked for and `gained` what is there,
	 * as numbers of the setting. */
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
	/* Reasons of those refusals, as plan_why() bits: what there is no room to say counts. */
	uint64_t whys_dropped;
};

static inline uint64_t plan_why(enum refusal why)
{
	return UINT64_C(1) << why;
}

/* How many there were so far, whether or not there was room for them. */
static inline size_t plan_refused(const struct plan *plan)
{
	return plan->refusal_count + plan->refusals_dropped;
}

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
	/* errno value of a FAILED one, or of trouble that one which is RUNNING goes on from; else 0
	 */
	int error;
	char reason[NAME_BYTES];
	uint64_t done_bytes;	    /* so far */
	uint64_t remaining_bytes;   /* of what was asked for */
	uint64_t bytes_per_sec;	    /* measured; 0 unknown */
	struct page_accounts pages; /* of a move */
	usec_t longest_call_usec;   /* of a move: in the kernel at once */
	unsigned workers;	    /* of a move: at most so many at once */
	unsigned signalled;	    /* processes, of a kill or a score */
	/* Of a step that sets something: what the kernel holds afterwards. */
	struct setting_value in_force;
	bool in_force_known;
	bool is_undo; /* of a STEP_UNDO: the base value is back */
	usec_t at_usec;
};
