/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Memory that the kernel may not move: registered with io_uring as buffers, which it pins for as
 * long as the ring is there, just as VFIO pins a guest's memory for a device. */

#include <stddef.h>

/* Whole pages that are present and may be written; until the process ends. Dies if it cannot. */
void pin_memory(void *memory, size_t bytes);
