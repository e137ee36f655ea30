/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is held, as holdings.c and holdings_sweep.c see it; nobody else's. */

#include "engine/holdings.h"

struct holding {
	bool busy;
	bool due;
	bool is_foreign; /* when it was to be given back */
	bool yields;	 /* what somebody else has set there counts as the value of before */
	uint8_t tries;
	usec_t at;	      /* not before */
	uint64_t step;	      /* is told what becomes of it; 0: nobody is */
	usec_t missing_since; /* 0: its service is there, or it is on none */
};

#define HOLDINGS_OUTDONE_MAX 64

struct holdings {
	const struct remedy_env *env;
	struct ledger *ledger;
	size_t due_count;
	size_t new_count; /* of those without a try */
	size_t swept;	  /* the next to be looked at */
	void (*told)(void *context, const struct ledger_entry *entry,
		     const struct outcome *outcome);
	void *told_context;
	/* Steps that are still to be told that others have seen to it; collected in each round. */
	uint64_t outdone[HOLDINGS_OUTDONE_MAX];
	size_t outdone_count;
	struct holding each[LEDGER_ENTRIES_MAX];
};

/* It is let go, on record too. */
void holdings_forget(struct holdings *holdings, size_t entry);
/* Was the service started anew, and is the same set there already? Then that has all of it from now
 * on, and nothing is to be given back from here: the entry is to be forgotten. */
bool holdings_pass_on(struct holdings *holdings, size_t entry);
