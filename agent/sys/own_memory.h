/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Memory of this process on a chosen node, to show how fast it moves: mbind(2). Small pages only,
 * so that each machine shows the same.
 *
 * The node is preferred, not bound to: where it has no room after all the kernel takes another one,
 * and kills nobody.
 */

#include <stddef.h>

struct sysroot;

struct own_memory {
	void *pages;
	size_t bytes;
};

/* Every page of it is written to. 0; -EINVAL: we may not use that node, or there is none; -ENOSYS,
 * -EPERM: no such call here; -ENOMEM; -EROFS on a captured tree. Writing takes a second for each
 * few GiB: workers only. */
int own_memory_take(const struct sysroot *root, unsigned node, size_t bytes,
		    struct own_memory *ret);
void own_memory_done(struct own_memory *memory);
