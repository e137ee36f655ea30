/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is kept of canaries from tick to tick. See arming.h.
 */

#include "engine/state.h"

/* The same as long as there is one of that key. NULL: there is no room, or, without `make`, none.
 */
struct armed *arming_find(struct arming *arming, uint64_t key, bool make);
