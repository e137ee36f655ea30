/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/work.h"

/* One call at most: 32 huge pages, or MOVE_PAGES_MAX small ones. How many there are is found while
 * it moves, see act/move_pace.c. On an emulated machine of two nodes whose processors had other
 * things to do, 300 MiB of small pages took 2.4 to 3.4 s with 512 a call, 1.5 to 2.0 s with 1,024
 * and with 2,048, and 1.6 to 1.8 s in one migrate_pages(2), which cannot be stopped. */
#define MIGRATE_CHUNK_BYTES (UINT64_C(64) << 20)
/* At most 200 calls a second, so that the CPUs are not interrupted without end where copying is
 * fast. */
#define MIGRATE_PAUSE_USEC (5 * USEC_PER_MSEC)
