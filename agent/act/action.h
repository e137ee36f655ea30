/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The plan half of a remedy: what an action is called, what it takes, and whom it would act on.
 * Sees core and model only. One file an action (NAME_plan.c; stop-unit and
 * restart-unit share unit_step.c), one row in the table. The apply half
 * is act/remedy.h.
 */

#include "core/plan.h"
#include "core/policy.h"
#include "core/snapshot.h"

#include <stdbool.h>
#include <stddef.h>

#define ACTION_ARGS_MAX 6

enum action_arg_type {
	ARG_AMOUNT,   /* bytes, or the word until-clear */
	ARG_NODE,     /* a node id, or the word roomiest */
	ARG_DURATION, /* microseconds */
	ARG_WORD,     /* one of `words` */
	ARG_NUMBER,   /* a whole number from `least` to `most` */
	ARG_PERMILLE, /* a part, from `least` to `most`: "-25%" is -250, "2.5%" is 25 */
	ARG_RATE,     /* bytes per second: "10M/s" */
	ARG_SETTING,  /* the name of one that `setting_bits` has */
	ARG_UNIT,     /* of one of the types `words`, with specifiers in it (act/unit_text.h) */
};

struct action_arg_spec {
	const char *name; /* "bytes"; NULL: given without a key ("kill canary") */
	enum action_arg_type type;
	const char *const *words; /* ARG_WORD: what may stand there, NULL-terminated */
	/* ARG_WORD: by word, the rules that it may stand in, as bits 1 << enum scope. NULL: all */
	const unsigned *word_scopes;
	const char *fallback; /* as it would be written; NULL: must be given */
	bool is_optional;     /* without a fallback it may be left out; then ARG_NOT_GIVEN */
	const char *meaning;
	/* ARG_NUMBER, ARG_PERMILLE, ARG_RATE, ARG_DURATION; both 0: any. A number up to INT64_MAX
	 * may be one of bytes: "64M". */
	int64_t least;
	int64_t most;
	uint32_t setting_bits; /* ARG_SETTING: 1 << enum setting_id */
};

#define ARG_UNTIL_CLEAR INT64_MAX
#define ARG_ROOMIEST	(-1)
#define ARG_NOT_GIVEN	INT64_MIN

/* One Do= line, parsed: values in the order of the action's specs, defaults filled in. */
struct action_call {
	enum action_id action;
	/* Bytes, node, usec, permille, number, enum setting_id, or index into words. */
	int64_t values[ACTION_ARGS_MAX];
	char *unit;    /* of the ARG_UNIT, as written; NULL: not given */
	char *text;    /* as written, for plans and logs */
	unsigned line; /* in its file, for errors found later */
};

/* What a rule asks its steps to reach: the first bytes comparison of Until=, with virtual credits
 * of a dry run already counted. */
struct goal {
	bool known;
	enum metric_id metric;
	int64_t deficit_bytes; /* how far the subject's metric is from clear; <= 0: it is clear */
};

/*
 * What is under way or barred, asked by the plan halves, answered by the engine.
 *
 * One line of a ladder is planned up to twice: once for the candidates that may be acted on, from
 * real readings, and once for those that staging leaves in dry run, from readings with the credits
 * of the dry run so far. A candidate belongs to exactly one of the two: candidate_is_meant() says
 * which.
 */
struct action_context {
	const struct snapshot *snapshot;
	const struct policy_table *policies;
	struct subject subject; /* of the rule instance */
	struct goal goal;
	/* What running steps of whatever rule will still add to the subject's goal. */
	uint64_t relief_bytes;
	size_t rule;
	size_t ladder;
	usec_t now_usec;
	enum mode mode;	       /* whom this call is about */
	bool enforced;	       /* agent, rule and EnforceActions= let this action act */
	bool subject_is_named; /* by Policies= of the rule: the operator means just this one */
	bool is_regrown; /* the line runs already: grow its steps, add to them, or do nothing */
	/* Does some running step already act on this service? */
	bool (*is_busy)(void *engine, uint64_t service);
	/* The running step of this very line on this service, or NULL; and how much of its amount
	 * the snapshot still shows where it was. */
	const struct step *(*own_step)(void *engine, uint64_t service, uint64_t *ret_pending_bytes);
	/* Was this found without effect lately? */
	bool (*is_barred)(void *engine, enum action_id action, uint64_t service);
	/* Of what is barred: because its memory did not move? NULL: that is never so. */
	bool (*is_unmovable)(void *engine, uint64_t service);
	/* Did some of its memory come to this node lately by a move? NULL: nothing did. */
	bool (*has_arrived)(void *engine, uint64_t service, unsigned node);
	/* Bytes that steps under way will still bring to this node. */
	uint64_t (*incoming_bytes)(void *engine, unsigned node);
	/* What this node can take and stay clear by the rule's own measure: 0 if it is in trouble
	 * itself, UINT64_MAX if the rule has no measure of bytes. */
	uint64_t (*spare_bytes)(void *engine, unsigned node);
	/* What a dry run has taken off this service on this node (SCOPE_NODE) or altogether
	 * (SCOPE_HOST); UINT64_MAX once it would have been killed. 0 where real steps are planned.
	 */
	uint64_t (*taken_bytes)(void *engine, uint64_t service, struct subject subject);
	/* Does this line's own rule hold a claim of that action on this service already, and with
	 * what value? In a dry run what it has said. False: no. */
	bool (*own_claim)(void *engine, const struct setting_target *on, struct setting_value *ret);
	/* May a line that asks for a canary take a service instead, now? What stands against it is
	 * said. NULL: it may. */
	bool (*may_destroy)(void *engine);
	/* The running step number `i` of an action (freeze, for thaw), NULL at the end. */
	const struct step *(*running_step)(void *engine, enum action_id action, size_t i);
	void *engine;
};

struct action {
	const char *name;
	const char *summary;
	bool reversible;
	bool destructive;
	bool is_internal;      /* in no ladder: policies use it */
	bool sets;	       /* its steps carry `setting`: claimed, recorded, given back */
	bool undone_by_remedy; /* nothing is recorded: a STEP_UNDO is one more step of it */
	bool finds_guest;      /* %guest of its unit's name is found for a rule on a node */
	unsigned scopes;       /* bits 1 << enum scope: rules it may stand in */
	struct action_arg_spec args[ACTION_ARGS_MAX];
	size_t arg_count;
	/* What only shows when all arguments are read. The index of the one that is at fault, with
	 * the fault in words; -1: none is. NULL: nothing can be. */
	int (*check)(const struct action_call *call, struct strbuf *ret_fault);
	usec_t settle_usec; /* after the end, before the gain can be measured */
	/* Adds steps (order STEP_START, target, amounts, gain) and refusals to the plan; the engine
	 * fills id, mode, rule, evidence. No candidate is no error: it adds no step and says why.
	 */
	void (*plan)(const struct action_context *context, const struct action_call *call,
		     struct plan *plan);
	/* How many bytes of what the step works on are there now, as the subject feels them: what
	 * this falls by from before the step to after it is the step's gain, so that the growth of
	 * others hides nothing. Unknown when it cannot be told. NULL: nothing to verify. */
	struct reading (*level)(const struct step *step, struct subject subject,
				const struct snapshot *snapshot);
	/* Since when the snapshot has what `level` goes by. NULL: a host's and a node's are of its
	 * own time, a service's of when that was sampled. */
	usec_t (*level_at)(const struct snapshot *snapshot);
	/* One line for people, "migrate 640 MiB of web from node 0 to node 1". */
	void (*describe)(const struct step *step, struct strbuf *out);
	/* The exact writes or calls it stands for, one a line. */
	void (*writes)(const struct step *step, struct strbuf *out);
};

extern const struct action actions[ACTION_COUNT_];

/* -1 if there is none of that name that may stand in a ladder. */
int action_find(const char *name);

struct diag_list;
/* Parses "migrate bytes=until-clear to=roomiest". Faults go to `diags` at file:line:column (column
 * of the first character of `text` given). 0 or -EINVAL. What ret_call holds is for
 * action_call_done(). */
int action_parse(const char *text, const char *file, unsigned line, unsigned column,
		 struct diag_list *diags, struct action_call *ret_call);
void action_call_done(struct action_call *call);
/* The rules that it may stand in as it is written, as bits 1 << enum scope: "subject" means nothing
 * to a rule about the host. */
unsigned action_call_scopes(const struct action_call *call);
/* "kill canary". */
bool action_call_is_canary(const struct action_call *call);
/* Does what this step does cost somebody something? The end of a canary does not. */
bool action_destroys(const struct step *step);
