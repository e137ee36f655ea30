/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Does a process hold pages of a huge page pool (hugetlbfs)? From HugetlbPages of /proc/PID/status
 * (4.4, fs/proc/task_mmu.c), which costs nothing, so that numa_maps, which walks all page tables,
 * is read only for those that do.
 */

#include <stddef.h>

/* 1: it does, or the kernel does not say; 0: it does not; -ESRCH: it is gone; -errno. */
int proc_huge_pages_used(int pid_fd);
/* Pure: the text of /proc/PID/status. 1 or 0. */
int proc_huge_parse(const char *text, size_t length);
