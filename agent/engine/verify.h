/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Was a step worth it? See flight.h for what is met and what is no effect. */

#include "engine/state.h"

/* The last outcome is in: judged at once where it says enough, else kept for later. */
void verify_ended(struct engine *e, struct flight *flight);
/* Looks at the snapshot once it shows what became of the step; the flight is then over. */
void verify_later(struct engine *e, struct flight *flight);

/* What keeps a service from being tried again, and whether it still does: by its time, and by what
 * the service was then. */
struct bar verify_bar(const struct engine *e, enum action_id action, const struct service *service);
bool verify_bar_stands(const struct engine *e, const struct bar *bar,
		       const struct service *service);

/* Does its account say that the memory does not move? Most of what was tried is pinned; or nothing
 * moved, and most is held by somebody who cannot be asked. */
bool verify_is_unmovable(const struct flight *flight);
/* The bar that stands for a service, NULL if there is none. */
const struct bar *verify_find_bar(struct engine *e, enum action_id action, uint64_t service);

/* What the outcome itself says was gained. */
int64_t verify_account(const struct flight *flight);
/* The target vanished, or there was nobody to do the work: neither says that the action is no good
 * for it. */
bool verify_is_innocent(int error);
