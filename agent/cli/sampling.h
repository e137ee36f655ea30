/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How the verbs that look once look: the agent for one second with its hands tied. A captured
 * machine is read once, or once a frame.
 */

#include "cli/cli.h"
#include "host/warden.h"

/* Makes the agent and ticks it until rates are known and inspections are in, bounded by a deadline;
 * `each`, if not NULL, is called after every tick. EXIT_DONE and *ret; or, after it was said why
 * there is nothing to show, another exit status. */
int sampling_run(const struct verb *verb, const struct cli_options *options,
		 void (*each)(void *context, const struct warden *warden), void *context,
		 struct warden **ret);

/* Says that `what` failed; an exit status. */
int sampling_failed(const struct verb *verb, const char *what, int error);

/* "oomwarden 0.1.0: status of this machine": the first lines of what is printed for people. */
void sampling_title(const char *what, const char *root, const struct snapshot *snapshot);
