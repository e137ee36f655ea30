/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Every populated zone with its watermarks and free lists, from zoneinfo and buddyinfo. The two are
 * read one after the other, so on a busy machine they do not agree to the page. Allocates, and
 * reads files that are long on large machines: on request only.
 */

#include "core/detail.h"

struct sysroot;

/* 0 and *ret, for zone_details_done(); -EINVAL: zoneinfo is not complete; other -errno. A buddyinfo
 * that cannot be read leaves the free lists unknown. */
int zone_detail_read(const struct sysroot *root, struct zone_details *ret);
