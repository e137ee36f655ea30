/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The machine at one monotonic instant, as plain data. Filled by sense/ from the live machine or a
 * fixture tree; nothing behind it can tell which. Arrays and strings belong to the source and stay
 * valid until its next round.
 */

#include "core/canary.h"
#include "core/metric.h"
#include "core/neighbour.h"
#include "core/policy.h"
#include "core/setting.h"
#include "util/idset.h"
#include "util/usec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct node {
	unsigned id; /* the kernel's node number; ids may have gaps */
	bool has_cpu;
	struct reading readings[METRIC_NODE_COUNT];
	/* Half-way between this and zero lies what a move must leave: the sum of the zones' high
	 * watermarks plus protection, in bytes. A destination is never filled below it. */
	uint64_t reserve_bytes;
	/* What residents confined here may still grow by, in bytes, as far as it is declared. */
	uint64_t declared_growth_bytes;
	/* distance[i] is the SLIT distance to snapshot->nodes[i]; 10 is local, 0 unknown. */
	const uint8_t *distance;
	/* The pool of huge pages of the largest total here: pages, idle ones, and their size. */
	uint64_t huge_page_bytes; /* 0: none */
	uint64_t huge_pages;
	uint64_t huge_pages_free;
	uint64_t huge_pages_reserved; /* of the free ones; the kernel says it of all nodes together
				       */
};

#define PREFERENCES_MAX 8

/* Memory of a process whose own policy prefers a node (libvirt's numatune mode='preferred', QEMU's
 * policy=preferred), and how much of it is elsewhere. */
struct preference {
	unsigned node;	     /* that is preferred */
	unsigned away_node;  /* where most of it is that is not there */
	uint64_t away_bytes; /* on that node, without huge page pools */
	uint64_t home_bytes; /* on the one that is preferred */
};

/* Memory of one service on one node, from memory.numa_stat. */
struct node_share {
	uint64_t bytes;		/* anon + file */
	uint64_t movable_bytes; /* anon + shmem: what a move can take along */
	uint64_t shmem_bytes;	/* of both; may outlive whoever uses it */
};

enum confinement_reason { /* what keeps a process to some of the nodes, as bits */
			  CONFINED_BY_CPUSET = 1 << 0,
			  CONFINED_BY_TASK = 1 << 1,	/* the policy of the task */
			  CONFINED_BY_MAPPING = 1 << 2, /* ... of a mapping that holds most of it */
			  CONFINED_BY_BACKEND = 1 << 3, /* ... of a guest's memory, as declared */
};

struct process {
	pid_t pid;
	uint64_t start_ticks; /* stat field 22: with the pid an identity until reboot */
	uint64_t rss_bytes;
	uint64_t swap_bytes;
	int oom_score_adj;
	/* Mems_allowed_list: cpuset, not policy. NULL: not known */
	const struct idset *mems_allowed;
	/* Nodes that bind policies leave it; all nodes where none binds. NULL: numa_maps was not
	 * read yet (by a worker). */
	const struct idset *bound;
	uint8_t bound_by; /* enum confinement_reason, what `bound` is made of */
	usec_t bound_at;  /* when it was read */
	/* Of its shared memory, what nothing but its users keeps: shared anonymous mappings, memfd.
	 * Looked for where its service may be killed; 0: none, or not known. */
	uint64_t mortal_bytes;
};

enum guest_type {
	GUEST_NONE, /* not a virtual machine */
	GUEST_QEMU,
	GUEST_CLOUD_HYPERVISOR,
	GUEST_FIRECRACKER,
};

enum service_hold { /* why a guest's memory is not touched now */
		    HOLD_NONE,
		    HOLD_INCOMING_MIGRATION,
		    HOLD_OUTGOING_MIGRATION,
		    HOLD_PINNED, /* VFIO on its command line: long-term pins do not move */
};

/* Who may write to a cgroup: one writer each (systemd's CGROUP_DELEGATION.md). */
enum cgroup_owner {
	OWNER_UNKNOWN,
	OWNER_SYSTEMD, /* it is a unit of the system manager: through the bus */
	OWNER_NOBODY,  /* no manager is known: its files */
	OWNER_OTHER,   /* below a unit, or another manager's: libvirt, containers. Never */
};

/* Where the virtual CPUs of a guest run, or of another service its threads. Looked at only of
 * services whose policy has Nodes=home. */
struct cpu_places {
	/* The nodes whose CPUs they may run on, where these are not all nodes that have CPUs.
	 * Empty: they may run anywhere, or on some CPUs of every node. */
	struct idset pinned;
	/* Else the node on which they used most of their CPU time of the last minutes: at least
	 * four fifths, in each of several windows. -1: none, or they used too little to tell. */
	int runs_on;
	usec_t since; /* that holds for that node; 0 with -1 */
};

#define IO_LIMITS_MAX 4

struct io_limit {
	uint64_t device;      /* makedev() of a disk; 0: none */
	struct reading write; /* bytes per second */
};

/* What a service's own cgroup holds (not what its ancestors leave of it). READING_NONE: the kernel
 * has no such file here; INFINITE: no limit. Bytes, but for oom_group. Services of the same
 * settings share one of these, so it must not be written. */
struct service_settings {
	const struct idset *nodes; /* cpuset.mems; empty: all that the parent has. NULL: unknown */
	/* cpuset.cpus as nodes: those whose CPUs it has, all of each. Empty: all that the parent
	 * has. NULL: unknown, or others than all CPUs of some nodes. */
	const struct idset *cpu_nodes;
	struct reading memory[SETTING_MEMORY_SWAP_MAX + 1]; /* by enum setting_id */
	struct reading oom_group;
	/* Of the disks that its policy limits, or that a rule would: others are not looked at. */
	struct io_limit io[IO_LIMITS_MAX];
	/* Of its processes that are known: of all where its policy sets OOMScoreAdjust. */
	int16_t score_least;
	int16_t score_most;
	bool score_known;
};

/* What its cgroup bears for killers of any make to heed (sys/cgroup_marks.h). */
enum kill_mark {
	MARK_NONE,
	MARK_PREFER, /* first of its class */
	MARK_AVOID,  /* last of its class */
	MARK_OMIT,   /* never */
};

/* A host may have a thousand: what is small stands together. */
struct service {
	const char *path; /* cgroup path below the root, no leading slash */
	const char *name; /* what an operator calls it: guest name, else unit name */
	uint64_t inode;	  /* of the cgroup directory: the identity; 0 in a fixture without it */
	int policy;	  /* index into the policy table */
	enum cgroup_owner owner;
	enum guest_type guest;
	enum service_hold hold;
	const struct service_settings *settings; /* NULL: not read so far */
	uint64_t declared_bytes;		 /* by a guest; 0: unknown or no guest */
	uint64_t io_device; /* makedev() of the disk that it writes to most; 0: none known */
	const struct node_share
		*shares; /* one per snapshot node, or NULL where the kernel has none */
	const struct cpu_places *cpus; /* NULL: not known */
	/* Of its largest process that has any; a guest with several homes has
	 * several. */
	const struct preference *preferences;
	size_t preference_count;
	/* Nodes that its processes may allocate from: cpuset and bind policies. Not to be looked at
	 * unless allowed_known. */
	const struct idset *allowed;
	/* Processes in snapshot->processes: those that matter (largest first), not all of them. */
	size_t first_process;
	size_t process_count;
	usec_t sampled_at; /* services are read in slower rounds than nodes */
	struct reading readings[METRIC_SERVICE_COUNT];
	bool protected_unit; /* policy_is_protected_unit() */
	bool is_self;	     /* the agent's own cgroup, or one that holds it or PID 1 */
	bool is_pooled;	     /* its guest's memory comes from pools of huge pages */
	bool is_tied;	     /* its guest's virtual CPUs are kept to those of some nodes */
	bool is_idle;	     /* for minutes it has used next to no CPU time */
	bool paused;	     /* the operator has the agent keep its hands off it */
	bool allowed_known;
	uint8_t confined_by; /* enum confinement_reason, of those that decide; 0: nothing known */
	/* enum kill_mark; read where some policy names whom to kill. */
	uint8_t mark;
	bool mark_by_root;   /* else whoever owns the cgroup has set it */
	uint32_t cgroup_uid; /* who that is */
	/* The cgroup whose limit service.limit is: so much of `path`. All of it: its own. */
	uint16_t limit_length;
	/* Stalled, at no limit of its own, and the cgroup above it that is so much of `path` has
	 * met one: that is what it is stalled by. 0: nothing is known to be. */
	uint16_t held_length;
};

#define SLAB_NAME_BYTES 64

enum move_ability {
	MOVES_WORK, /* as far as is known */
	MOVES_UNKNOWN_TO_KERNEL,
	MOVES_FORBIDDEN,   /* by a seccomp filter, or a security module */
	MOVES_NEED_PTRACE, /* CAP_SYS_PTRACE */
	MOVES_NEED_NICE,   /* CAP_SYS_NICE */
	MOVES_COUNT_,
};

struct host {
	struct reading readings[METRIC_HOST_COUNT];
	uint64_t page_size_bytes;
	unsigned cpu_count;
	bool swap_present;
	bool panic_on_oom;
	bool numa_balancing;
	bool numad_running;
	struct neighbours neighbours;
	/* Of mem.slab-top and mem.slab-top-growth: the largest slab cache, and the one that grows
	 * fastest. Empty: unknown. */
	char slab_top[SLAB_NAME_BYTES];
	char slab_growing[SLAB_NAME_BYTES];
	bool has_systemd;  /* it is PID 1 */
	bool memory_is_v1; /* the memory controller is in a v1 hierarchy */
	/* The sysctls of SCOPE_HOST, by id less SETTING_DIRTY; READING_NONE: the kernel has it not.
	 */
	struct reading sysctls[SETTING_HUGE_PAGES - SETTING_DIRTY];
	bool dirty_is_ratio; /* the dirty pair is set in percent, not in bytes */
	bool dirty_background_is_ratio;
	/* What the agent itself may do about others' memory, and the nodes that it may put it on
	 * (empty: all). */
	enum move_ability moves;
	struct idset own_nodes;
	struct reading pinned; /* bytes that drivers and the like hold in place, as far as the
				* kernel counts them; READING_NONE: it does not */
};

struct snapshot {
	usec_t now_usec;
	uint64_t sequence;
	bool single; /* the only sample there is (a fixture): rates are unknown, For= counts as
			elapsed */
	struct host host;
	const struct node *nodes; /* with memory, by id */
	size_t node_count;
	struct idset memory_nodes;
	/* When that was read which is read less often than the rest: the free lists of the nodes
	 * (node.unusable.*), and what meminfo says of the kernel's own memory. */
	usec_t blocks_at;
	usec_t amounts_at;
	const struct service *services;
	size_t service_count;
	/* The least service.time-to-limit of all: somebody is about to meet a limit of his own.
	 * READING_NONE: nobody is. */
	struct reading nearest_limit;
	/* Gone through by service: an entry that no service names is empty, its pid 0. */
	const struct process *processes;
	size_t process_count;
	const struct canary_status *canaries; /* in the order of their sections, then nodes */
	size_t canary_count;
	/* For whoever would look at every service at every tick. A source that keeps no account
	 * leaves these zero: anything may have changed. */
	uint64_t roll;	   /* another one whenever nodes or services came, went or changed places */
	bool only_touched; /* of the services, only these have other readings than a tick ago */
	const uint32_t *touched; /* indexes into services, in no order */
	size_t touched_count;
};

/* What a rule instance or a step is about. The key outlives snapshots: node id, cgroup inode, a
 * canary's own. */
struct subject {
	enum scope scope;
	uint64_t key; /* 0 for the host */
};

/* The services of a fixture may lack inodes: their key is then a hash of the path. */
uint64_t service_key(const struct service *s);

/* NULL if it is not in this snapshot any more. */
const struct node *snapshot_node(const struct snapshot *s, unsigned id);
const struct service *snapshot_service(const struct snapshot *s, uint64_t key);
const struct canary_status *snapshot_canary(const struct snapshot *s, uint64_t key);
/* READING_NONE if the subject is gone or of another scope than the metric (host metrics can be
 * asked of any subject). */
struct reading snapshot_reading(const struct snapshot *s, struct subject subject,
				enum metric_id id);
