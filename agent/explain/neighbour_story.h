/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who else on this host places, merges or gives back memory, or kills for want of it, in words:
 * what it does, what the agent makes of that, and what the operator could change.
 */

#include "core/snapshot.h"
#include "util/strbuf.h"

enum neighbour_part {
	NEIGHBOURS_THAT_PLACE, /* those that move memory between nodes, or choose the node */
	NEIGHBOURS_ALL,
};

/* Each that is there: its name for programs ("numa-balancing", "ksm", "systemd-oomd") and a
 * sentence. Returns how many. */
size_t neighbour_story_tell(const struct host *host, enum neighbour_part part,
			    void (*line)(void *context, const char *name, const char *text),
			    void *context);

/* "always"; NULL: not known. */
const char *neighbour_huge_page_name(enum huge_page_mode mode);
