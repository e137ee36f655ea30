/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The operator has the agent read its configuration, and what is paused, while it runs.
 *
 * Another configuration is another set of rules: what was set is given back first, and then they
 * start over. A rule that began before would find in force what it has just let go, take it for
 * done and give up. Where files are as they were, byte by byte, nothing starts over: only values
 * that somebody else has set are taken over again. And where something else is paused, that and
 * nothing else changes.
 */

#include "host/state.h"

/* What the operator has paused; without a runtime directory nothing. */
void reload_read_paused(const struct warden *w, struct pause_list *ret);
/* At a start as well: rules wait, for a while, for what was told to be given back. */
void reload_settle(struct warden *w, usec_t now);
/* Is all of that back, and was this seen since by a round of its own? Asked once a tick, when the
 * machine was read. */
bool reload_is_settled(struct warden *w, usec_t now);
