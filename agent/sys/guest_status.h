/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What libvirt's QEMU driver keeps of a running domain in /run/libvirt/qemu/NAME.xml: <domstatus>
 * around the live <domain> (src/qemu/qemu_domain.c, src/conf/domain_conf.c; elements as in
 * "Domain XML format"). It tells what a command line does not: what was plugged in since, whether a
 * migration is under way, where libvirt pinned what.
 *
 * The files are root's and nobody else's. No link is followed, no more than 1 MiB read, nothing
 * allocated. Of a domain of another release the elements that are not known are passed over.
 */

#include "sys/guest_cmdline.h"

#include <sys/types.h>

struct sysroot;

#define GUEST_STATUS_MAX_BYTES (1024 * 1024)
#define GUEST_CELLS_MAX	       64

enum guest_migration {
	GUEST_MIGRATION_NONE,
	GUEST_MIGRATION_INCOMING,
	GUEST_MIGRATION_OUTGOING,
};

enum guest_numa_mode {
	GUEST_NUMA_NONE, /* no numatune, or none that counts here */
	GUEST_NUMA_STRICT,
	GUEST_NUMA_PREFERRED,
	GUEST_NUMA_INTERLEAVE,
	GUEST_NUMA_RESTRICTIVE, /* a cpuset, no memory policy */
	GUEST_NUMA_UNKNOWN,
};

/* A NUMA node of the guest. */
struct guest_cell {
	unsigned id;
	uint64_t bytes;
	bool share;
	enum guest_numa_mode mode; /* of its own; NONE: as numatune's memory says */
	struct idset nodes;
};

struct guest_status {
	pid_t pid;
	char state[24]; /* "running", "paused" */
	char reason[24];
	enum guest_migration migration;
	char name[GUEST_NAME_BYTES];
	char uuid[GUEST_UUID_BYTES];
	uint64_t memory_bytes;	   /* with what was plugged in */
	uint64_t memory_max_bytes; /* 0: nothing can be plugged in */
	uint64_t current_bytes;	   /* what the balloon leaves it */
	unsigned plugged_count;	   /* memory devices */
	uint64_t plugged_bytes;
	bool hugetlb;
	uint64_t page_bytes; /* of the first size named; 0: the default size */
	bool memory_locked;
	bool unmerged;	 /* nosharepages */
	bool shared;	 /* access mode */
	bool prealloc;	 /* allocation mode immediate */
	char source[12]; /* "anonymous", "file", "memfd"; empty: not said */
	enum guest_numa_mode numa_mode;
	bool numa_auto; /* by numad: what it advised is below */
	struct idset numa_nodes;
	struct guest_cell cells[GUEST_CELLS_MAX];
	unsigned cell_count; /* those beyond are left out */
	unsigned vcpus;
	unsigned vcpus_max;
	unsigned vcpu_pins;    /* vCPUs that are pinned, each by itself or all by the cpuset */
	unsigned host_devices; /* passed through by VFIO */
	bool confidential;
};

/* Reads a status from `fd`. 0; -EINVAL: not one, -EFBIG. */
int guest_status_parse(int fd, struct guest_status *ret);
/* That of the domain of this name. -ENOENT: none; -EPERM: a file that others may have written;
 * -ESRCH: of another process than `pid`; other -errno. */
int guest_status_read(const struct sysroot *root, const char *name, pid_t pid,
		      struct guest_status *ret);
