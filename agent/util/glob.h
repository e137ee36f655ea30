/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Globs over cgroup paths. "*" matches within one path component, "**" as a whole component any
 * number of components, none too; "?" one character but "/"; a backslash is a plain character, as
 * unit names are full of systemd's escapes (machine-qemu\x2d1.scope). No brackets, no braces.
 */

#include <stdbool.h>

/* path and pattern without a leading slash. Runs in time linear in the product of the lengths; no
 * pattern can make it exponential. */
bool glob_match(const char *pattern, const char *path);
/* NULL if the pattern is well-formed, else what is wrong with it (a static string). */
const char *glob_check(const char *pattern);
