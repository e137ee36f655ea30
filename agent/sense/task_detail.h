/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Every process with what the kernel's OOM killer weighs. Reads six small files of each, none that
 * takes the process's mmap_lock, which is why the memory policy of a task stays unknown on a live
 * machine until somebody asks a worker for it. On request only: it allocates, and a machine may
 * have ten thousand processes.
 */

#include "core/detail.h"

struct cgroup_layout;
struct sysroot;

/* 0 and *ret, for task_details_done(). A process that ends meanwhile is left out; one that is there
 * and cannot be read is counted. -errno: the processes cannot be listed at all. */
int task_detail_read(const struct sysroot *root, const struct cgroup_layout *layout,
		     uint64_t page_size_bytes, struct task_details *ret);
/* The sizes and settings of the kernel that is asked. What is not there stays 0 or "". -errno:
 * meminfo cannot be read. */
int kernel_detail_read(const struct sysroot *root, struct kernel_detail *ret);
