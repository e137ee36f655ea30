/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Microseconds on CLOCK_MONOTONIC, or a span of them. Time is an argument everywhere below the
 * programs: only host/ reads the clock. */

#include <stdint.h>

typedef uint64_t usec_t;

#define USEC_PER_MSEC ((usec_t)1000)
#define USEC_PER_SEC  ((usec_t)1000000)
#define USEC_PER_MIN  ((usec_t)60 * USEC_PER_SEC)
#define USEC_INFINITY UINT64_MAX
