/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files read and written whole, from where their descriptor stands. */

#include <stddef.h>
#include <sys/types.h>

/* To the end. Its length, and *ret: on the heap, with a terminator behind the last byte. -EFBIG:
 * there are more than `most` bytes; -ENOMEM; another -errno of read(2). The size that the file says
 * that it has is not asked for: it may grow meanwhile, and files of the kernel have none. */
ssize_t whole_read(int fd, size_t most, char **ret);
/* All bytes, however few are taken at a time. 0 or -errno of write(2); -EIO: no more are taken. */
int whole_write(int fd, const void *bytes, size_t length);
