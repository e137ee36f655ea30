/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Pressure triggers: a descriptor that wakes its poller when tasks were stalled for longer than a
 * threshold within a window. Documentation/accounting/psi.rst (5.2).
 *
 * The kernel serves two kinds. One of an opener with CAP_SYS_RESOURCE is sampled ten times a
 * window by a kernel thread of real-time priority, one for each cgroup that has any. One of anybody
 * else (6.4, and backported widely) rides on the averages that are made anyway: it costs nothing,
 * and its window must be a multiple of 2 s. So only the host's trigger is of the first kind here;
 * for a cgroup the capability is put away while the file is opened.
 *
 * Poll such a descriptor for EPOLLPRI alone: as a file it is always readable. It tells of each
 * window once. EPOLLERR: what it watched is gone, or its pressure was switched off; close it.
 */

#include "util/usec.h"

#include <stdbool.h>

struct sysroot;

struct psi_threshold {
	bool full; /* all tasks stalled; else at least one */
	usec_t stalled_usec;
	usec_t window_usec; /* 0.5 to 10 s */
};

/* The kernel or what confines this process does not let it have one: read the files instead. */
#define PSI_TRIGGER_REFUSED 1

/* The same share of the next longer window that needs no privilege. */
struct psi_threshold psi_threshold_for_everybody(const struct psi_threshold *threshold);

/* resource "memory", "cpu" or "io". Where a window of that length is refused, the next longer one
 * that anybody may have is taken, with the same share of it as threshold. 0 and *ret_fd;
 * PSI_TRIGGER_REFUSED, on a captured tree too; -errno of what broke (ENOMEM, EMFILE). */
int psi_trigger_open_host(const struct sysroot *root, const char *resource,
			  const struct psi_threshold *threshold, int *ret_fd);
/* For a cgroup, by its directory and file ("memory.pressure"): without a kernel thread or not at
 * all. -ENOENT, -ENODEV: it is gone, or it has no such file. */
int psi_trigger_open_cgroup(int dir_fd, const char *file, const struct psi_threshold *threshold,
			    int *ret_fd);
