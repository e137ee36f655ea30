/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the agent holds on this host: the record (engine/ledger.h), and which of its entries differ
 * from the host and nobody is at it. The executor's: a step that sets something is a claim before
 * it is started, and what is given back is written from here, in the same way for a rule that has
 * cleared, a step that failed, a stop and a start.
 */

#include "act/remedy.h"
#include "engine/ledger.h"

struct holdings;

int holdings_new(const struct remedy_env *env, struct holdings **ret);
struct holdings *holdings_free(struct holdings *holdings);

/* Not taken over. What differs from the host is due from then on. */
void holdings_set_ledger(struct holdings *holdings, struct ledger *ledger, usec_t now);
/* NULL: there is no record, and nothing is set. */
struct ledger *holdings_ledger(const struct holdings *holdings);

/* A step's hold on an entry. */
struct hold {
	bool used;
	size_t entry;
	struct claim_owner owner;
	/* What the same owner has asked for before, to be in force again if this fails. */
	bool had_value;
	struct setting_value value;
	/* The step that was to be told when the entry is given back, which now it is not; 0: none.
	 */
	uint64_t overtaken;
};

/* Who asks for a step. */
void holdings_owner(const struct step *step, struct claim_owner *ret);

/* Records the claim. 0: what ledger_get() says is to be written; 1: the host has it already; -errno
 * and why not, a static string. */
int holdings_claim(struct holdings *holdings, const struct step *step,
		   const struct snapshot *snapshot, struct hold *ret, const char **ret_reason);
/* Somebody writes the entry, or does so no more. */
void holdings_set_busy(struct holdings *holdings, size_t entry, bool busy);
bool holdings_is_busy(const struct holdings *holdings, size_t entry);
/* The host has this now. */
void holdings_confirm(struct holdings *holdings, const struct hold *hold,
		      const struct setting_value *asked, const struct setting_value *found,
		      usec_t now);
/* It failed, or was cancelled. What was in force before is due again. */
void holdings_withdraw(struct holdings *holdings, const struct hold *hold, usec_t now);

/* The owner wants it no more. 0: it is due, and `step` will be told, unless that is 0; 1: nothing
 * is to be written; -ENOENT: it has no such claim. */
int holdings_release(struct holdings *holdings, size_t entry, const struct claim_owner *owner,
		     uint64_t step, usec_t now);
/* A step that was to be told of an entry and never will be, as another one does or has done the
 * same; 0: none is left. */
uint64_t holdings_next_outdone(struct holdings *holdings);
/* What is given back first: whoever is frozen, then limits, scores, sysctls. */
#define HOLDINGS_RANKS	4
#define HOLDINGS_FROZEN 0

/* The next entry of a rank, from `from` on, that is due, and that nobody writes; -1. */
ssize_t holdings_next_due(const struct holdings *holdings, unsigned rank, size_t from, usec_t now);
/* Is there one that was not tried yet? */
bool holdings_has_new_due(const struct holdings *holdings);
/* 0: *remedy is what writes it, its entry is busy; 1: nothing had to be written, and the outcome in
 * there is the last word. */
int holdings_prepare(struct holdings *holdings, size_t entry, struct remedy *ret, usec_t now);
/* Such a remedy has ended: result as of advance(). Its outcome says what became of it. */
void holdings_take_result(struct holdings *holdings, struct remedy *remedy, int result, usec_t now);

/* `told` hears of each entry that was given back, let go, or could not be given back now. */
void holdings_watch(struct holdings *holdings,
		    void (*told)(void *context, const struct ledger_entry *entry,
				 const struct outcome *outcome),
		    void *context);

/* What somebody else has set since on what is held now is not respected any more: who asks for it
 * next has it, and that is what will be given back. */
void holdings_take_foreign(struct holdings *holdings);
/* What is held on services that are not there any more, looked at some entries at a time: it goes
 * over to the one that was started in their place, if that was given the same, else it is due. */
void holdings_sweep(struct holdings *holdings, const struct snapshot *snapshot, usec_t now);

/* For remedies. */
struct score_port holdings_score_port(struct holdings *holdings);
