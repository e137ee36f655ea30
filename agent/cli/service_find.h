/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which service of a snapshot an operand means: by the name of its guest, its unit, its cgroup path
 * or the end of that (explain/unit_name.h).
 */

#include "core/snapshot.h"

#include <stdbool.h>
#include <stddef.h>

/* NULL: none. *ret_count: how many it may as well be; more than one: the first of them. */
const struct service *service_find(const struct snapshot *snapshot, const char *asked,
				   size_t *ret_count);
/* Is this one meant as much as the one that was found? */
bool service_find_is_like(const struct service *service, const struct service *found,
			  const char *asked);
/* The name that comes nearest; `other`, if not NULL, is one more. NULL: none is near. */
const char *service_find_nearest(const struct snapshot *snapshot, const char *asked,
				 const char *other);
