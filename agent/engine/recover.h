/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What an agent that is no more has left behind is given back at once, by its record: at the next
 * start, when the service manager sees that it is gone, and by hand. Waits for each write, in this
 * very process: for a program that does nothing else, or a child.
 */

#include "core/plan.h"
#include "engine/ledger.h"

struct sysroot;
struct cgroup_layout;

struct recover_options {
	const struct sysroot *root;
	const struct cgroup_layout *layout;
	const char *bus_address; /* NULL: the system's manager */
	bool of_policies_too;	 /* what policies hold as well, not only what rules have set */
	usec_t patience_usec;	 /* what is not begun by then stays */
	/* Hears of each entry, as executor_watch_returns(). May be NULL. */
	void (*told)(void *context, const struct ledger_entry *entry,
		     const struct outcome *outcome);
	void *context;
};

/* 0, and how many entries could not be given back and stay on record; -errno: nothing was done. */
int recover(struct ledger *ledger, const struct recover_options *options, size_t *ret_left);
