/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The threads that are a guest's virtual CPUs, by their names: "CPU 3/KVM" (QEMU, where it was told
 * to name threads, as libvirt does), "vcpu3" (cloud-hypervisor), "fc_vcpu 3" (firecracker). Lists a
 * directory of /proc/PID: on request only.
 */

#include "sys/span.h"

#include <sys/types.h>

struct sysroot;

/* 1 and the number, 0: another thread. */
int vcpu_task_parse(struct span name, unsigned *ret_number);
/* Calls `each` with the number and Cpus_allowed_list of every one of them, in the order of the
 * directory. 0, -ESRCH: the process is gone, or its threads are not there; -errno; a result of
 * `each` other than 0 ends it. */
int vcpu_task_each(int pid_fd, int (*each)(void *context, unsigned number, struct span cpus),
		   void *context);

/* Has the list ("0-3,8") a CPU in common with the other one? False where either cannot be read.
 * CPU numbers are not bounded by what a set of nodes holds. */
bool cpu_list_meets(struct span a, struct span b);
/* Is every CPU of the list in the other one? */
bool cpu_list_covers(struct span all, struct span part);
/* The CPUs of a node, or with `node` -1 all that are online, as a list without its newline. The
 * length or -errno. */
int cpu_list_read(const struct sysroot *root, int node, char *buffer, size_t size);
