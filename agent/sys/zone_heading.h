/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What /proc/buddyinfo and /proc/zoneinfo begin a zone with: "Node 0, zone    DMA32". */

#include "sys/span.h"

#include <stdbool.h>
#include <stddef.h>

/* Takes the heading off `line`, which is left at what follows. False where it is not one, or the
 * name does not fit; *ret_name may then hold the beginning. */
bool zone_heading_take(struct span *line, unsigned *ret_node, char *ret_name, size_t name_size);
