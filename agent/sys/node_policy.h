/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Memory policies of this process that name one node: mbind(2), set_mempolicy(2).
 *
 * `mode` is MPOL_BIND or MPOL_PREFERRED. 0; -EINVAL: there is no such node, or we may not use it;
 * -ENOMEM; -ENOSYS, -EPERM: no such call here.
 */

#include <stddef.h>

/* Of whole pages, before they are written. */
int node_policy_set_pages(void *pages, size_t bytes, int mode, unsigned node);
/* Of this thread, from now on. */
int node_policy_set_thread(int mode, unsigned node);
