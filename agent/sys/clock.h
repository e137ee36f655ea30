/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The clocks and the boot id; only the programs' floor reads them.
 */

#include "util/usec.h"

struct sysroot;

usec_t clock_monotonic_usec(void);
/* Like the above but counting suspended time: a difference between the two that grew is a suspend.
 */
usec_t clock_boottime_usec(void);

#define BOOT_ID_BYTES 37
/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx". 0 or -errno. */
int clock_read_boot_id(const struct sysroot *root, char ret[BOOT_ID_BYTES]);
