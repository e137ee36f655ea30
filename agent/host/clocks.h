/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

struct warden;

/* Was the machine asleep since the last call? What was measured and pending before is forgotten
 * then, and warden_has_slept() tells of it. */
bool clocks_have_slept(struct warden *warden);
