/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The age of a machine, live or captured: /proc/uptime, in hundredths of a second since boot. */

#include "util/usec.h"

#include <stddef.h>

struct sysroot;

/* 0 or -errno; -EINVAL: not of the kernel's form. */
int uptime_read(const struct sysroot *root, usec_t *ret);
int uptime_parse(const char *text, size_t length, usec_t *ret);
