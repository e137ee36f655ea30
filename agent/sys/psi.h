/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Pressure stall information, /proc/pressure/{cpu,memory,io} and the *.pressure files of cgroups:
 * Documentation/accounting/psi.rst (4.20). Averages in hundredths of a percent of wall time over
 * 10, 60 and 300 s, which the kernel refreshes every 2 s; total in microseconds of stall, current
 * at each read: a shorter window is a difference of totals.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sysroot;

struct psi_line {
	bool present;
	uint32_t avg10; /* hundredths of a percent, 0 to 10000 */
	uint32_t avg60;
	uint32_t avg300;
	uint64_t total_usec;
};

struct psi {
	struct psi_line some; /* at least one task stalled */
	struct psi_line full; /* every task that could run stalled */
};

/* 0; -EINVAL when neither line is there. A line that is cut or out of range is not present. */
int psi_parse(const char *text, size_t length, struct psi *ret);

/* resource "memory", "cpu" or "io". fd to keep, or -errno: see psi_is_absent(). 512 bytes hold it.
 */
int psi_open(const struct sysroot *root, const char *resource);
/* Reads such a descriptor, or one of a cgroup's file. 0; -EINVAL: it holds something else; -errno.
 */
int psi_read(int fd, struct psi *ret);
/* Does this error of open or read say that the kernel has no PSI (not built, psi=0, switched off
 * for the cgroup), rather than that something broke? Newer kernels have no file (ENOENT), older
 * ones open it and answer EOPNOTSUPP. */
bool psi_is_absent(int error);
