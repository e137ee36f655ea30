/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The right of way on the processors, for as long as memory is short.
 *
 * Real time at its lowest, if it may: it does not depend on how many others want to run nor on
 * which share their cgroups have, and the page allocator lets such a task go below the min
 * watermark (gfp_to_alloc_flags(), mm/page_alloc.c), so that opening a file does not wait behind
 * everybody else's reclaim. The kernel keeps a twentieth of the time for others
 * (sched_rt_runtime_us), should the loop ever spin. Processes that are forked meanwhile do not have
 * it (SCHED_RESET_ON_FORK). Where it may not (RestrictRealtime=, no CAP_SYS_NICE, a cgroup without
 * real-time budget), the best nice value.
 */

#include <stdbool.h>

struct priority {
	bool is_raised;
	bool is_nice; /* and by the nice value only */
	int nice_before;
};

/* 0; 1: by its nice value only; -errno: not at all, and it is not tried again before it was
 * lowered. Nothing if it is so already. */
int priority_raise(struct priority *priority);
void priority_lower(struct priority *priority);

/* Does this thread run in real time, by whomever? Some numbers the kernel shows it differently. */
bool priority_is_real_time(void);

/* Of a worker, for what it is about to do: the nice value that it was started with if that cannot
 * wait, and else none that is better than everybody's. */
void priority_of_work(bool is_urgent);
