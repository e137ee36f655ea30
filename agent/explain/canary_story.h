/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What there is to be said of a canary. A program that looks at the machine by itself sees what is
 * held, and not what has died: the agent keeps that (host/runtime.h).
 */

#include "core/snapshot.h"
#include "util/strbuf.h"

enum canary_state {
	CANARY_ARMED,	 /* it holds its memory */
	CANARY_COMING,	 /* its unit is there, and does not */
	CANARY_DEAD,	 /* and was not armed again since */
	CANARY_UNARMED,	 /* it was not armed so far */
	CANARY_HOMELESS, /* its node is not there, or has no memory */
};

/* deaths: as the agent has counted them. */
enum canary_state canary_state_of(const struct snapshot *snapshot,
				  const struct canary_status *canary, uint64_t deaths);
/* "armed", "being armed", "dead", "not armed", "no such node" */
const char *canary_state_name(enum canary_state state);

/* Why it does not hold its memory, into what is empty; nothing: that is not known. words: of the
 * last try, which failed; NULL: they are not known. */
void canary_story_wait(struct canary_plight plight, const char *words, struct strbuf *out);

/* Does what it holds, or would, lie on this node? */
bool canary_is_on(const struct canary_status *canary, unsigned node);
/* "canary early:node0 holds 256 MiB, which are free as soon as it is killed", "canary early:node0
 * is to hold 256 MiB: not armed" */
void canary_story_text(const struct snapshot *snapshot, const struct canary_status *canary,
		       uint64_t deaths, struct strbuf *out);
