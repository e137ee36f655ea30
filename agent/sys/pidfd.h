/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Descriptors of processes, for who tells by the start time that it is the process that was meant
 * (sys/process_effects.h, sys/process_end.h): a descriptor opened before that time is read stays
 * that process's, whatever becomes of its pid. pidfd_open(2).
 */

#include <sys/types.h>

/* 0 and *ret, -1 where the kernel has none (before 5.3) or a filter keeps us from it; -ESRCH; other
 * -errno. */
int pidfd_open_if_any(pid_t pid, int *ret);
