/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is fixed, or nearly, for a running machine: page size, CPUs, the sysctls that change what
 * the agent may do. For calm rounds.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sysroot;

struct host_info {
	/* Live: sysconf. Captured: MemTotal divided by the managed pages of zoneinfo, as the kernel
	 * derives the one from the other; 4096 where these were not captured. */
	uint64_t page_size_bytes;
	unsigned cpu_count; /* online; 1 where nothing captured says */
	int panic_on_oom;   /* vm.panic_on_oom: 0, 1, 2; 2 also panics for memory cgroups */
	int oom_kill_allocating_task; /* vm.oom_kill_allocating_task */
	int numa_balancing; /* kernel.numa_balancing: bits 1 on, 2 tiering; 0 where absent */
};

/* With defaults for what is not there. */
void host_info_read(const struct sysroot *root, struct host_info *ret);
/* The kernel's release, "6.1.0-41-amd64". 0; -ENOENT: not captured; -EINVAL: nothing that can be
 * one (blanks, control characters, other than ASCII); -ENAMETOOLONG; other -errno. */
int host_info_release(const struct sysroot *root, char *buffer, size_t size);
/* vm.min_free_kbytes in bytes: what the zones' min watermarks are made of. 0 or -errno. */
int host_info_reserve(const struct sysroot *root, uint64_t *ret_bytes);
/* A sysctl by its path, "vm/swappiness". 0 or -errno: the kernel has none of that name, or it is no
 * number. */
int host_info_sysctl(const struct sysroot *root, const char *path, int64_t *ret);
/* Is systemd the system manager, as sd_booted(3) tells? */
bool host_info_has_systemd(const struct sysroot *root);
