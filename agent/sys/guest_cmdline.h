/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the command line of a virtual machine monitor says of its guest: QEMU (also as qemu-kvm and
 * kvm), cloud-hypervisor, firecracker. Pure: takes the NUL-separated text of /proc/PID/cmdline.
 *
 * A monitor is known by the base name of argv[0], nothing else is looked at as one. Anybody may
 * call a program qemu-kvm: the answer steers how carefully a process is treated, it gives nobody a
 * right. QEMU's -name, -m, -object, -device, -incoming, -overcommit, -realtime, -mem-path: qemu(1),
 * and the JSON form that libvirt 7 and later writes.
 */

#include "util/idset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_NAME_BYTES 128

enum guest_monitor {
	GUEST_MONITOR_NONE,
	GUEST_MONITOR_QEMU,
	GUEST_MONITOR_CLOUD_HYPERVISOR,
	GUEST_MONITOR_FIRECRACKER,
};

struct guest_cmdline {
	enum guest_monitor monitor;
	char name[GUEST_NAME_BYTES]; /* empty: none given; cut where longer */
	uint64_t memory_bytes;	     /* as declared at start, without hot-plug; 0: not said */
	unsigned backend_count;	     /* memory backends named */
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
	bool hugetlb;	    /* memory from a huge page pool */
	bool shared_memory; /* share=on: vhost-user, virtiofsd map the same pages */
	bool confidential;  /* SEV, TDX: private memory cannot be moved */
};

/* 1 and *ret when it is a monitor, 0 when not. Arguments after a cut are not there. */
int guest_cmdline_parse(const char *text, size_t length, struct guest_cmdline *ret);
