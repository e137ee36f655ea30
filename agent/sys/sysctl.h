/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Sysctls that are one number: Documentation/admin-guide/sysctl/vm.rst. By their path below
 * /proc/sys ("vm/swappiness").
 */

#include <stdint.h>

struct sysroot;

/* 0; -ENOENT: this kernel has none of that name; -EINVAL: not one number; -ERANGE; else -errno. */
int sysctl_read(const struct sysroot *root, const char *name, int64_t *ret);
/* 0; -EROFS on a captured tree, and where /proc/sys is mounted so; -EINVAL: refused; -ENOENT;
 * -EACCES; else -errno. Does not wait. */
int sysctl_write(const struct sysroot *root, const char *name, int64_t value);
