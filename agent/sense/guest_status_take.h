/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What libvirt's status says, put over what the command line said: the status is of now.
 */

#include "core/detail.h"
#include "sys/guest_status.h"

void guest_status_take(struct guest_detail *detail, const struct guest_status *status);
/* The guest's NUMA nodes as backends, or its one memory where it has none. *at starts at 0; false
 * behind the last one. */
bool guest_status_cell(const struct guest_status *status, unsigned *at, struct guest_backend *ret);
