/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Settings of a unit through systemd: which property of which type each one is, and the drop-in
 * that setting it at run time leaves.
 */

#include "core/setting.h"

#include <stdbool.h>

struct unit_bus;

/* `text`: of IO_WRITE_MAX a device node ("/dev/sda"); of ALLOWED_CPUS the CPUs that its nodes have
 * ("0-3,8"), "" without nodes. A manager that knows no MemoryMax (before
 * 231) is told MemoryLimit. 0; -EOPNOTSUPP: systemd has no such property, or cannot set it on a
 * running unit; else as unit_bus_set(), whose success is to be read back from the cgroup. */
int unit_setting_set(struct unit_bus *bus, const char *unit, enum setting_id id,
		     const struct setting_value *value, const char *text);

/* Is there a runtime drop-in for that setting of that unit? For undo: one that was not there before
 * is taken away again. `root`: the directory that stands for "/", NULL for that itself. */
bool unit_setting_drop_in_exists(const char *root, const char *unit, enum setting_id id);
/* Unlinks it, and the directory once it is empty. The manager forgets it at its next reload, which
 * is not forced. 0; -ENOENT; -EINVAL: not the name of a unit; -errno. */
int unit_setting_drop_in_remove(const char *root, const char *unit, enum setting_id id);
