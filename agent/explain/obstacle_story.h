/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What keeps the memory of a service on its node, and what the operator could change of that. What
 * an agent may not do itself (a policy that QEMU has set, a device that pins) is named with the
 * change that would let a move do it, now or at the next start.
 */

#include "core/detail.h"
#include "core/plan.h"
#include "util/strbuf.h"

enum obstacle {
	OBSTACLE_STRICT,       /* libvirt's numatune mode='strict' */
	OBSTACLE_RESTRICTIVE,  /* ... mode='restrictive' */
	OBSTACLE_BACKEND,      /* host-nodes= and policy=bind of QEMU */
	OBSTACLE_MAPPING,      /* mbind(2) of its own */
	OBSTACLE_TASK,	       /* set_mempolicy(2): numactl, NUMAPolicy= */
	OBSTACLE_UNIT_CPUSET,  /* AllowedMemoryNodes= of its unit, or its own cpuset.mems */
	OBSTACLE_OUTER_CPUSET, /* a cpuset of a cgroup above or below */
	OBSTACLE_PINNED,       /* VFIO */
	OBSTACLE_HELD,	       /* otherwise, by the kernel's own accounts */
	OBSTACLE_MIGRATION,    /* a live migration is under way */
	OBSTACLE_CONFIDENTIAL, /* SEV, TDX */
	OBSTACLE_KEEP,	       /* Nodes=keep */
	OBSTACLE_LIST,	       /* Nodes=LIST */
	OBSTACLE_UNMOVABLE,    /* it was tried */
	OBSTACLE_NO_ROOM,
	OBSTACLE_AGENT, /* the agent's own cpuset */
	OBSTACLE_HUGETLB,
	OBSTACLE_VCPUS,	  /* no obstacle to a move, but to an undisturbed life after it */
	OBSTACLE_BALLOON, /* likewise: it may want more of the node than it has */
	OBSTACLE_COUNT_,
};

/* For programs: "numatune-strict". */
const char *obstacle_name(enum obstacle obstacle);

/* Why its memory stays on snapshot->nodes[node], as far as policies, pins and cpusets go, or
 * REFUSE_COUNT_ when nothing speaks against a move. */
enum refusal obstacle_refusal(const struct snapshot *snapshot, const struct policy *policy,
			      const struct service *service, size_t node);

/* All that there is to say, as bits 1 << enum obstacle. why: of the above, or of a plan;
 * REFUSE_COUNT_: none. detail: of its guest, or NULL. */
unsigned obstacle_find(const struct snapshot *snapshot, const struct service *service,
		       const struct policy *policy, const struct guest_detail *detail,
		       enum refusal why);

/* What it is and what would change it; the same of all services that it is the same for. */
void obstacle_text(const struct snapshot *snapshot, const struct policy *policy,
		   const struct service *service, enum obstacle obstacle, struct strbuf *out);

/* What could be done about a node itself: "1.5 GiB of node 0 is idle ...". False: nothing. */
bool obstacle_node_text(const struct node *node, struct strbuf *out);

#define ADVICE_MAX	    24
#define ADVICE_SERVICES_MAX 16
#define ADVICE_BYTES	    400

/* One change, and for whom it would be one. */
struct advice {
	enum obstacle obstacle;
	char text[ADVICE_BYTES];
	struct {
		const struct service *service;
		uint64_t bytes;
	} services[ADVICE_SERVICES_MAX]; /* the first ones */
	size_t count;			 /* of all of them */
	uint64_t bytes;
};

struct advice_list {
	struct advice items[ADVICE_MAX];
	size_t count;
	size_t left_out; /* changes that found no room */
};

/* Each of `obstacles` (bits), for a service that has that much memory which is kept, and huge pages
 * besides. */
void advice_add(struct advice_list *list, const struct snapshot *snapshot,
		const struct policy *policy, const struct service *service, unsigned obstacles,
		uint64_t bytes, uint64_t huge_bytes);
/* "db (3 GiB), mail (1 GiB) and 7 more (9 GiB)" */
void advice_names(const struct advice *advice, struct strbuf *out);
