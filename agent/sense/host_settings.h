/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the host is set to, and who manages it. Nobody tells of a sysctl that is written, so they
 * are looked at in housekeeping, and after our own writes. Calm rounds.
 */

struct sense;

void host_settings_read_sysctls(struct sense *sense);
/* Is it systemd, this machine's or one that cannot be asked? */
void host_settings_find_manager(struct sense *sense);
