/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The decision: (configuration, own state, snapshot, outcomes, now) -> plan. No I/O, no clock;
 * after engine_reserve() no heap. Same input, same plan.
 */

#include "core/plan.h"
#include "core/snapshot.h"
#include "rule/config.h"

struct engine;

int engine_new(const struct config *config, struct engine **ret);
struct engine *engine_free(struct engine *engine);
static inline void engine_freep(struct engine **e)
{
	*e = engine_free(*e);
}

/* Room for that many subjects; called between ticks. A tick that meets more leaves the surplus
 * without instances until the next reserve and says so in engine_overflow(). */
int engine_reserve(struct engine *engine, size_t nodes, size_t services);
size_t engine_overflow(const struct engine *engine);

void engine_tick(struct engine *engine, const struct snapshot *snapshot,
		 const struct outcome *outcomes, size_t outcome_count, usec_t now,
		 struct plan *ret_plan);

/* Nothing is known of the time since the last tick, which the clock does not show (a suspend): what
 * was true before it has to hold for its For= again. Between ticks. */
void engine_note_gap(struct engine *engine);

/* What the operator has paused is something else from the next tick on: in the configuration, which
 * is the same but for that, or in the services of the snapshot. What is paused lets go of what it
 * has set, and begins again as a dry run; what is resumed begins again from its first step; of the
 * rest nothing changes. Between ticks. */
void engine_note_paused(struct engine *engine);
/* The operator has read the configuration anew, and it is the same: values that somebody else has
 * set meanwhile are taken over, and what was given up is tried again. Between ticks. */
void engine_note_read_again(struct engine *engine);

/* Goes on where another engine, of another configuration, stops: by its clock, with the numbers of
 * its steps, with the kills that it has spent and what it has found to be of no use. Steps of it
 * that still run were told to end, and are in the way of others until they have, but of relief for
 * some seconds only. Before the first tick. */
void engine_take_over(struct engine *engine, const struct engine *from);

/* What keeps a canary, by the key of its status, from holding its memory, as of the last tick. */
struct canary_plight engine_canary_plight(const struct engine *engine, uint64_t key);
/* NULL: no try has failed. */
const struct canary_failure *engine_canary_failure(const struct engine *engine);

/* Settings that rules have in force at one time, each of which may have to be given back. */
#define ENGINE_CLAIMS_MAX 256

/* Steps are numbered from here on. */
uint64_t engine_last_step(const struct engine *engine);
void engine_set_last_step(struct engine *engine, uint64_t id);

/* Kills done in the window, for the budget; kept over restarts by the host. */
#define ENGINE_KILLS_MAX KILL_BUDGET_MAX
size_t engine_get_kills(const struct engine *engine, usec_t ret_times[ENGINE_KILLS_MAX]);
void engine_set_kills(struct engine *engine, const usec_t *times, size_t count);

/* Memory of a service that relief has brought to a node, for those who would move it on; kept over
 * restarts by the host as well. */
#define ENGINE_ARRIVALS_MAX 128
struct arrived {
	uint64_t service; /* service_key(); 0: none */
	unsigned node;
	usec_t until; /* `now`: it stays there */
};
size_t engine_get_arrivals(const struct engine *engine, struct arrived ret[ENGINE_ARRIVALS_MAX]);
void engine_set_arrivals(struct engine *engine, const struct arrived *arrivals, size_t count);

enum rule_state {
	RULE_IDLE,
	RULE_PENDING,
	RULE_RUNNING,
	RULE_WAITING,
	RULE_EXHAUSTED, /* or cooling down */
};

struct rule_status {
	size_t rule;
	struct subject subject;
	enum rule_state state;
	size_t ladder; /* the step that runs, or that is next */
	usec_t since_usec;
	usec_t cooldown_until;
};

/* Instance i of those that exist, for status and for the cadence. */
size_t engine_instance_count(const struct engine *engine);
void engine_instance_status(const struct engine *engine, size_t i, struct rule_status *ret);
/* A tick was left out because nothing moved that rules could answer; the time was watched all the
 * same. */
void engine_note_watched(struct engine *engine, usec_t now);
/* When the first of the rules that hold now has held for as long as its For= asks, or a setting
 * that waits is due; USEC_INFINITY: nothing is pending. */
usec_t engine_due(const struct engine *engine);
/* Is any instance not idle? The cadence follows danger. */
bool engine_is_alert(const struct engine *engine);
/* Does any of them run a step, or wait for what it has gained? */
bool engine_is_climbing(const struct engine *engine);
/* Is none, and no step to be verified or credited, nothing to be given back or held: does the next
 * tick find nothing to go on with? */
bool engine_is_at_rest(const struct engine *engine);
/* Settings of policies that the last tick had no room for. */
size_t engine_left(const struct engine *engine);
