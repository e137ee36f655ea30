/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * When memory is short nothing more may be asked for. What the way from sample to kill needs in
 * descriptors is held until then, and lent to it tick by tick.
 */

struct warden;

void danger_prepare(struct warden *w);
/* Who acts is not to be the kernel's victim in the middle of it: where nobody has said how likely
 * that is to be (the unit does), it never is. As far as this process may say so. */
void danger_protect(const struct warden *w);
void danger_done(struct warden *w);
/* For what only looks and acts, not for what keeps files open: it would never give them back. Where
 * there is neither danger nor anything to be done it does nothing. */
void danger_lend(struct warden *w);
void danger_take_back(struct warden *w);
