/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * /proc/spl/kstat/zfs/arcstats: the cache of ZFS (the ARC), OpenZFS 0.6 to 2.3: a line of kstat's
 * own, one of headings, then "name type value". Sizes in bytes.
 */

#include <stddef.h>
#include <stdint.h>

struct sysroot;

struct arcstats {
	uint64_t size_bytes;
	uint64_t min_bytes; /* c_min: it does not shrink below for anybody */
};

/* 0; -EINVAL unless both are there. */
int arcstats_parse(const char *text, size_t length, struct arcstats *ret);

/* fd to keep and read with sysroot_read_fd(), 16 KiB hold it; -ENOENT: no ZFS here; other -errno.
 */
int arcstats_open(const struct sysroot *root);
