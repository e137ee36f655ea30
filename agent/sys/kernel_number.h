/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files of proc and sysfs that hold one number and take one. */

#include <stdint.h>

/* 0; -EINVAL: more or less than one number; -ERANGE; else -errno. */
int kernel_number_read(int fd, int64_t *ret);
/* As sysroot_write_fd(). */
int kernel_number_write(int fd, int64_t value);
