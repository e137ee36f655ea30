/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A canary where no systemd is: its program in a cgroup of the agent's own, that is called as its
 * unit would be and is followed in the same way. In a worker process only.
 */

#include "act/canary_unit.h"

#include <stddef.h>

struct cgroup_layout;
struct sysroot;

/* Makes it and waits until it holds its memory; whatever is in a cgroup of that name is ended
 * before, as what is left of another agent, and what others have left empty is removed. 0; 1: it
 * holds it under the user id of the agent, as it may have no other; -errno, and why in `words`. */
int canary_group_start(const struct sysroot *root, const struct cgroup_layout *layout,
		       const struct canary_unit *canary, char *words, size_t size);
/* 0; -ENOENT: there is none (any more); -errno, and why in `words`. */
int canary_group_end(const struct sysroot *root, const struct cgroup_layout *layout,
		     const char *unit, const char *slice, usec_t timeout_usec, char *words,
		     size_t size);
