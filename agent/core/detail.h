/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a snapshot leaves out because no rule needs it at every tick, and reading it all may take a
 * while: every zone with its free lists, every process with what the kernel's OOM killer weighs.
 * Read on request only, for people; arrays are on the heap.
 */

#include "core/snapshot.h"
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

struct slab_detail {
	char name[SLAB_NAME_BYTES];
	uint64_t bytes; /* of its slabs, used objects or not */
	uint64_t object_bytes;
	uint64_t active_objects;
	bool growth_known;
	int64_t growth_bytes; /* over growth_usec */
	uint64_t growth_usec;
};

/* What the host's memory is spent on, whatever no process has included. */
struct memory_detail {
	struct slab_detail *slabs; /* the largest first */
	size_t slab_count;
	bool slabs_known; /* slabinfo could be read */
};

void memory_detail_done(struct memory_detail *details);

/* As numa_maps prints them: mm/mempolicy.c, policy_modes[]. */
enum memory_policy {
	MEMORY_POLICY_UNKNOWN,
	MEMORY_POLICY_DEFAULT, /* where the CPU is that asks first */
	MEMORY_POLICY_LOCAL,
	MEMORY_POLICY_PREFERRED,
	MEMORY_POLICY_PREFERRED_MANY,
	MEMORY_POLICY_BIND, /* the one that confines */
	MEMORY_POLICY_INTERLEAVE,
	MEMORY_POLICY_WEIGHTED_INTERLEAVE,
};

/* What the mappings of a process that have one policy hold together. */
struct policy_use {
	enum memory_policy policy;
	struct idset nodes;
	bool nodes_known; /* false with a policy that has some: they cannot be told */
	uint64_t mappings;
	uint64_t bytes;	     /* resident */
	uint64_t huge_bytes; /* of these, from huge page pools */
};

/* The policies of a process. What is printed for a mapping without one of its own is that of the
 * task, so the task's own uses are those of that same policy. */
struct process_policies {
	bool task_known;
	enum memory_policy task; /* of its main thread */
	struct idset task_nodes;
	bool task_nodes_known;
	bool uses_known; /* all mappings were gone through */
	bool uses_cut;	 /* ... and there were more different ones than are kept */
	struct policy_use *uses;
	size_t use_count;
};

#define GUEST_TEXT_BYTES 128

enum guest_source { /* where a guest's description comes from, as bits */
		    GUEST_FROM_CGROUP = 1 << 0,
		    GUEST_FROM_COMMAND_LINE = 1 << 1,
		    GUEST_FROM_STATUS = 1 << 2, /* libvirt's */
		    GUEST_FROM_CONFIG = 1 << 3, /* firecracker's */
		    GUEST_FROM_MAPPINGS = 1 << 4,
};

enum guest_manager {
	GUEST_MANAGER_UNKNOWN,
	GUEST_MANAGER_LIBVIRT,
	GUEST_MANAGER_PROXMOX,
	GUEST_MANAGER_JAILER, /* firecracker's */
};

enum guest_move { /* a live migration */
		  GUEST_MOVE_NONE,
		  GUEST_MOVE_INCOMING,
		  GUEST_MOVE_OUTGOING,
};

/* One of the memories that it is made of. */
struct guest_backend {
	char id[GUEST_TEXT_BYTES];
	char kind[16];	     /* "ram", "file", "memfd", "epc", "shm", "zone", "memory", "cell" */
	uint64_t size_bytes; /* 0: not known */
	enum memory_policy policy;
	struct idset nodes;
	bool nodes_known;
	bool prealloc;
	bool share;
	bool hugetlb;
	uint64_t page_bytes; /* of huge pages; 0: the default size */
	bool plugged;	     /* a DIMM */
};

/* What its monitor was told at start. */
struct guest_start {
	enum guest_type type;
	char name[GUEST_TEXT_BYTES]; /* as it is: any byte; empty: none given */
	char uuid[40];
	uint64_t memory_bytes; /* 0: not known */
	uint64_t memory_max_bytes;
	unsigned vcpus; /* 0: not known */
	unsigned vcpus_max;
	bool memory_locked;
	bool prealloc;
	bool hugetlb;
	bool shared;
	bool unmerged; /* kept from KSM */
	bool confidential;
	bool incoming;
	unsigned vfio_devices;
	unsigned sources; /* enum guest_source */
};

struct guest_vcpu {
	unsigned number;
	struct idset nodes; /* of the CPUs that its thread may run on */
	bool pinned;	    /* these are not all CPUs */
};

/* A process that runs a guest, or with start.type GUEST_NONE any other: then it has policies only.
 * For people; what is not known is 0, empty or false, and `sources` says what was read. */
struct guest_detail {
	pid_t pid;
	uint64_t start_ticks;
	struct guest_start start; /* memory, vCPUs and flags as of now where the status tells */
	enum guest_manager manager;
	char state[48]; /* "running (booted)"; empty: not known */
	enum guest_move moving;
	uint64_t balloon_bytes;	      /* what the balloon leaves it; 0: not known */
	uint64_t plugged_bytes;	      /* of memory devices, by the status */
	enum memory_policy numa_mode; /* numatune; UNKNOWN: none */
	bool numa_restrictive;	      /* ... by cpuset */
	bool numa_auto;		      /* chosen by numad */
	struct idset numa_nodes;
	struct guest_backend *backends;
	size_t backend_count;
	struct guest_vcpu *vcpus; /* by number */
	size_t vcpu_count;
	uint64_t rss_bytes;
	uint64_t hugetlb_bytes;
	bool hugetlb_known;
	uint64_t locked_bytes;
	uint64_t pinned_bytes;
	struct idset mems_allowed; /* of its cpuset */
	bool mems_known;
	struct process_policies policies;
	int policies_error; /* errno value: why what takes its lock could not be read; 0: it could
			     */
};

void guest_detail_done(struct guest_detail *detail);
