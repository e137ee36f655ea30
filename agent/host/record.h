/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The record of what is set on this host (engine/ledger.h), between the runtime directory and the
 * executor. Only an agent that may act has one.
 */

#include "host/state.h"

/* Gives back what rules of an earlier agent have left, and opens it. Where that cannot be it is
 * said, and nothing is set. */
void record_open(struct warden *w);
/* Hands it to the executor. */
void record_use(struct warden *w, usec_t now);
/* Is anything on its way back, as nobody asks for it? */
bool record_gives_back(const struct warden *w);
/* There is a new configuration: what nobody asks for any more is given back. */
void record_use_config(struct warden *w, usec_t now);
/* Something else is paused: so is what policies hold there. Rules give back by themselves. */
void record_use_pauses(struct warden *w, usec_t now);
