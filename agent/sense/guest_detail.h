/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What can be told of one process's memory policies and, if it runs a virtual machine, of its
 * guest: command line, numa_maps, firecracker's file (all three by a worker, as they may take the
 * process's mmap_lock or any time at all), libvirt's status, threads, cgroup. On request only: it
 * allocates, and the walk of numa_maps is felt by a large guest.
 */

#include "core/detail.h"
#include "core/work.h"

struct sysroot;

/* Runs WORK_DESCRIBE where it may hang; as worker_pool_ask(). */
struct describer {
	int (*ask)(void *context, const struct work_request *request,
		   void (*each)(void *each_context, const struct work_reply *reply),
		   void *each_context);
	void *context;
};

/* 0 and *ret, for guest_detail_done(). -ESRCH: it is gone, or another one by now; -ENOMEM. What
 * the describer did not tell in time is not known, and policies_error says why. On a captured tree
 * it is not needed: NULL. */
int guest_detail_read(const struct sysroot *root, const struct describer *describer, pid_t pid,
		      uint64_t start_ticks, struct guest_detail *ret);
