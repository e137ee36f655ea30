/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The apply half of a remedy: a small state machine that nothing waits for. Every call returns at
 * once. Driven by the executor alone; answers REMEDY_RUNNING, REMEDY_DONE, or a negative errno (and
 * then sets outcome->reason). One file an action (NAME_apply.c), one row in `remedies`.
 */

#include "core/plan.h"
#include "core/work.h"

enum remedy_state {
	REMEDY_DONE,
	REMEDY_RUNNING,
};

struct remedy;
struct sysroot;
struct cgroup_layout;

/* Where slow work goes; the executor implements it over its worker processes. */
struct work_port {
	/* 0 and *ret_worker, or -EBUSY when no worker is free. Workers dedicated to inspection are
	 * not given to a remedy and the other way round. */
	int (*submit)(void *pool, const struct work_request *request, int *ret_worker);
	/* Another message to a worker that has our request (WORK_CANCEL, WORK_RESIZE). */
	int (*send)(void *pool, int worker, const struct work_request *request);
	/* 1 and *ret_reply when one has come, 0 when none, -EPIPE when the worker died. */
	int (*receive)(void *pool, int worker, struct work_reply *ret_reply);
	/* The request is over (final reply seen), or is given up: the worker is killed. */
	void (*release)(void *pool, int worker, bool give_up);
	void *pool;
};

/* Where the scores of processes before we changed them are kept; the executor's, over its undo
 * record. `token` is the step's claim. */
struct score_port {
	/* Before each write. 0; -EEXIST: it is there already, its base stays and `set` is taken;
	 * -ENOSPC: no room, so it must not be written. */
	int (*add)(void *record, size_t claim, pid_t pid, uint64_t start_ticks, int base, int set);
	/* `each` may return 1 to have the process forgotten. */
	void (*each)(void *record, size_t claim,
		     int (*each)(void *context, pid_t pid, uint64_t start_ticks, int base, int set),
		     void *context);
	void *record;
};

struct remedy_env {
	const struct sysroot *root;
	const struct cgroup_layout *layout;
	struct work_port work;	 /* migrators */
	unsigned movers;	 /* that one move may have at once; 0: one */
	struct work_port clerks; /* settings, reclaim, compaction, units */
	struct score_port scores;
	/* A structured record for NOTIFY; never blocks. */
	void (*publish)(void *context, const struct step *step);
	void *publish_context;
};

#define MIGRATE_PROCESSES_MAX 64
/* Workers that one move may have at once. */
#define MIGRATE_LANES_MAX 2

/* What one worker has of a move. */
struct migrate_lane {
	int worker; /* -1: none */
	size_t process;
	unsigned part;
	uint64_t share_bytes;	    /* it may move so many, as it was told last */
	uint64_t known_bytes;	    /* ... or so many, if it has not heard of the last raise */
	uint64_t done_bytes;	    /* of these, by its last reply */
	struct page_accounts pages; /* likewise */
	uint64_t before_pages;	    /* that were moved of the same part before */
	usec_t heard_at;	    /* its last sign of life */
};

/* A part whose share ended before its memory did: what was met of it is met again by whoever takes
 * it then. */
struct migrate_returned {
	bool used;
	size_t process;
	unsigned part;
	struct page_accounts pages;
};

struct migrate_state {
	pid_t pids[MIGRATE_PROCESSES_MAX]; /* largest first */
	uint64_t start_ticks[MIGRATE_PROCESSES_MAX];
	uint64_t rss_pages[MIGRATE_PROCESSES_MAX];
	uint8_t parts[MIGRATE_PROCESSES_MAX]; /* that it is shared in; 0: not begun */
	uint8_t todo[MIGRATE_PROCESSES_MAX];  /* parts that nobody has or is through with, as bits
					       */
	size_t pid_count;
	size_t found; /* processes that it had, more than pid_count if there were too many */
	struct migrate_lane lanes[MIGRATE_LANES_MAX];
	bool cancelled;
	uint64_t to_reserve_bytes;
	/* Of requests that have ended. */
	uint64_t done_bytes;
	uint64_t lost_bytes; /* that workers which died may have moved and did not tell of */
	struct page_accounts pages;
	struct migrate_returned returned[MIGRATE_LANES_MAX];
	int error;  /* errno value of the last process that met one; a vanished one is none */
	int broken; /* -errno: a worker died or hangs, and nothing more is begun */
	bool no_room;
};

struct kill_state {
	int directory_fd;
	usec_t since;	   /* of the last signal but those of later rounds */
	usec_t deadline;   /* for SIGKILL, then for the end */
	usec_t next_round; /* of SIGKILL, against children forked meanwhile */
	bool whole;	   /* nothing below it is left out */
	bool killed;	   /* SIGKILL was sent */
	bool cancelled;
	unsigned refused;    /* processes that could not be signalled */
	int worker;	     /* frees the memory of one that is slow to die; -1: none */
	pid_t released;	     /* the process that was last done so */
	uint64_t held_pages; /* by all of them, when SIGKILL was sent */
	uint64_t left_pages; /* of these, at most so many since */
	usec_t fell_at;	     /* when that became less */
};

enum freeze_phase {
	FREEZE_NONE,  /* nothing of ours is there, not yet or no more */
	FREEZE_ASKED, /* it may be frozen at any moment from here on */
	FREEZE_FROZEN,
	FREEZE_THAWING,
};

/* A clerk has it; or the score of processes is written, some in each tick. */
struct clerk_state {
	int worker; /* -1: none */
	usec_t deadline;
	bool cancelled;
	/* FREEZE */
	enum freeze_phase phase;
	usec_t thaw_at;
	usec_t retry_at;
	usec_t retry_usec; /* after which it is tried again then */
	bool by_hand;	   /* it is thawed, and a clerk is still at it */
	int error;	   /* why it ends before it has begun */
	/* OOM_SCORE */
	pid_t cursor;	  /* the last one done in this pass */
	int directory_fd; /* -1 */
	unsigned passes;
	unsigned written; /* in this pass */
	unsigned refused; /* in this pass */
	int refusal;	  /* the last one's -errno */
};

/* One running step. Lives in the executor's pool; the states are the remedies' own. */
struct remedy {
	struct step step;
	struct outcome outcome;		 /* kept up to date by the remedy */
	const struct snapshot *snapshot; /* the latest, during start() and advance() */
	usec_t started_at;
	union {
		struct migrate_state migrate;
		struct kill_state kill;
		struct clerk_state clerk;
	};
	/* Of a step that sets something: its entry in the undo record, and what is to be in force,
	 * which others may have made stricter than step.setting.wanted. */
	size_t claim;
	struct setting_value value;
	/* `value` is the base, or what other claims leave. The base of OOM_SCORE_ADJ is
	 * SCORE_AS_IT_WAS: each process's own. Of ARM: it is to end. */
	bool is_undo;
	/* Of an undo: the unit had no drop-in for this before, and no other claim is left. */
	bool drop_in_goes;
};

#define SCORE_AS_IT_WAS SETTING_UNLIMITED

struct remedy_ops {
	/* On failure nothing is left to release. */
	int (*start)(struct remedy *remedy, const struct remedy_env *env, usec_t now);
	int (*advance)(struct remedy *remedy, const struct remedy_env *env, usec_t now);
	/* remedy->step.migrate.bytes already carries the new amount. NULL: amounts do not change.
	 */
	int (*resize)(struct remedy *remedy, const struct remedy_env *env);
	/* Asks it to end soon; advance() is called until it is not REMEDY_RUNNING. One that ended
	 * for that sets outcome->state to OUTCOME_CANCELLED. */
	void (*cancel)(struct remedy *remedy, const struct remedy_env *env);
	/* Gives back descriptors and workers, whatever the state. */
	void (*release)(struct remedy *remedy, const struct remedy_env *env);
};

extern const struct remedy_ops *const remedies[ACTION_COUNT_];

/* The worker's side, called in a worker process only. `poll_control` returns 1 and a message when
 * the agent sent one (cancel, resize), else 0. Each reply() goes to the agent. Blocking is allowed
 * here. */
struct work_channel {
	int (*poll_control)(void *context, struct work_request *ret_request);
	int (*reply)(void *context, const struct work_reply *reply);
	void *context;
	const struct sysroot *root;
};
/* WORK_SET, WORK_RECLAIM, WORK_COMPACT, WORK_DROP_SLAB, WORK_UNIT. */
void clerk_work(const struct work_request *request, const struct work_channel *channel);
/* At the start of a clerk: what it asks of the machine only once, and for which it forks. */
void clerk_prepare(const struct sysroot *root);
void migrate_work(const struct work_request *request, const struct work_channel *channel);
/* WORK_TRIAL: moves `bytes` of its own from node to node, in portions like those of a move, where
 * both have room for that above `to_reserve_bytes` (ENOSPC). */
void migrate_trial_work(const struct work_request *request, const struct work_channel *channel);
/* WORK_RELEASE: frees the memory of a process that was sent SIGKILL and is slow to die. */
void kill_work(const struct work_request *request, const struct work_channel *channel);
