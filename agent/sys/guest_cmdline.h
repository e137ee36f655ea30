/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the command line of a virtual machine monitor says of its guest: QEMU (also as qemu-kvm and
 * kvm), cloud-hypervisor, firecracker. Pure: takes the NUL-separated text of /proc/PID/cmdline.
 *
 * A monitor is known by the base name of argv[0], nothing else is looked at as one. Anybody may
 * call a program qemu-kvm: the answer steers how carefully a process is treated, it gives nobody a
 * right. QEMU's -name, -m, -smp, -object, -device, -machine, -incoming, -overcommit, -realtime,
 * -mem-path, -mem-prealloc, -uuid: qemu(1), and the JSON form that libvirt 7 and later writes.
 * cloud-hypervisor: docs/memory.md and docs/cpu.md of its tree. firecracker: its --help.
 *
 * A command line says what a guest was started with. What was plugged in since is not on it.
 */

#include "util/idset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_NAME_BYTES 128
#define GUEST_ID_BYTES	 48
#define GUEST_UUID_BYTES 37

enum guest_monitor {
	GUEST_MONITOR_NONE,
	GUEST_MONITOR_QEMU,
	GUEST_MONITOR_CLOUD_HYPERVISOR,
	GUEST_MONITOR_FIRECRACKER,
};

enum guest_memory_policy {
	GUEST_MEMORY_DEFAULT, /* that of the process */
	GUEST_MEMORY_PREFERRED,
	GUEST_MEMORY_BIND,
	GUEST_MEMORY_INTERLEAVE,
	GUEST_MEMORY_UNKNOWN, /* a later release's */
};

/* One of the memories that a guest is made of. */
struct guest_memory {
	char id[GUEST_ID_BYTES]; /* as it is, cut where longer; empty: none given */
	char kind[12];		 /* "ram", "file", "memfd", "epc", "shm"; "zone", "memory" */
	uint64_t size_bytes;	 /* 0: not said, or not to be read */
	enum guest_memory_policy policy;
	struct idset nodes;
	bool nodes_known; /* they could be read, if there are any */
	bool prealloc;
	bool share;
	bool hugetlb;
	uint64_t page_bytes; /* of huge pages; 0: the default size */
	bool plugged;	     /* a DIMM or virtio-mem, beside what -m says */
};

struct guest_cmdline {
	enum guest_monitor monitor;
	char name[GUEST_NAME_BYTES]; /* empty: none given; cut where longer */
	char uuid[GUEST_UUID_BYTES]; /* empty: none given */
	/* As declared at start, with DIMMs that it was started with; 0: not said. */
	uint64_t memory_bytes;
	uint64_t memory_max_bytes; /* with all that may be plugged in; 0: not said */
	unsigned vcpus;		   /* 0: not said */
	unsigned vcpus_max;
	unsigned backend_count; /* memory backends named */
	/* Nodes that backends with policy=bind leave, intersected over them; with several bound
	 * backends on different nodes it is empty and `bound_union` says where the guest lives. */
	bool has_bind;
	struct idset bound;
	struct idset bound_union;
	/* Every backend is bound (or there is one memory and it is). */
	bool all_bound;
	unsigned vfio_devices; /* each pins all of the guest's memory, unless behind a virtual IOMMU
				*/
	/* Started to receive a live migration. It stays on the command line for the guest's life,
	 * so it does not say that the migration is still under way. */
	bool incoming;
	bool memory_locked; /* mem-lock=on, mlock=on */
	bool prealloc;	    /* all of it is taken at start */
	bool hugetlb;	    /* memory from a huge page pool */
	bool shared_memory; /* share=on: vhost-user, virtiofsd map the same pages */
	bool unmerged;	    /* KSM leaves it alone: mem-merge=off */
	bool confidential;  /* SEV, TDX: private memory cannot be moved */
	/* Of firecracker: where the rest is said, as the process sees paths; empty: not said, or
	 * too long. */
	char config_path[256];
};

/* 1 and *ret when it is a monitor, 0 when not. Arguments after a cut are not there. */
int guest_cmdline_parse(const char *text, size_t length, struct guest_cmdline *ret);
/* The same; and `each` is called for every memory that is named, in their order, behind
 * `context`. */
int guest_cmdline_parse_memories(const char *text, size_t length,
				 void (*each)(void *context, const struct guest_memory *memory),
				 void *context, struct guest_cmdline *ret);
