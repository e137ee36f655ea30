/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * When memory is short nothing more may be asked for. What the way from sample to kill needs in
 * descriptors is held until then, and lent to it tick by tick.
 */

struct warden;

void danger_prepare(struct warden *w);
void danger_done(struct warden *w);
/* For what only looks and acts, not for what keeps files open: it would never give them back. Where
 * there is neither danger nor anything to be done it does nothing. */
void danger_lend(struct warden *w);
void danger_take_back(struct warden *w);
