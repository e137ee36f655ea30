/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The 32 largest slab caches, with their growth where the history of `sense` knows them. Reads all
 * of slabinfo: on request only.
 */

#include "core/detail.h"

struct sense;
struct sysroot;

/* `sense` may be NULL. 0 and *ret, for memory_detail_done(), with slabs_known false where slabinfo
 * cannot be read; -ENOMEM. */
int memory_detail_read(const struct sysroot *root, const struct sense *sense,
		       uint64_t page_size_bytes, struct memory_detail *ret);
