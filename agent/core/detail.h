/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a snapshot leaves out because no rule needs it at every tick, and reading it all may take a
 * while: every zone with its free lists, every process with what the kernel's OOM killer weighs.
 * Read on request only, for people; arrays are on the heap.
 */

#include "util/idset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DETAIL_ORDERS_MAX  32
#define DETAIL_CLASSES_MAX 8
#define DETAIL_NAME_BYTES  16

struct zone_detail {
	unsigned node;
	char name[DETAIL_NAME_BYTES]; /* DMA, DMA32, Normal, HighMem, Movable, Device */
	/* Its place among the classes of zone that this machine has, from 0: the index into
	 * protection[] of zones below it. */
	unsigned zone_class;
	uint64_t free_pages;
	uint64_t min_pages; /* these three without boost, where that is printed */
	uint64_t low_pages;
	uint64_t high_pages;
	uint64_t boost_pages;
	uint64_t spanned_pages;
	uint64_t present_pages;
	uint64_t managed_pages;
	uint64_t protection[DETAIL_CLASSES_MAX]; /* lowmem_reserve */
	unsigned protection_count;
	unsigned order_count;		    /* 0: its free lists are unknown */
	uint64_t blocks[DETAIL_ORDERS_MAX]; /* free blocks by order, of all types */
	bool free_cma_known;
	uint64_t free_cma_pages;
	bool highatomic_known; /* printed since 6.14 */
	uint64_t highatomic_pages;
};

struct zone_details {
	struct zone_detail *zones; /* populated ones, by node, from the lowest class up */
	size_t count;
	bool has_free_lists; /* buddyinfo could be read */
};

void zone_details_done(struct zone_details *details);

enum task_policy { /* of the task itself, not of its mappings */
		   TASK_POLICY_UNKNOWN,
		   TASK_POLICY_ANY,
		   TASK_POLICY_BIND,
		   TASK_POLICY_INTERLEAVE,
};

#define TASK_COMM_BYTES 64

struct task_detail {
	pid_t pid;
	pid_t parent;
	uint64_t start_ticks;
	char comm[TASK_COMM_BYTES]; /* as the kernel shows it: may hold any byte */
	char *cgroup; /* below the root, no leading slash; NULL: unknown. Owned by the list */
	uint64_t rss_pages;
	uint64_t swap_pages;
	uint64_t pgtables_pages;
	bool pgtables_known;
	int oom_score_adj;
	int64_t shown_score; /* oom_score; -1: not known */
	bool is_root;	     /* has CAP_SYS_ADMIN */
	bool is_kernel_thread;
	bool has_no_memory; /* a zombie, or exiting */
	bool mems_known;
	struct idset mems_allowed; /* of its cpuset */
	enum task_policy policy;
	struct idset policy_nodes; /* with BIND, INTERLEAVE */
};

struct task_details {
	struct task_detail *tasks; /* in the order of their start */
	size_t count;
	size_t unreadable; /* processes that are there and could not be read */
};

void task_details_done(struct task_details *details);
/* NULL: no such process is listed. */
const struct task_detail *task_details_find(const struct task_details *details, pid_t pid);

#define RELEASE_BYTES 65

/* What else the choice of a victim depends on. */
struct kernel_detail {
	char release[RELEASE_BYTES]; /* "" where it is unknown */
	uint64_t page_size_bytes;
	uint64_t ram_pages; /* MemTotal */
	uint64_t swap_pages;
	int panic_on_oom; /* 0; 1: for an OOM of the host; 2: for every one */
	bool kills_allocating_task;
};
