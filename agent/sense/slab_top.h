/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The largest slab caches, the largest first. Caches of one name count as one.
 */

#include "core/detail.h"

struct sysroot;
struct slabinfo_cache;

struct slab_top {
	struct slab_detail *slabs; /* of the caller */
	size_t capacity;
	size_t count;
	uint64_t page_size_bytes;
};

/* For slabinfo_each(); context: struct slab_top. */
void slab_top_take(void *context, const struct slabinfo_cache *cache);
