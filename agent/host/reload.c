/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/reload.h"

#include "host/pause_file.h"
#include "host/record.h"
#include "util/macro.h"

#include <string.h>

/* What cannot be given back for longer keeps no rule waiting. */
#define SETTLE_USEC (5 * USEC_PER_SEC)

void reload_read_paused(const struct warden *w, struct pause_list *ret)
{
	*ret = (struct pause_list){ 0 };
	if (w->runtime)
		(void)pause_file_read(runtime_directory(w->runtime), ret);
}

/* Rules start over, by `config` if it is not NULL, else by what was in force. */
static int start_over(struct warden *w, struct config **config, struct pause_list *paused,
		      usec_t now)
{
	_cleanup_(engine_freep) struct engine *engine = NULL;
	struct config *next = *config ? *config : w->config;
	usec_t kills[ENGINE_KILLS_MAX];
	int r;

	pause_apply(paused, next);
	r = engine_new(next, &engine);
	if (r < 0)
		return r;
	executor_cancel_all(w->executor, now);
	engine_set_kills(engine, kills, engine_get_kills(w->engine, kills));
	engine_set_last_step(engine, engine_last_step(w->engine));

	/* The plan's and the tracked steps' rule numbers are of the old generation. */
	plan_reset(&w->plan);
	memset(w->steps, 0, sizeof(w->steps));
	w->outcome_count = 0;
	pause_list_done(&w->paused);
	w->paused = *paused;
	*paused = (struct pause_list){ 0 };
	warden_tell_sense(w, next);
	w->engine = engine_free(w->engine);
	w->engine = TAKE_PTR(engine);
	if (*config) {
		config_free(w->config);
		w->config = TAKE_PTR(*config);
	}
	record_use_config(w, now);
	w->started = w->is_calm = w->settle_seen = false;
	w->settle_until = executor_is_setting(w->executor) ? now + SETTLE_USEC : 0;
	return 0;
}

int warden_reload(struct warden *w, struct diag_list *diags, usec_t now)
{
	_cleanup_(config_freep) struct config *config = NULL;
	_cleanup_(pause_list_done) struct pause_list paused = { 0 };
	int refused, r = 0;

	refused = config_load(w->options.config_path, diags, &config);
	if (refused >= 0)
		warden_hold_back(w, config);
	reload_read_paused(w, &paused);
	/* The operator's brake works beside a faulty configuration too. */
	if (refused >= 0 || !pause_list_equal(&paused, &w->paused))
		r = start_over(w, &config, &paused, now);
	if (r >= 0 && w->runtime)
		runtime_set_answer(w->runtime, refused < 0, pause_list_sum(&w->paused));
	return r < 0 ? r : MIN_OF(refused, 0);
}

bool reload_is_settled(struct warden *w, usec_t now)
{
	if (w->settle_until == 0)
		return true;
	if (w->settle_seen) {
		w->settle_until = 0;
		return true;
	}
	if (!executor_is_setting(w->executor) || now >= w->settle_until) {
		w->settle_seen = true;
		/* The whole of the machine: what it holds is read in slow rounds. */
		w->started = false;
	}
	return false;
}
