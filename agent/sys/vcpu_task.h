/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The threads that are a guest's virtual CPUs, by their names: "CPU 3/KVM" (QEMU, where it was told
 * to name threads, as libvirt does), "vcpu3" (cloud-hypervisor), "fc_vcpu 3" (firecracker). Lists a
 * directory of /proc/PID: on request only.
 */

#include "sys/span.h"

#include <sys/types.h>

/* 1 and the number, 0: another thread. */
int vcpu_task_parse(struct span name, unsigned *ret_number);
/* Calls `each` with the number and Cpus_allowed_list of every one of them, in the order of the
 * directory. 0, -ESRCH: the process is gone, or its threads are not there; -errno; a result of
 * `each` other than 0 ends it. */
int vcpu_task_each(int pid_fd, int (*each)(void *context, unsigned number, struct span cpus),
		   void *context);
