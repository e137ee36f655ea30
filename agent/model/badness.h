/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whom the kernel's OOM killer would choose, by the formula of the running kernel: mm/oom_kill.c,
 * oom_badness(), select_bad_process() and oom_kill_process(); eligibility by
 * has_intersects_mems_allowed(), since 5.3 oom_cpuset_eligible(), and mm/mempolicy.c,
 * mempolicy_nodemask_intersects(), since 5.14 mempolicy_in_oom_domain(); what /proc shows by
 * fs/proc/base.c, proc_oom_score(). Read in 2.6.32 of el6, 3.10, 4.9, 4.19, 5.4, 5.10, 6.1.
 *
 * A process is weighed by its resident, swapped and page table pages; before 2.6.36 by other
 * measures, which are not modelled. What changed since:
 *
 * era           unit     CAP_SYS_ADMIN  least  child dies  of equals  also new
 * BADNESS_EL6   0..1000  -30            1      instead     first
 * BADNESS_3_5   pages    adj - 30       1      instead     first
 * BADNESS_EL7   pages    -3 % of usage  1      instead     first
 * BADNESS_4_17  pages    -              1      instead     first      a vfork() child is spared
 * BADNESS_5_1   pages    -              1      -           first
 * BADNESS_5_3   pages    -              1      -           last       no cpuset check in a memcg
 * BADNESS_5_9   pages    -              none   -           last
 * BADNESS_5_14  pages    -              none   -           last       interleave confines nobody
 *
 * The unit of EL6 is its weakness: in a group of more than 1,000 equal processes each is less than
 * one thousandth, all score 1, and the first of the list dies, or its child, however small.
 *
 * Left to the caller, as they are settings: oom_kill_allocating_task, panic_on_oom,
 * memory.oom.group. Left out, as nothing shows it: an earlier victim that is still dying holds back
 * the next choice, and a task in swapoff or unmerging KSM pages is taken first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct idset;

enum badness_era {
	BADNESS_EL6,  /* 2.6.36 to 3.4, and 2.6.32 of el6 */
	BADNESS_3_5,  /* 3.5 to 3.13 */
	BADNESS_EL7,  /* 3.14 to 4.16, and 3.10 of el7 */
	BADNESS_4_17, /* 4.17 to 5.0, and 4.18 of el8 before build 240 */
	BADNESS_5_1,  /* 5.1, 5.2 */
	BADNESS_5_3,  /* 5.3 to 5.8, and 4.18 of el8 from build 240 */
	BADNESS_5_9,  /* 5.9 to 5.13 */
	BADNESS_5_14, /* 5.14 and later */
};

#define BADNESS_TOO_OLD 1

/*
 * From a release string ("4.18.0-477.13.1.el8_8.x86_64"), where the distribution's mark says what
 * was carried back. 0; BADNESS_TOO_OLD: before 2.6.36 and not of el6; -EINVAL: not a release.
 *
 * No release string tells all that was carried back: late 5.4 has the formula of 5.9, 4.9 of some
 * vendors no bonus for root. With a live /proc at hand, ask badness_era_confirm() next.
 */
int badness_era_of(const char *release, enum badness_era *ret);

struct badness_sample {
	uint64_t usage_pages; /* resident + swapped + page tables */
	int oom_score_adj;
	int64_t shown_score; /* /proc/PID/oom_score */
};

/*
 * The era again, or the nearest one that agrees with what /proc/PID/oom_score shows of processes
 * that may be killed (not init, no kernel threads, no zombies; those with oom_score_adj -1000 are
 * passed over). Tells the formulas up to 5.8 from those since 5.9, which for an idle process differ
 * by 666. One sample will do; of many the majority decides, and without one the era stays.
 * total_pages: RAM + swap of the host.
 */
enum badness_era badness_era_confirm(enum badness_era era, uint64_t total_pages,
				     const struct badness_sample *samples, size_t count);

enum badness_constraint {
	BADNESS_HOST,	   /* CONSTRAINT_NONE */
	BADNESS_MEMCG,	   /* CONSTRAINT_MEMCG */
	BADNESS_CPUSET,	   /* CONSTRAINT_CPUSET */
	BADNESS_MEMPOLICY, /* CONSTRAINT_MEMORY_POLICY */
};

struct badness_scope {
	enum badness_constraint constraint;
	/* What oom_score_adj is a share of: RAM + swap of the host; the memcg's limit, with swap
	 * where that is limited apart; or swap + the pages of `nodes`, for which see
	 * badness_counts_spanned(). 0 counts as 1. */
	uint64_t total_pages;
	/* With BADNESS_MEMPOLICY the nodes of the failed request, else those that the cpuset of the
	 * task which made it allows. NULL: all. */
	const struct idset *nodes;
};

/* Of the total of an OOM on nodes: does a node count with its spanned pages, holes included, or
 * with those present (constrained_alloc(); from 5.10, and 5.9 is taken with it)? Both are in
 * zoneinfo. */
bool badness_counts_spanned(enum badness_era era);

enum badness_policy {
	BADNESS_POLICY_UNKNOWN, /* taken as the default; the choice says if that mattered */
	BADNESS_POLICY_ANY, /* default, local, preferred, weighted interleave: confines nobody */
	BADNESS_POLICY_BIND,
	BADNESS_POLICY_INTERLEAVE,
};

/* A process (thread group). */
struct badness_task {
	pid_t pid; /* for the caller; not looked at */
	uint64_t rss_pages;
	uint64_t swap_pages;
	/* All levels (VmPTE) from 4.15; before, VmPTE + VmPMD, which is 0 before 4.0. */
	uint64_t pgtables_pages;
	/* -1000 to 1000. Of processes that share an mm, el6 spares all for the -1000 of one: give
	 * the least there. */
	int oom_score_adj;
	bool is_root;	       /* has CAP_SYS_ADMIN */
	bool is_init;	       /* PID 1 of the host, not of a container */
	bool is_kernel_thread; /* PF_KTHREAD */
	bool has_no_memory;    /* a zombie, or past exit_mm(): no VmRSS in its status */
	bool is_in_vfork;      /* a child of vfork() before its exec */
	bool shares_parent_mm; /* CLONE_VM: does not die in its parent's place */
	size_t parent;	       /* index in the same array, or BADNESS_NOBODY */
	/* The task's own policy. What mbind() gave to its mappings does not count: QEMU with
	 * host-nodes= is BADNESS_POLICY_ANY. Of several threads the least confined one. */
	enum badness_policy policy;
	const struct idset *policy_nodes; /* with BIND, INTERLEAVE; NULL: all */
	const struct idset *cpuset_nodes; /* of all threads together; NULL: all */
};

#define BADNESS_NOBODY SIZE_MAX

enum badness_standing {
	BADNESS_KILLABLE,
	BADNESS_IS_INIT,
	BADNESS_IS_KERNEL_THREAD,
	BADNESS_IS_ELSEWHERE, /* its cpuset or policy does not meet the nodes of the scope */
	BADNESS_HAS_NO_MEMORY,
	BADNESS_IS_EXEMPT, /* oom_score_adj -1000 */
	BADNESS_IS_IN_VFORK,
};

/* May this task be chosen, and if not, why not. */
enum badness_standing badness_standing(enum badness_era era, const struct badness_scope *scope,
				       const struct badness_task *task);

/* The points of a task that is not killable. */
#define BADNESS_IMMUNE INT64_MIN

/* The kernel's points: thousandths of the total with BADNESS_EL6, else pages. Amounts above 2^51
 * pages count as 2^51. */
int64_t badness_points(enum badness_era era, const struct badness_scope *scope,
		       const struct badness_task *task);

/*
 * Points as the kernel prints them: /proc/PID/oom_score (always against the total of the host), and
 * up to 5.0 the "score" of the kill line (against the total of that OOM). 0 for BADNESS_IMMUNE.
 *
 * BADNESS_EL6: the points. To 5.8: points x 1000 / total. From 5.9: (1000 + points x 1000 / total)
 * x 2/3, so that an idle process shows 666.
 */
int64_t badness_score(enum badness_era era, int64_t points, uint64_t total_pages);

struct badness_choice {
	size_t victim;	  /* who dies; BADNESS_NOBODY: nobody may, the host panics, a memcg hangs */
	size_t selected;  /* who scored highest: not the victim where a child dies instead */
	size_t runner_up; /* who would be selected without that one, or BADNESS_NOBODY */
	int64_t points;	  /* of the selected */
	int64_t score;	  /* likewise, against the total of the scope */
	size_t killable;  /* candidates */
	uint64_t killable_pages; /* what they use together */
	size_t ties; /* candidates of these points, the selected included: above 1 order decides */
	/* Two or more candidates, each at the least points there are: the choice says nothing of
	 * who uses the memory, and killing one by one does not help. */
	bool is_floor_crowd;
	/* The selected is a candidate only if its unknown policy does not confine it elsewhere. */
	bool is_policy_assumed;
};

/*
 * The choice among `tasks`: of the host, or of the memcg's subtree, in the order in which the
 * kernel meets them. For the host, and for a memcg before 3.6, that is the order of their start;
 * for a memcg since then that of joining the cgroup, which nothing shows: start order is a guess.
 */
void badness_choose(enum badness_era era, const struct badness_scope *scope,
		    const struct badness_task *tasks, size_t count, struct badness_choice *ret);
