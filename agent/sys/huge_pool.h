/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A node's pool of huge pages of one size: Documentation/admin-guide/mm/hugetlbpage.rst. On a
 * machine without node directories node 0's is the host's. Sizes in bytes.
 */

#include <stdint.h>

struct sysroot;

/* What the pool holds, used or free. 0; -ENOENT: no such node, or no pages of that size; -EINVAL:
 * no such size can be, or not a number; else -errno. */
int huge_pool_read(const struct sysroot *root, unsigned node, uint64_t page_bytes,
		   int64_t *ret_pages);
/* Asks for a pool of so many pages, which the kernel follows as far as it can without saying so: it
 * shrinks by what is free and grows by what it finds in one piece. May compact and so take seconds.
 * 0; -EROFS on a captured tree; else as above. */
int huge_pool_write(const struct sysroot *root, unsigned node, uint64_t page_bytes, int64_t pages);
