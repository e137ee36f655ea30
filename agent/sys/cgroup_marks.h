/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Extended attributes by which somebody asks killers to take a cgroup first, last, or never:
 * `user.` and `trusted.` with `oomd_prefer`, `oomd_avoid`, `oomd_omit`, as systemd
 * (ManagedOOMPreference=, oomd 0.5 and systemd-oomd) sets and reads them. A kernel before 5.7 has
 * no `user.` of cgroups; `trusted.` is seen with CAP_SYS_ADMIN only, by others it is not there.
 */

#include <stdbool.h>
#include <stdint.h>

/* As bits. Who set those of `trusted.` was root. */
enum cgroup_mark {
	CGROUP_PREFER = 1 << 0,
	CGROUP_AVOID = 1 << 1,
	CGROUP_OMIT = 1 << 2,
};

struct cgroup_marks {
	unsigned user;	  /* enum cgroup_mark; whoever owns the cgroup may set them */
	unsigned trusted; /* likewise */
	uint32_t uid;	  /* of the directory */
};

/* dir_fd may be O_PATH. 0; -EOPNOTSUPP: no such attributes here; -ENOENT, -ENODEV: it is gone; else
 * -errno. An attribute that says no ("0", "no", "false") is none. */
int cgroup_marks_read(int dir_fd, struct cgroup_marks *ret);
