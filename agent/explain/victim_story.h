/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whom this kernel would kill, by its own formula (model/badness.h), and what is wrong with that
 * choice: for an OOM of the host, of one node, and of a service at its own limit.
 */

#include "core/detail.h"
#include "core/policy.h"
#include "core/snapshot.h"
#include "model/badness.h"
#include "util/strbuf.h"

/* What all questions to one machine share. Made once, on the heap. */
struct victim_field {
	enum badness_era era;
	bool era_guessed;   /* the release is unknown: the newest formula is taken */
	bool era_too_old;   /* before 2.6.36: nothing can be said */
	bool era_corrected; /* what /proc shows spoke against the release */
	const struct kernel_detail *kernel;
	const struct task_details *tasks;
	const struct zone_details *zones;
	const struct snapshot *snapshot;
	const struct policy_table *policies;
	size_t *services; /* by task: index in the snapshot, VICTIM_NO_SERVICE */
};

#define VICTIM_NO_SERVICE SIZE_MAX

/* The pointers must outlive it; `zones` may hold nothing. 0 or -ENOMEM. */
int victim_field_make(const struct kernel_detail *kernel, const struct task_details *tasks,
		      const struct zone_details *zones, const struct snapshot *snapshot,
		      const struct policy_table *policies, struct victim_field *ret);
void victim_field_done(struct victim_field *field);

/* What is wrong with the choice, as bits. */
enum victim_hazard {
	VICTIM_PANICS = 1 << 0,	   /* panic_on_oom: nobody dies, the machine does */
	VICTIM_ALLOCATES = 1 << 1, /* oom_kill_allocating_task: whoever asks dies, not the worst */
	VICTIM_PROTECTED = 1 << 2, /* no policy of the agent would have it killed */
	VICTIM_ELSEWHERE = 1 << 3, /* its service has next to nothing on the starved nodes */
	VICTIM_CROWD = 1 << 4,	   /* everybody scores the least there is */
	VICTIM_TIES = 1 << 5,	   /* others score as high: their order decides */
	VICTIM_CHILD = 1 << 6,	   /* a child dies in place of who scored highest */
	VICTIM_POLICY_ASSUMED = 1 << 7, /* eligible unless its memory policy, unknown, says no */
	VICTIM_NOBODY = 1 << 8,		/* no process may be killed */
	VICTIM_NEGLIGIBLE = 1 << 9, /* frees less than a hundredth of what all candidates hold */
	VICTIM_GROUP = 1 << 10,	    /* memory.oom.group: its whole service dies with it */
};
#define VICTIM_HAZARD_LAST VICTIM_GROUP

struct victim_story {
	enum badness_constraint constraint;
	struct idset nodes;	 /* of MEMPOLICY and CPUSET */
	const char *cgroup;	 /* of MEMCG: all that lies below it */
	const char *cgroup_name; /* of MEMCG: what people call it */
	struct badness_scope scope;
	struct badness_choice choice;
	size_t members; /* processes in the scope, killable or not */
	/* Indices into the tasks of the field, or BADNESS_NOBODY. */
	size_t victim;
	size_t selected;
	size_t runner_up;
	int64_t runner_up_points;
	const struct service *service; /* of the victim; NULL: none that a policy matches */
	/* What dies with it, itself included; more than itself with memory.oom.group only. */
	size_t group_count;
	uint64_t group_pages;
	bool on_nodes_known;
	uint64_t on_nodes_bytes; /* what the victim's service has on `nodes` */
	unsigned hazards;
};

/* Of a request that may use every node. 0 or -ENOMEM. *ret must not be moved: it points into
 * itself.
 */
int victim_of_host(const struct victim_field *field, struct victim_story *ret);
/* Of a request confined to these nodes, by a memory policy (BADNESS_MEMPOLICY) or a cpuset
 * (BADNESS_CPUSET). -ENOENT: zoneinfo lacks one of them. */
int victim_of_nodes(const struct victim_field *field, const struct idset *nodes,
		    enum badness_constraint constraint, struct victim_story *ret);
/* Of a service at its limit. -ENOENT: it has none of its own. */
int victim_of_service(const struct victim_field *field, const struct service *service,
		      struct victim_story *ret);
/* Of any cgroup at a limit, by its path; "" is the root of what is visible. */
int victim_of_cgroup(const struct victim_field *field, const char *cgroup, uint64_t limit_bytes,
		     struct victim_story *ret);

/* The points of one task in an OOM of the host, and who stands above it. */
struct task_standing {
	enum badness_standing standing;
	int64_t points;
	int64_t score;
	size_t above; /* killable tasks that would go before it */
	size_t killable;
};

void victim_standing(const struct victim_field *field, size_t task, struct task_standing *ret);

/* The service that task belongs to, or NULL. */
const struct service *victim_service(const struct victim_field *field, size_t task);

/* "rss 78,000 + page tables 160 + swap 0 + adj 0 = 78,160 pages of 250,000: score 312".
 * Also of a task that may not be killed: what it would weigh. */
void victim_arithmetic(const struct victim_field *field, const struct badness_scope *scope,
		       size_t task, struct strbuf *out);
/* "qemu-system-x86 (PID 178, guest3)". */
void victim_name(const struct victim_field *field, size_t task, struct strbuf *out);
/* A sentence for one bit of `hazards`. */
void victim_hazard_text(const struct victim_field *field, const struct victim_story *story,
			enum victim_hazard hazard, struct strbuf *out);
/* "may be killed", or why not. */
const char *victim_standing_text(enum badness_standing standing);
/* "memory of the whole host", "guest1 at its limit". */
void victim_scope_text(const struct victim_story *story, struct strbuf *out);
/* "3.14 to 4.16, and 3.10 of el7". */
const char *badness_era_name(enum badness_era era);
