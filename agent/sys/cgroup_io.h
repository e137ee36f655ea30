/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Limits on what a cgroup writes to a device: io.max (Documentation/admin-guide/cgroup-v2.rst, a
 * line a device, "8:0 rbps=max wbps=1048576 riops=max wiops=max") and v1's
 * blkio.throttle.write_bps_device ("8:0 1048576"). A device without a line has no limit.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes per second, CGROUP_INFINITY without a limit. 1: there is a line for the device; 0: there is
 * none in what is here; -EINVAL: its line is not of the form. */
int cgroup_parse_io_max(const char *text, size_t length, dev_t device, uint64_t *ret_write_bps);
int cgroup_v1_parse_throttle(const char *text, size_t length, dev_t device, uint64_t *ret_bps);
