/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Compressed block devices in memory: Documentation/admin-guide/blockdev/zram.rst. mm_stat (4.1) is
 * one line, "orig_data_size compr_data_size mem_used_total mem_limit mem_used_max ...", in bytes;
 * before, mem_used_total is a file. What counts is the memory that the device takes, not what it
 * promises as swap: data that does not compress takes as much as it swaps.
 */

#include "util/idset.h"

#include <stddef.h>
#include <stdint.h>

struct sysroot;

/* mem_used_total. 0; -EINVAL: cut, or of another form. */
int zram_parse_mm_stat(const char *text, size_t length, uint64_t *ret_used_bytes);

/* The numbers of the devices there are. Lists a directory: for calm rounds. 0 or -errno. */
int zram_list(const struct sysroot *root, struct idset *ret);
/* What one device takes. 0; -ENOENT: it is gone; other -errno. */
int zram_used(const struct sysroot *root, unsigned device, uint64_t *ret_bytes);
