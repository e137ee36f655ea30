/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What setting a property of a unit at run time leaves behind: 50-PROPERTY.conf in UNIT.d below
 * /run/systemd/system.control, for a transient unit (a guest's scope) below /run/systemd/transient.
 * It pins the value for as long as the machine runs, so it goes when the value does.
 */

#include <stdbool.h>

/* Is there one? `root`: the directory that stands for "/", NULL for that itself. */
bool unit_drop_in_exists(const char *root, const char *unit, const char *property);
/* Unlinks it, and the directory once it is empty. The manager forgets it at its next reload, which
 * is not forced. 0; -ENOENT; -EINVAL: not the name of a unit or property; -errno. */
int unit_drop_in_remove(const char *root, const char *unit, const char *property);
/* Is this the name of a unit, so that it can be no path? ("a.service", "machine-qemu\x2d1.scope")
 */
bool unit_name_is_valid(const char *unit);
