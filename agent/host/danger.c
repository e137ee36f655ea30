/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/danger.h"

#include "host/cadence.h"
#include "host/state.h"
#include "sys/own_score.h"

bool warden_is_in_danger(const struct warden *w)
{
	return cadence_is_urgent(sense_snapshot(w->sense)) || engine_is_climbing(w->engine);
}

void danger_prepare(struct warden *w)
{
	if (w->root.live)
		spare_fds_take(&w->spare, w->root.fd);
}

void danger_protect(const struct warden *w)
{
	int score;

	if (w->config->mode == MODE_ENFORCE && own_score_read(&w->root, &score) >= 0 && score >= 0)
		(void)own_score_set(&w->root, OWN_SCORE_NEVER);
}

void danger_done(struct warden *w)
{
	spare_fds_lend(&w->spare);
}

void danger_lend(struct warden *w)
{
	if (w->plan.step_count > 0 || !executor_is_idle(w->executor) || warden_is_in_danger(w))
		spare_fds_lend(&w->spare);
}

void danger_take_back(struct warden *w)
{
	danger_prepare(w);
}
