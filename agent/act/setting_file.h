/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Settings in the kernel's own files: reading what is there, and writing. What is read and written
 * is a struct setting_value whatever the era and the hierarchy spell it as (v1's limit_in_bytes and
 * its unlimited number, freezer.state, the pair of dirty_ratio and dirty_bytes, io.max of one
 * device).
 */

#include "core/setting.h"

struct sysroot;
struct cgroup_layout;

/* What the kernel holds now; non-blocking and without the heap. `path`: of a service's cgroup. 0;
 * -ENOENT: the kernel has no such setting here, or the cgroup is gone (-ESTALE: another one has its
 * name); -EOPNOTSUPP: v1 has none of the kind, or nobody has the controller; -ENODATA: it cannot be
 * told (OOM_SCORE_ADJ has no value of its own; IO_WRITE_MAX without a line is unlimited, which is 0
 * and SETTING_UNLIMITED); -EDOM: it has a value that is none of ours (CPUs that are not all those
 * of some nodes); -EINVAL: what is there is not of the form, or the target is not (the root
 * cgroup).
 */
int setting_file_read(const struct sysroot *root, const struct cgroup_layout *layout,
		      const struct setting_target *on, const char *path, struct setting_value *ret);
/* Writes it. Cgroup files go through libcgroup where it knows the live machine's mounts, else by
 * hand; the inode is checked before and after. Sysctls and node files are written by hand. May
 * block for long (a limit below use reclaims in the write) and takes memory for the library's
 * table: workers only. Success is what the kernel said, so it is to be read back: limits are
 * rounded to pages, and a pool of huge pages shrinks as far as they are free. No nodes at all (as
 * read where none were set) are taken back as the kernel allows: up to 6.12 at least, and on v1, by
 * writing all that the parent has, which is what is read then.
 *
 * 0; -EROFS on a captured tree; -ENOENT, -EOPNOTSUPP as above; -ESTALE: another cgroup has its
 * name, and if it came by it during the write may have been written to; -EBUSY: v1 refuses a limit
 * below use; -EINVAL: outside of the setting's range, or the kernel's word. */
int setting_file_write(const struct sysroot *root, const struct cgroup_layout *layout,
		       const struct setting_target *on, const char *path,
		       const struct setting_value *value);
/* Ends a freeze by its file, whoever owns the cgroup: without the heap, the library and the clerks,
 * and it does not wait. 0; -errno as above. */
int setting_file_thaw(const struct sysroot *root, const struct cgroup_layout *layout, uint64_t key,
		      const char *path);
