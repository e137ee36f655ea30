/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who may write to a service's cgroup. By its path: systemd's units are made of slices and end in a
 * unit, and what is below one was delegated, to whoever runs there (CGROUP_DELEGATION.md of
 * systemd). Other managers are known by what they call their cgroups.
 */

#include "core/snapshot.h"

enum systemd_presence {
	SYSTEMD_NOWHERE,
	SYSTEMD_HERE,
	SYSTEMD_ELSEWHERE, /* the tree is that of one that cannot be asked from here */
};

enum cgroup_owner service_owner_of(const char *path, enum systemd_presence systemd);
