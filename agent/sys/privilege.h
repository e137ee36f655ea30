/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Rights that this process has, and those that it gives up for good: capabilities(7).
 */

#include <stdint.h>

#define PRIVILEGE_BIT(capability) (UINT64_C(1) << (capability))

/* Keeps at most these (bits of CAP_*), of those that it has; those of programs that it would run go
 * as well. 0 or -errno. */
int privilege_keep(uint64_t capabilities);
/* Those that are in effect, as bits. 0 or -errno. */
int privilege_read(uint64_t *ret);
