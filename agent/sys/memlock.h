/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keeps this process's pages in memory as they are touched: mlockall(MCL_CURRENT | MCL_FUTURE |
 * MCL_ONFAULT), 4.4. Without ONFAULT every mapped byte of every library would become resident.
 * Locks are not inherited by fork: each worker calls it itself.
 */

/* 0; -EPERM or -ENOMEM: RLIMIT_MEMLOCK and no CAP_IPC_LOCK; -EINVAL: a kernel without ONFAULT. */
int memlock_on_fault(void);
