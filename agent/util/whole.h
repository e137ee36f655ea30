/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A file read whole, from where its descriptor stands to the end. */

#include <stddef.h>
#include <sys/types.h>

/* Its length, and *ret: on the heap, with a terminator behind the last byte. -EFBIG: there are more
 * than `most` bytes; -ENOMEM; another -errno of read(2). The size that the file says that it has is
 * not asked for: it may grow meanwhile, and files of the kernel have none. */
ssize_t whole_read(int fd, size_t most, char **ret);
