/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/reload.h"

#include "host/danger.h"
#include "host/pause_file.h"
#include "host/record.h"
#include "util/macro.h"

#include <string.h>

/* What is given back for a policy that asks no more would be taken for another one's that asks for
 * the same, and its end for somebody else's doing. What takes longer keeps no rule waiting. */
#define SETTLE_USEC (5 * USEC_PER_SEC)

void reload_read_paused(const struct warden *w, struct pause_list *ret)
{
	*ret = (struct pause_list){ 0 };
	if (w->runtime)
		(void)pause_file_read(runtime_directory(w->runtime), ret);
}

static void use_pauses(struct warden *w, struct pause_list *paused)
{
	pause_list_done(&w->paused);
	w->paused = *paused;
	*paused = (struct pause_list){ 0 };
}

static bool find_rule(const struct config *config, const char *name, size_t *ret)
{
	for (size_t i = 0; i < config->rule_count; i++)
		if (strcmp(config->rules[i].name, name) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

static int find_policy(const struct policy_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->policies[i].name, name) == 0)
			return (int)i;
	return -1;
}

static bool carry_canary(const struct config *to, struct step *step)
{
	for (size_t i = 0; i < to->canary_count; i++)
		if (strcmp(to->canaries[i].name, step->owner) == 0) {
			step->owner = to->canaries[i].name;
			return true;
		}
	return false;
}

struct carrying {
	const struct config *from;
	const struct config *to;
};

/* What becomes of a step is still to be told, by the names of the next configuration. False: it has
 * no such rule. */
static bool carry_step(void *context, struct step *step)
{
	const struct carrying *carrying = context;
	const struct config *from = carrying->from, *to = carrying->to;
	int policy = step->target.policy;

	if (step->action == ACTION_ARM)
		return carry_canary(to, step);
	if (policy >= 0)
		step->target.policy =
			find_policy(&to->policies, from->policies.policies[policy].name);
	if (step->rule != RULE_NONE) {
		if (!find_rule(to, from->rules[step->rule].name, &step->rule))
			return false;
		step->owner = to->rules[step->rule].name;
		return true;
	}
	if (step->target.policy < 0)
		return false;
	step->owner = to->policies.policies[step->target.policy].name;
	return true;
}

static void carry_steps(struct warden *w, const struct config *next)
{
	struct carrying carrying = { w->config, next };

	step_list_sift(&w->steps, carry_step, &carrying);
}

/* Rules start over, by another configuration. */
static int start_over(struct warden *w, struct config **config, struct pause_list *paused,
		      usec_t now)
{
	_cleanup_(engine_freep) struct engine *engine = NULL;
	int r;

	pause_apply(paused, *config);
	r = engine_new(*config, &engine);
	if (r < 0)
		return r;
	executor_cancel_all(w->executor, now);
	engine_take_over(engine, w->engine);

	/* The plan's rule numbers are of the old generation. */
	plan_reset(&w->plan);
	carry_steps(w, *config);
	w->outcome_count = 0;
	use_pauses(w, paused);
	warden_tell_sense(w, *config);
	w->engine = engine_free(w->engine);
	w->engine = TAKE_PTR(engine);
	config_free(w->config);
	w->config = TAKE_PTR(*config);
	danger_protect(w);
	/* The operator has said so; that the agent was started again would say nothing. */
	executor_take_foreign(w->executor);
	record_use_config(w, now);
	w->started = w->is_calm = false;
	w->canaries_kept = SIZE_MAX;
	reload_settle(w, now);
	return 0;
}

/* Something else is paused, and nothing else has changed. */
static void take_pauses(struct warden *w, struct pause_list *paused, usec_t now)
{
	use_pauses(w, paused);
	pause_apply(&w->paused, w->config);
	warden_tell_sense(w, w->config);
	engine_note_paused(w->engine);
	record_use_pauses(w, now);
	w->is_calm = false;
}

/* The configuration is what it was: rules go on, and their remedies stay in force. */
static void read_again(struct warden *w)
{
	warden_tell_sense(w, w->config);
	engine_note_read_again(w->engine);
	executor_take_foreign(w->executor);
	w->started = w->is_calm = false;
}

int warden_reload(struct warden *w, struct diag_list *diags, usec_t now)
{
	_cleanup_(config_freep) struct config *config = NULL;
	_cleanup_(pause_list_done) struct pause_list paused = { 0 };
	int refused, r = 0;
	bool is_same;

	refused = config_load(w->options.config_path, diags, &config);
	if (refused >= 0)
		warden_hold_back(w, config);
	reload_read_paused(w, &paused);
	is_same = refused < 0 || config->sum == w->config->sum;
	if (!is_same)
		r = start_over(w, &config, &paused, now);
	/* The operator's brake works beside a faulty configuration too. */
	else if (!pause_list_equal(&paused, &w->paused))
		take_pauses(w, &paused, now);
	else if (refused >= 0)
		read_again(w);
	if (r >= 0 && w->runtime)
		runtime_set_answer(w->runtime, refused < 0, pause_list_sum(&w->paused));
	return r < 0 ? r : MIN_OF(refused, 0);
}

void reload_settle(struct warden *w, usec_t now)
{
	w->settle_seen = false;
	w->settle_until = executor_is_setting(w->executor) ? now + SETTLE_USEC : 0;
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
