/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Writes to the files of a cgroup, once it is sure that it is the cgroup that was meant: the
 * directory's descriptor is compared with the inode that was seen when the target was chosen. Files
 * are opened O_WRONLY only, never made or truncated. -EROFS on a captured tree.
 */

#include <stdint.h>

struct sysroot;

/* 0; -ESTALE: another cgroup; -ENOENT, -ENODEV: it is gone or the kernel has no such file; else
 * -errno of the write. May block (a limit below usage reclaims within the write): workers only,
 * except for files known not to. */
int cgroup_effect_write(const struct sysroot *root, int dir_fd, uint64_t inode, const char *file,
			const char *value);
/* SIGKILL to every process of the cgroup and below (cgroup.kill, 5.14). -ENOENT: the kernel has it
 * not. */
int cgroup_effect_kill(const struct sysroot *root, int dir_fd, uint64_t inode);
/* Would that be allowed? 0 or -errno, as above. */
int cgroup_effect_can_kill(int dir_fd);
