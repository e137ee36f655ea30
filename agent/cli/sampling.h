/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How the verbs that look once look: the agent for one second with its hands tied. A captured
 * machine is read once, or once a frame.
 */

#include "cli/cli.h"
#include "host/warden.h"
#include "util/diag.h"

/* Ticks until rates are known and inspections are in, bounded by a deadline; `each`, if not NULL,
 * is called after every tick. 0, or -errno of reading the machine. */
int sampling_run(struct warden *warden, bool captured,
		 void (*each)(void *context, const struct warden *warden), void *context);

/* Says why there is nothing to show; an exit status. With faults in `diags` it is those. */
int sampling_failed(const struct verb *verb, const char *what, int error, struct diag_list *diags);
