/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What becomes of the host or of a node if nobody does anything: when it is empty, and whom the
 * kernel would then kill.
 */

#include "explain/victim_story.h"

#define FATE_NODES_MAX 4

/* The nodes that can run dry by themselves, as somebody is confined to them: those that are empty
 * soonest first. Returns how many there are, with the first FATE_NODES_MAX of them in *ret; 0 on a
 * host of one node, whose fate is the host's. */
size_t fate_nodes(const struct snapshot *snapshot, const struct node *ret[FATE_NODES_MAX]);

/* "node 0, to which 1 service is confined, is empty in 5.8s: this kernel would then kill qemu (PID
 * 178, guest2), score 862". node NULL: the host. */
void fate_text(const struct victim_field *field, const struct node *node,
	       const struct victim_story *story, struct strbuf *out);

/* What is worth a warning in such a story: bits of enum victim_hazard. */
unsigned fate_hazards(const struct victim_story *story);
