/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Memory of a fixed size of which little may ever be used. What nobody has touched takes no memory:
 * it is a mapping of its own, where calloc() may take a block that was used before and write it all
 * with zeroes.
 */

#include <stddef.h>

/* All zero. NULL: no memory; errno says so. To be given back with the same size. */
void *pool_new(size_t bytes);
/* NULL is accepted. */
void pool_free(void *pool, size_t bytes);
