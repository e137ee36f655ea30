/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * `undo` while an agent runs, which has what it has set: it is told to do nothing more, gives back
 * by itself, and the record shows when it has.
 */

#include "cli/cli.h"
#include "util/usec.h"

/* No exit status: there is no agent any more. */
#define UNDO_NO_AGENT (-1)

/* Pauses the rules that have set something and waits until that is given back; with `all` pauses
 * the host and waits for what policies hold as well. An exit status or UNDO_NO_AGENT. */
int undo_beside_agent(const struct verb *verb, bool all, usec_t patience_usec);
