/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An executor without a plan, over a clerk that has no process of its own.
 */

#include "engine/recover.h"

#include "engine/clerk_here.h"
#include "engine/executor.h"
#include "sys/clock.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <poll.h>

/* Something waits for a time of its own, as thawing does between two tries. */
#define PAUSE_MSEC 2

static size_t count_unlike(const struct ledger *ledger)
{
	size_t count = 0;

	for (ssize_t i = ledger_next(ledger, 0); i >= 0; i = ledger_next(ledger, (size_t)i + 1))
		count += ledger_state(ledger, (size_t)i) != ENTRY_SET;
	return count;
}

static void run(struct executor *executor, const struct clerk_here *here, usec_t patience)
{
	const usec_t until = clock_monotonic_usec() + patience;
	const struct outcome *outcomes;
	usec_t now;

	while (!executor_is_idle(executor) && (now = clock_monotonic_usec()) < until) {
		unsigned requests = here->requests;

		(void)executor_advance(executor, NULL, now, &outcomes);
		if (here->requests == requests && !executor_is_idle(executor))
			poll(NULL, 0, PAUSE_MSEC);
	}
}

/* The layout is the caller's. */
static void rest(struct clerk_here *here)
{
	here->machine.has_layout = false;
	clerk_here_done(here);
}

int recover(struct ledger *ledger, const struct recover_options *options, size_t *ret_left)
{
	_cleanup_(rest) struct clerk_here here = { .machine = { .root = options->root,
								.bus_address = options->bus_address,
								.layout = *options->layout,
								.has_layout = true } };
	const struct remedy_env env = {
		.root = options->root,
		.layout = options->layout,
		.clerks = clerk_here_port(&here),
	};
	_cleanup_(executor_freep) struct executor *executor = NULL;
	int r;

	if (!options->root->live)
		return -EROFS;
	r = executor_new(&env, &executor);
	if (r < 0)
		return r;
	executor_watch_returns(executor, options->told, options->context);
	executor_set_ledger(executor, ledger, clock_monotonic_usec());
	executor_undo_all(executor, options->of_policies_too, clock_monotonic_usec());
	run(executor, &here, options->patience_usec);
	*ret_left = count_unlike(ledger);
	return 0;
}
