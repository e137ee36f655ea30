/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The clocks and the boot id; only the programs' floor reads them.
 */

#include "util/usec.h"

struct sysroot;

usec_t clock_monotonic_usec(void);
/* The same as of the last timer interrupt, at most 10 ms ago. Costs no system call where the clock
 * source does (hpet, acpi_pm: hosts whose time stamp counters do not agree). Never behind what the
 * above has given more than 10 ms ago. */
usec_t clock_monotonic_coarse_usec(void);
/* Like the above but counting suspended time: a difference between the two that grew is a suspend.
 */
usec_t clock_boottime_usec(void);

/* At most so long: a signal ends it. */
void clock_sleep(usec_t usec);

#define BOOT_ID_BYTES 37
/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx". 0 or -errno. */
int clock_read_boot_id(const struct sysroot *root, char ret[BOOT_ID_BYTES]);
