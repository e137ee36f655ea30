/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The engine's own state, shared by the files of the decision and by nobody else.
 *
 * Two clocks. `now` is the caller's. `clock` is the time that was watched: it advances with `now`,
 * but over a hole in the samples by little only, so that a machine that was asleep or an agent that
 * was stopped does not find every For= and StepWait= elapsed when it comes back. What is about the
 * world and not about watching it (cooldowns, bars, the kill budget) goes by `now`.
 */

#include "core/verdict.h"
#include "engine/engine.h"
#include "engine/recall.h"
#include "engine/roster.h"

#define FLIGHTS_MAX 64
/* Of them, for what ends somebody: others may last, and must not keep a host from its last resort.
 */
#define FLIGHTS_LAST 4
#define CREDITS_MAX  64
#define BARS_MAX     128
#define SAID_MAX     512
#define CLAIMS_MAX   ENGINE_CLAIMS_MAX

/* What the steps of a line were to bring and have brought. */
struct round {
	int64_t expected;
	int64_t done;
	bool failed;
	bool in_vain;  /* a step has brought next to nothing: its target is barred, others may do */
	bool vanished; /* a step ended without anybody's fault: it may be made again */
};

/* A rule about one subject: what an idle tick reads and writes. A host may have thousands, nearly
 * all idle; what matters only from the first firing on is in `struct episode`. */
struct instance {
	bool exists : 1;
	bool has_fired : 1;  /* its episode counts */
	bool in_episode : 1; /* fired, and not cleared since */
	bool holding : 1;    /* When= is true, or was within the last few ticks */
	bool until_unknown : 1;
	bool until_true : 1;
	bool fires : 1;		/* by real readings */
	bool fires_virtual : 1; /* and by those with the credits of dry runs */
	uint8_t gap;		/* ticks since When= was true last */
	uint8_t state;		/* enum rule_state */
	uint8_t want;		/* bits of enum want: what this tick may start */
	uint32_t rule;
	uint32_t slot;
	uint32_t place;	       /* in the list of the living */
	usec_t since;	       /* `now` when the state was entered */
	usec_t held_since;     /* clock */
	usec_t held_from;      /* the same by `now` */
	usec_t cooldown_until; /* `now` */
};

/* What a rule was at when it cleared: by the time that the kernel tells of a kill, that kill may
 * have cleared it. */
struct last_standing {
	usec_t cleared; /* `now`; 0: never */
	usec_t begun;
	enum standing standing;
	enum refusal refusal;
	size_t ladder;
	uint64_t service;
	const char *mode_from;
};

/* Its other part, in an array beside it. Not to be read or written before the instance has fired:
 * memory that nobody has touched costs nothing. */
struct episode {
	bool lapsed;	/* it fires again after a quiet time: the ladder starts over */
	bool again;	/* the line that ended may be run once more: it has no fixed amount */
	bool again_dry; /* its dry-run part may grow */
	bool failed;
	bool destroyed;
	bool dry_killed; /* a simulated kill was said: what it would change cannot all be known */
	bool said_exhausted;
	bool acted;	      /* a step of it was real */
	bool freed;	      /* the one before has ended something, and that went well */
	bool settling;	      /* a pause has it wait until what it had set is back */
	uint8_t retries;      /* of the line, as its steps ended without anybody's fault */
	uint32_t line;	      /* the Do= line that was started last */
	uint32_t next;	      /* the one to be tried next */
	uint32_t side;	      /* an overtaken line without a fixed amount, plus one; 0: none */
	usec_t begun;	      /* `now`: when it fired */
	uint64_t made;	      /* lines that have made a real step since, as bits */
	usec_t fired_last;    /* clock */
	usec_t unknown_since; /* clock */
	usec_t again_at;      /* clock */
	usec_t wait_until;    /* clock: StepWait= of the line that ended */
	usec_t wait_dry;      /* clock: the same for its dry-run part */
	usec_t nodes_wait; /* clock: until when unknown nodes are worth waiting for; 0: not asked */
	usec_t side_at;	   /* clock: when it may be tried again; 0: it still runs */
	usec_t cooling;	   /* `now`: the cooldown that real steps have earned, until then */
	struct last_standing last;
	uint64_t dry_lines; /* destructive lines that a dry run has said, as bits */
	struct round round; /* of the line that runs */
	struct round side_round;
};

enum want {
	WANT_REAL = 1 << 0,
	WANT_DRY = 1 << 1,
	WANT_AGAIN = 1 << 2,	/* the same line, and no other */
	WANT_OVERTAKE = 1 << 3, /* the next line, while the one before still runs */
};

/* A real step from its start until it is verified. */
struct flight {
	bool used;
	bool running;
	bool attached; /* its instance waits for it; false once that has cleared or is gone */
	bool want_cancel;
	bool cancelled; /* the plan has said so */
	bool given_up;	/* never heard of again: only its cancellation is still to be said */
	bool is_left;	/* of an engine before this one, and told to end: started then */
	size_t slot;
	struct step step;
	struct outcome outcome; /* the latest */
	usec_t started;		/* clock */
	usec_t heard;		/* clock: the last outcome */
	usec_t moved_at;	/* `now`: the last outcome that brought bytes */
	usec_t ended;		/* clock */
	usec_t spare_at; /* clock: to be cancelled then, if its rule is still content; 0: no */
	usec_t ended_at; /* `now` */
	struct reading before; /* level() at the start */
	int64_t lowest; /* of one that destroys: the least that its subject had while it ran */
};

/* A dry-run step, from when it was said until its rule clears. */
struct credit {
	bool used;
	size_t slot;
	struct step step;
};

struct bar {
	bool used;
	bool has_service;
	enum action_id action;
	uint64_t key; /* of the service, or of the subject */
	usec_t until; /* `now` */
	struct reading size;
	enum service_hold hold;
	/* Its memory did not move: also by who holds it, and by what is pinned on the host. */
	bool is_unmovable;
	pid_t largest; /* its largest process then; 0: none was known */
	uint64_t largest_ticks;
	uint64_t largest_bytes;
	struct reading pinned;
};

#define ARRIVALS_MAX ENGINE_ARRIVALS_MAX

/* A refusal that an episode has said. */
struct said {
	bool used;
	uint8_t why;
	uint32_t rule;
	uint32_t slot;
	uint32_t ladder;
	uint64_t service;
};

enum claim_state {
	CLAIM_FREE,
	CLAIM_ASKED, /* its step runs */
	CLAIM_HELD,
	CLAIM_DUE,	 /* to be given back: not said yet */
	CLAIM_RETURNING, /* said; the value may still be on its way */
};

/* What the steps of one instance have set on one target, as far as the decision has to know. The
 * record that survives the agent is the executor's (engine/ledger.h). */
struct claim {
	uint8_t state; /* enum claim_state */
	bool had;      /* `confirmed` was in force */
	bool is_over;  /* its rule has cleared, and it is held until it can be given back */
	bool was_known;
	uint8_t owner; /* enum cgroup_owner */
	enum action_id action;
	uint32_t rule;
	uint32_t slot;
	uint32_t ladder;
	int policy; /* of the target; -1: it is no service */
	struct subject subject;
	uint64_t service; /* the target's key; 0: it is no service */
	uint64_t step;	  /* the latest that asked; of one that returns, the undo */
	usec_t since;	  /* `now`, when it began to return */
	struct setting_target on;
	struct setting_value value; /* as asked for last */
	struct setting_value confirmed;
	struct setting_value was; /* before the first step */
	char name[NAME_BYTES];	  /* of the target */
};

enum held_state {
	HELD_NEW,
	HELD_SAID,    /* by a dry run */
	HELD_RUNNING, /* its step does */
	HELD_TAKEN,   /* and has ended well: the snapshot has to show it */
	HELD_IN_FORCE,
	HELD_FOREIGN, /* somebody else has set it since */
	HELD_INEFFECTIVE,
	HELD_WAITING, /* it failed, or is needed again: asked for when it is due */
	HELD_REFUSED,
	HELD_PUT_OFF, /* refused for now: looked at again when it is due */
};

/* One setting of a policy on one service. A host may have thousands. */
struct held {
	int64_t wanted; /* as it was asked for or found */
	usec_t due;	/* `now`: not to be looked at before; of one taken, judged then */
	uint8_t state;	/* enum held_state */
	uint8_t tries;	/* in vain, in a row */
	bool confirmed; /* the step has read it back */
	bool told;	/* that it is not in force */
	bool released;	/* by a pause: to be asked for whatever is found, once that is over */
};

#define HOLDS_MAX 8

/* A hold that runs. */
struct hold {
	uint64_t step; /* 0: none */
	uint32_t slot;
	uint32_t setting; /* of the policy */
	usec_t heard;	  /* `now` */
};

/* A move that nobody is in need of: what became of it so far. */
struct calm_try {
	usec_t due;    /* `now`: not to be looked at before */
	usec_t ended;  /* `now`: the last move did */
	uint8_t tries; /* since there was nothing to move */
	uint8_t met;   /* enum refusal: what stood in the way the last time */
	bool is_met;   /* something did */
	bool told;     /* and that was said */
	bool said;     /* by a dry run */
	bool in_vain;  /* the last move has moved nothing */
	struct bar bar;
};

/* The one of these that runs. */
struct calm_move {
	uint64_t step; /* 0: none */
	uint64_t key;  /* of the service */
	enum move_cause cause;
	size_t place; /* the slot of the service; of MOVE_TO_GO_HOME, which account */
};

enum home_state {
	HOME_NOT_GIVEN,
	HOME_SAID,   /* by a dry run, as if the memory were there */
	HOME_LIFTED, /* its node was short: memory may come from others again */
	HOME_GIVEN,  /* it is there: the settings have their value */
};

/* Of one service with Nodes=home. */
struct place {
	bool is_known; /* it was looked at */
	bool has_home;
	uint8_t state;	  /* enum home_state */
	uint8_t told;	  /* enum refusal, plus one: why the home is not set; 0: nothing was said */
	uint16_t home;	  /* node */
	uint16_t other;	  /* another one that the facts speak for */
	usec_t since;	  /* `now`: it was looked at first */
	usec_t doubted;	  /* `now`: the facts speak for another one since then; 0: they do not */
	usec_t troubled;  /* `now`: its node was short; 0: never */
	uint64_t missing; /* what is still to find room there */
	struct calm_try move;
};

#define AWAYS_MAX 64

/* What relief has moved of a service from one node to another. */
struct away {
	bool used;
	uint16_t from;
	uint16_t to;
	uint64_t key;	 /* of the service */
	uint64_t bytes;	 /* that are still there */
	usec_t moved;	 /* `now`: the last that went */
	usec_t troubled; /* `now`: a rule was roused on the host or one of the two nodes */
	usec_t returned; /* `now`: some of it went home; 0: not since relief moved it last */
	usec_t wait;	 /* before it may */
	struct calm_try move;
};

#define TROUBLES_MAX 16

/* A node that was short while an engine before this one looked. */
struct trouble {
	uint16_t node;
	usec_t at; /* `now`; 0: none */
};

struct keeper {
	size_t width;		  /* settings of the policy that has most; 0: nothing is held */
	size_t capacity;	  /* slots that there is room for */
	struct held *held;	  /* by slot, `width` of them each */
	uint64_t *awake;	  /* by slot, as bits: to be looked at */
	bool sets_nodes;	  /* some policy does */
	bool has_homes;		  /* some policy has Nodes=home */
	bool protects;		  /* some policy sets MemoryMin= or MemoryLow= */
	bool told_balancing;	  /* that others place memory here, and so nothing is gathered */
	struct calm_try *follows; /* by slot; NULL where no policy sets nodes */
	struct place *places;	  /* likewise; NULL without Nodes=home */
	struct trouble troubles[TROUBLES_MAX];
	struct hold holds[HOLDS_MAX];
	size_t hold_count;
	size_t cursor; /* the slot that is looked at first */
	size_t asked;  /* in this tick */
	size_t left;   /* found no room in this tick */
	usec_t due;    /* `now`: the first of those that wait; USEC_INFINITY: none does */
	usec_t all_at; /* `now`: everybody was looked at */
};

/* The memory of an ended victim, which may take its time. */
struct return_wait {
	struct subject subject;
	enum metric_id metric; /* that is to rise; METRIC_NONE: nothing is waited for */
	int64_t until_value;   /* it is back */
	usec_t until;	       /* clock: it is not waited for any longer */
};

enum armed_state {
	ARMED_NOT,     /* to be asked for, when its time has come */
	ARMED_SAID,    /* by a dry run */
	ARMED_RUNNING, /* its step does */
	ARMED_TAKEN,   /* and has ended well: the snapshot has to show it */
	ARMED_HELD,    /* it holds its memory */
	ARMED_ENDING,  /* it was told to end, and is still there */
};

/* A canary. */
struct armed {
	bool used;
	bool is_ours;	     /* asked for by this agent, and not known to have ended */
	bool is_here;	     /* in the snapshot of this tick */
	bool failed;	     /* the last try did, and that was said */
	bool cancelled;	     /* the step that runs: the plan has said so */
	uint8_t state;	     /* enum armed_state */
	uint8_t tries;	     /* deaths and failures in a row */
	uint8_t told;	     /* enum refusal, plus one: why it is not armed; 0: nothing was said */
	bool is_told_roused; /* that a roused rule keeps it from being armed, since it was not */
	int error;	     /* of the last try */
	uint64_t key;
	uint64_t step;	/* that runs */
	int64_t deaths; /* as seen last */
	int64_t kernel_kills;
	usec_t since;	   /* `now`: of its state */
	usec_t killed;	   /* `now`: a step that ends it was planned; 0: none since it was armed */
	usec_t calm_since; /* clock, plus one: since when nothing stands against it; 0: something
			      does */
	usec_t wanted_since; /* likewise, but for rules that are roused */
	struct canary_plight plight;
	char name[NAME_BYTES];
	struct step_arm arm; /* as asked for last */
};

struct arming {
	struct armed canaries[CANARIES_MAX];
	usec_t due; /* `now` */
	struct canary_failure failure;
};

struct kill_log {
	usec_t times[ENGINE_KILLS_MAX]; /* oldest first */
	size_t count;
};

#define CLOCK_INTERVALS 4

struct engine {
	const struct config *config;
	size_t *rule_order;   /* by Priority=, then name */
	bool *rule_enforced;  /* by rule: some line may act at all */
	bool *rule_reads_own; /* by rule: nothing but readings of its subject */
	bool some_target_dry;

	struct roster rosters[SCOPE_COUNT_];
	size_t spacing[SCOPE_COUNT_]; /* instances that each rule of a scope has room for */
	size_t *base; /* by rule: its first instance; then one a slot of its scope */
	struct instance *instances;
	struct episode *episodes; /* one an instance, at the same place */
	uint32_t *live;		  /* those that exist, in the order of conflicts */
	size_t live_count;
	uint64_t *awake; /* by place in `live`, as bits: what this tick looks at */
	uint64_t roll;	 /* of the snapshot that `live` was made for */

	struct flight flights[FLIGHTS_MAX];
	size_t flight_end; /* none is used from here on: a quiet tick touches none of them */
	struct credit credits[CREDITS_MAX];
	size_t credit_count;
	int64_t credit_host;   /* what they add up to, this tick */
	int64_t *credit_nodes; /* by slot */
	struct bar bars[BARS_MAX];
	size_t bar_end; /* none is used from here on */
	struct arrived arrivals[ARRIVALS_MAX];
	size_t arrival_end; /* likewise */
	struct said said[SAID_MAX];
	struct claim claims[CLAIMS_MAX];
	size_t claim_end; /* none is used from here on */
	struct keeper keeper;
	struct calm_move calm;
	struct away aways[AWAYS_MAX];
	size_t away_end;       /* none is used from here on */
	struct arming *arming; /* NULL: there are no canaries, and were none */
	/* Canaries whose OnDeath= is done, over what has rules start over: until they live again.
	 */
	uint64_t mourned[CANARIES_MAX];
	size_t mourned_count;
	struct recall recall;
	struct kill_log kills;
	struct kill_log simulated_kills;
	usec_t destructive_until; /* clock: an ended kill's memory is still coming back */
	struct return_wait victim;
	usec_t dry_destructive_until;
	uint64_t last_step;

	usec_t clock;
	usec_t now;
	bool has_ticked;
	bool pause_is_new;
	usec_t intervals[CLOCK_INTERVALS]; /* between the last ticks, as a ring; 0: none yet */
	size_t interval_next;

	/* Of the tick that is being made. */
	const struct snapshot *snapshot;
	struct plan *plan;
};

static inline void instance_enter(const struct engine *e, struct instance *instance,
				  enum rule_state state)
{
	if (instance->state == state)
		return;
	instance->state = (uint8_t)state;
	instance->since = e->now;
}

static inline const struct rule *rule_of(const struct engine *e, const struct instance *instance)
{
	return &e->config->rules[instance->rule];
}

static inline struct subject subject_of(const struct engine *e, const struct instance *instance)
{
	enum scope scope = rule_of(e, instance)->on;

	return (struct subject){ scope, e->rosters[scope].keys[instance->slot] };
}

/* Of an instance that has fired. */
static inline struct episode *episode_of(const struct engine *e, const struct instance *instance)
{
	return &e->episodes[instance - e->instances];
}
