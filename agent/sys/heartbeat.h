/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A page that a process shares with a child that minds it: it beats there, and says whether it is
 * in danger. A beat costs nothing but a write, and while there is no danger the child sleeps
 * without a timer.
 */

#include "util/usec.h"

#include <stdbool.h>
#include <stdint.h>

struct heartbeat; /* the shared page */

/* Before the fork. 0 or -errno. */
int heartbeat_new(struct heartbeat **ret);
struct heartbeat *heartbeat_free(struct heartbeat *h);

/* Once more; a system call only where `danger` is another one than before. */
void heartbeat_beat(struct heartbeat *h, bool danger);

/* The child's side. */
uint32_t heartbeat_count(const struct heartbeat *h);
bool heartbeat_is_danger(const struct heartbeat *h);
/* Returns when danger is something else than this, or after that time (USEC_INFINITY: however long
 * it takes). It may also return before. */
void heartbeat_wait(struct heartbeat *h, bool while_danger, usec_t timeout_usec);
