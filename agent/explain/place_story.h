/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where memory goes: what an allocation tries after its own node, who may not follow it there and
 * why not, and whose memory a node holds.
 */

#include "core/snapshot.h"
#include "util/strbuf.h"

/* The nodes in the order in which an allocation on `node` tries them, itself first: by distance
 * (build_zonelists(), mm/page_alloc.c). Among equally near ones the kernel takes those without CPUs
 * first and spreads the rest over nodes, so their order here is by id. ret: room for all nodes of
 * the snapshot. Returns how many; 1 where distances are unknown. */
size_t place_fallback(const struct snapshot *snapshot, const struct node *node,
		      const struct node **ret);
/* "what finds nothing here goes to node 1 (distance 20, 5 GiB of headroom), then to nodes 2 and 3
 * (30)". False: there is no other node. */
bool place_fallback_text(const struct snapshot *snapshot, const struct node *node,
			 struct strbuf *out);

/* May it use a part of the nodes only? */
bool place_is_confined(const struct snapshot *snapshot, const struct service *service);
/* "by its cpuset and the policy of a mapping"; "" where the reason was not found out. */
void place_confined_by(const struct service *service, struct strbuf *out);
/* "guest1 may use nothing but node 0, by its cpuset, and has 3 GiB here". */
void place_confined_text(const struct snapshot *snapshot, const struct service *service,
			 unsigned node, struct strbuf *out);

/* Why its memory is not touched now, a static sentence; NULL: nothing holds it. */
const char *place_hold_text(enum service_hold hold);

/* What the service has on that node; NULL: unknown. */
const struct node_share *place_share(const struct snapshot *snapshot, const struct service *service,
				     unsigned node);
