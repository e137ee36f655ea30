/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Settings of the host. vm.dirty and vm.dirty_background are one knob each with two names, of which
 * the one that is not in use reads 0: mm/page-writeback.c.
 */

#include "core/setting.h"

struct sysroot;

/* 0; -errno of sysctl_read() and sysctl_write(); -EINVAL: no value of such a pair. */
int setting_sysctl_read(const struct sysroot *root, enum setting_id id, struct setting_value *ret);
int setting_sysctl_write(const struct sysroot *root, enum setting_id id,
			 const struct setting_value *value);
