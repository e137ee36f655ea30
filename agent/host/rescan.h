/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is made anew, and may allocate: the list of services, room for them, and workers that have
 * died. Of services that there is no memory for it is said that they are not seen.
 */

#include "util/usec.h"

#include <stdbool.h>

struct warden;

void rescan_make(struct warden *w, usec_t now, bool urgent);
