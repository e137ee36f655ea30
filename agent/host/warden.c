/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/warden.h"

#include "act/remedy.h"
#include "host/cadence.h"
#include "host/clocks.h"
#include "host/danger.h"
#include "host/record.h"
#include "host/reload.h"
#include "host/rescan.h"
#include "host/state.h"
#include "sys/block_device.h"
#include "sys/clock.h"
#include "util/macro.h"
#include "util/sum.h"

#include <errno.h>
#include <string.h>

#define INSPECTIONS_A_TICK 16
/* A tick that finds the machine as the one before had left it ends there, but for one in so long:
 * what is read now and then waits no longer for a rule to look at it. */
#define STILL_MAX_USEC (60 * USEC_PER_SEC)
/* A trial takes less than a second; when it is over counts. */
#define TRIAL_TICK_USEC (5 * USEC_PER_MSEC)

static int open_machine(struct warden *w, const char **ret_what)
{
	int r;

	*ret_what = "captured machine";
	r = frames_find(w->options.root, &w->frames);
	if (r < 0)
		return r;
	*ret_what = w->options.root ? "captured machine" : "root directory";
	r = frames_open(&w->frames, 0, &w->root);
	if (r < 0)
		return r;
	danger_prepare(w);
	danger_protect(w);
	*ret_what = "control groups";
	return cgroup_layout_open(&w->root, &w->layout);
}

static bool limits_writing(const struct config *config)
{
	for (size_t i = 0; i < config->rule_count; i++)
		for (size_t k = 0; k < config->rules[i].ladder_count; k++)
			if (config->rules[i].ladder[k].action == ACTION_IO_LIMIT)
				return true;
	return false;
}

/* Of one that cannot be found nothing is held; a reload looks again. */
static void find_devices(const struct warden *w, struct policy_table *policies)
{
	for (size_t i = 0; i < policies->count; i++)
		for (size_t k = 0; k < policies->policies[i].setting_count; k++) {
			struct policy_setting *setting = &policies->policies[i].settings[k];

			if (setting->device && block_device_find(&w->root, setting->device,
								 &setting->device_number) < 0)
				setting->device_number = 0;
		}
}

static bool is_paused(const void *list, const char *path)
{
	return pause_has_service(list, path);
}

void warden_tell_sense(struct warden *w, struct config *config)
{
	bool marks[METRIC_COUNT_] = { 0 };

	find_devices(w, &config->policies);
	config_mark_metrics(config, marks);
	sense_set_paused(w->sense, pause_has_services(&w->paused) ? is_paused : NULL, &w->paused);
	sense_set_policies(w->sense, &config->policies);
	sense_set_canaries(w->sense, config->canaries, config->canary_count);
	sense_want_averages(w->sense, marks[METRIC_PSI_CPU_SOME],
			    marks[METRIC_PSI_IO_SOME] || marks[METRIC_PSI_IO_FULL]);
	sense_want_io(w->sense, limits_writing(config));
	sense_want_service_pressure(w->sense, marks[METRIC_SERVICE_PSI_SOME] ||
						      marks[METRIC_SERVICE_PSI_FULL]);
}

static int make_parts(struct warden *w, const char **ret_what)
{
	struct remedy_env env = {
		.root = &w->root,
		.layout = &w->layout,
		.publish = w->options.publish,
		.publish_context = w->options.publish_context,
	};
	const struct worker_counts workers = {
		.migrators = w->options.migrators,
		.inspectors = w->options.inspectors,
		.clerks = w->options.clerks,
	};
	int r;

	/* Before anything else is open: workers inherit as little as can be. */
	*ret_what = "worker processes";
	if (workers.migrators + workers.inspectors + workers.clerks > 0) {
		r = worker_pool_new(&w->root, &workers, &w->pool);
		if (r < 0)
			return r;
		env.work = worker_pool_port(w->pool);
		if (workers.clerks > 0)
			env.clerks = worker_pool_clerk_port(w->pool);
	}
	*ret_what = "executor";
	r = executor_new(&env, &w->executor);
	if (r < 0)
		return r;
	*ret_what = "sensors";
	r = sense_new(&w->root, &w->layout, w->options.root && w->frames.count == 1, &w->sense);
	if (r < 0)
		return r;
	return 0;
}

static int open_runtime(struct warden *w, const char **ret_what)
{
	char boot_id[BOOT_ID_BYTES] = "";
	int r;

	*ret_what = w->options.runtime_directory;
	if (!w->options.runtime_directory)
		return 0;
	(void)clock_read_boot_id(&w->root, boot_id);
	r = runtime_open(w->options.runtime_directory, boot_id, &w->runtime);
	return r < 0 ? r : runtime_announce(w->runtime);
}

/* After the lock was taken: who changes the list from then on finds this agent and tells it. */
static int make_decider(struct warden *w, const char **ret_what)
{
	struct arrived arrivals[ENGINE_ARRIVALS_MAX];
	usec_t kills[ENGINE_KILLS_MAX];
	int r;

	*ret_what = "rules";
	reload_read_paused(w, &w->paused);
	pause_apply(&w->paused, w->config);
	warden_tell_sense(w, w->config);
	r = engine_new(w->config, &w->engine);
	if (r < 0 || !w->runtime)
		return r;
	engine_set_kills(w->engine, kills, runtime_get_kills(w->runtime, kills));
	engine_set_arrivals(w->engine, arrivals, runtime_get_arrivals(w->runtime, arrivals));
	runtime_set_answer(w->runtime, false, pause_list_sum(&w->paused));
	record_open(w);
	return 0;
}

void warden_hold_back(const struct warden *w, struct config *config)
{
	if (!w->options.act)
		config->mode = MODE_DRY_RUN;
}

int warden_new(const struct warden_options *options, struct diag_list *diags, const char **ret_what,
	       struct warden **ret)
{
	_cleanup_(warden_freep) struct warden *w = calloc(1, sizeof(*w));
	int r;

	*ret_what = "memory";
	if (!w)
		return -ENOMEM;
	w->options = *options;
	w->root.fd = -1;
	*ret_what = "configuration";
	r = config_load(options->config_path, diags, &w->config);
	if (r < 0)
		return r;
	warden_hold_back(w, w->config);
	r = open_machine(w, ret_what);
	if (r < 0)
		return r;
	r = make_parts(w, ret_what);
	if (r < 0)
		return r;
	r = open_runtime(w, ret_what);
	if (r < 0)
		return r;
	r = make_decider(w, ret_what);
	if (r < 0)
		return r;
	record_use(w, clock_monotonic_usec());
	if (record_gives_back(w))
		reload_settle(w, clock_monotonic_usec());
	trial_init(&w->trial, clock_monotonic_usec());
	*ret = TAKE_PTR(w);
	return 0;
}

struct warden *warden_free(struct warden *w)
{
	if (!w)
		return NULL;
	executor_free(w->executor);
	ledger_free(w->ledger);
	engine_free(w->engine);
	sense_free(w->sense);
	danger_done(w);
	reserve_done(&w->reserve);
	worker_pool_free(w->pool);
	runtime_close(w->runtime);
	cgroup_layout_done(&w->layout);
	sysroot_done(&w->root);
	config_free(w->config);
	pause_list_done(&w->paused);
	free(w);
	return NULL;
}

static void inspect_captured(struct warden *w, usec_t now)
{
	struct work_request request;
	struct work_reply reply;

	while (sense_next_inspection(w->sense, now, &request) > 0) {
		inspect_work(&w->root, &request, &reply);
		sense_take_inspection(w->sense, &request, &reply, now);
	}
	w->settled = true;
}

static void inspect_live(struct warden *w, usec_t now)
{
	struct work_request request;
	struct work_reply reply;
	bool waiting = false;

	if (!w->pool)
		return;
	for (int i = 0; i < INSPECTIONS_A_TICK; i++) {
		if (worker_pool_inspected(w->pool, now, &request, &reply) <= 0)
			break;
		sense_take_inspection(w->sense, &request, &reply, now);
		/* What it told counts from the next reading of services on: that is now. */
		w->services_at = 0;
	}
	for (int i = 0; i < INSPECTIONS_A_TICK; i++) {
		if (sense_next_inspection(w->sense, now, &request) <= 0)
			break;
		waiting = true;
		if (worker_pool_inspect(w->pool, &request, now) < 0) {
			sense_return_inspection(w->sense, &request);
			break;
		}
	}
	w->settled = !waiting && !worker_pool_is_inspecting(w->pool);
}

/* What is not for every tick: services, and who runs in them. */
static int sense_more(struct warden *w, usec_t now)
{
	bool urgent = engine_is_alert(w->engine) || cadence_is_urgent(sense_snapshot(w->sense));
	int r = 0;

	if (!w->started || now - w->scanned_at >= cadence_rescan(urgent)) {
		rescan_make(w, now, urgent);
		w->services_at = 0;
	}
	/* Before the services are read, so that where they may live is known to this very round. */
	if (w->root.live)
		inspect_live(w, now);
	else
		inspect_captured(w, now);
	if (w->services_at == 0 || sense_wants_services(w->sense) ||
	    now - w->services_at >= cadence_services(sense_snapshot(w->sense), urgent)) {
		danger_lend(w);
		r = sense_services(w->sense, now);
		w->services_at = now;
	}
	w->started = true;
	return r;
}

/* Those whose last outcome was there for the caller to publish. */
static void forget_ended(struct warden *w)
{
	for (size_t i = 0; i < w->outcome_count; i++)
		if (w->outcomes[i].state != OUTCOME_RUNNING)
			step_list_forget(&w->steps, w->outcomes[i].step);
	w->outcome_count = 0;
}

static void note_moves(struct warden *w, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->node_count; i++) {
		unsigned id = snapshot->nodes[i].id;
		int64_t bytes = executor_take_moved(w->executor, id);

		if (bytes != 0)
			sense_note_moved(w->sense, id, bytes);
	}
}

/* What steps have changed is read anew, also where no event tells of it. */
static void note_writes(struct warden *w)
{
	for (size_t i = 0; i < w->outcome_count; i++) {
		const struct outcome *outcome = &w->outcomes[i];
		const struct step *step = warden_step(w, outcome->step);

		if (!step || outcome->simulated || outcome->state == OUTCOME_RUNNING)
			continue;
		if (step->action == ACTION_ARM && step->order == STEP_START)
			sense_note_canary(w->sense, step->subject.key,
					  outcome->state == OUTCOME_DONE);
		if (actions[step->action].destructive && outcome->state == OUTCOME_DONE)
			sense_forget_falls(w->sense);
		if (actions[step->action].sets)
			sense_note_written(w->sense, setting_service_key(&step->setting.on));
		else if (actions[step->action].level_at)
			sense_note_written(w->sense, 0);
	}
}

/* What is ended on purpose does not die. */
static void note_ends(struct warden *w)
{
	for (size_t i = 0; i < w->plan.step_count; i++) {
		const struct step *step = &w->plan.steps[i];

		if (step->action == ACTION_ARM && step->order == STEP_UNDO)
			sense_note_canary(w->sense, step->subject.key, false);
	}
}

static uint64_t sum_of(const struct runtime_canary *canary, uint64_t sum)
{
	const uint64_t seen[] = { canary->key, canary->deaths, canary->kernel_kills,
				  canary->plight.wait, canary->plight.detail };

	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		sum = sum_number(sum, seen[i]);
	return sum;
}

static void fill_canary(const struct warden *w, const struct canary_status *canary,
			struct runtime_canary *ret)
{
	const struct reading *r = canary->readings;

	*ret = (struct runtime_canary){
		.key = canary->key,
		.deaths = reading_amount(r[metric_index(METRIC_CANARY_DEATHS)]),
		.kernel_kills = reading_amount(r[metric_index(METRIC_CANARY_KERNEL_KILLS)]),
		.plight = engine_canary_plight(w->engine, canary->key),
	};
}

/* For whoever asks meanwhile. */
static void keep_canaries(struct warden *w, const struct snapshot *snapshot)
{
	size_t count = MIN_OF(snapshot->canary_count, (size_t)CANARIES_MAX);
	struct runtime_canary each;
	uint64_t sum = SUM_BEGIN;

	for (size_t i = 0; i < count; i++) {
		fill_canary(w, &snapshot->canaries[i], &each);
		sum = sum_of(&each, sum);
	}
	if (!w->runtime || (count == w->canaries_kept && sum == w->canary_sum_kept))
		return;
	for (size_t i = 0; i < count; i++) {
		fill_canary(w, &snapshot->canaries[i], &each);
		runtime_set_canary(w->runtime, i, &each);
	}
	runtime_end_canaries(w->runtime, count, engine_canary_failure(w->engine));
	w->canaries_kept = count;
	w->canary_sum_kept = sum;
}

/* For the agent that comes after this one. */
static void keep_past(struct warden *w)
{
	struct arrived arrivals[ENGINE_ARRIVALS_MAX];
	usec_t kills[ENGINE_KILLS_MAX];

	if (!w->runtime)
		return;
	runtime_set_kills(w->runtime, kills, engine_get_kills(w->engine, kills));
	runtime_set_arrivals(w->runtime, arrivals, engine_get_arrivals(w->engine, arrivals));
}

void warden_watch(struct warden *w, int fd)
{
	sense_watch(w->sense, fd);
}

_hot_ int warden_wait(struct warden *w, usec_t timeout_usec, bool for_events)
{
	return sense_wait(w->sense, timeout_usec, for_events);
}

/* What waits for something else than its time is none of it. */
static usec_t next_due(const struct warden *w)
{
	usec_t due = engine_due(w->engine);

	return due > w->now ? due : USEC_INFINITY;
}

static usec_t next_delay(const struct warden *w)
{
	usec_t delay = cadence_next(sense_snapshot(w->sense));

	delay = MIN_OF(delay, w->due - w->now);
	if (!executor_is_idle(w->executor) || !w->settled || w->settle_until != 0)
		delay = MIN_OF(delay, 50 * USEC_PER_MSEC);
	return delay;
}

/* Is there nothing that the next tick would go on with? */
static bool is_calm(const struct warden *w)
{
	return w->settled && w->settle_until == 0 && executor_is_idle(w->executor) &&
	       engine_is_at_rest(w->engine) && !cadence_is_urgent(sense_snapshot(w->sense));
}

/* How many workers a move is worth; asynchronous, and with the machine otherwise at rest. */
static void watch_trial(struct warden *w, usec_t now)
{
	const struct snapshot *snapshot = sense_snapshot(w->sense);
	const struct trial_view view = {
		.snapshot = snapshot,
		.port = worker_pool_port(w->pool),
		.is_wanted = !w->is_stopping && snapshot->host.moves == MOVES_WORK &&
			     trial_is_wanted(w->config),
		.is_calm = w->is_calm,
		.is_danger = engine_is_alert(w->engine) || !executor_is_idle(w->executor),
		.say = w->options.say,
		.context = w->options.publish_context,
	};

	trial_advance(&w->trial, &view, now);
	executor_set_movers(w->executor, w->trial.movers);
	if (!trial_is_running(&w->trial))
		return;
	w->is_calm = false;
	w->delay = MIN_OF(w->delay, TRIAL_TICK_USEC);
}

static bool has_trial(const struct warden *w)
{
	return w->root.live && w->pool && w->options.migrators >= TRIAL_WORKERS_MAX;
}

static int tick(struct warden *w, usec_t now)
{
	const struct snapshot *snapshot;
	const struct outcome *outcomes;
	int r;

	r = sense_more(w, now);
	if (r < 0)
		return r;
	snapshot = sense_snapshot(w->sense);

	danger_lend(w);
	/* Copied: the executor's array ends with its next call, and the caller publishes it. */
	w->outcome_count = executor_advance(w->executor, snapshot, now, &outcomes);
	w->outcome_count = MIN_OF(w->outcome_count, ARRAY_SIZE(w->outcomes));
	memcpy(w->outcomes, outcomes, w->outcome_count * sizeof(*outcomes));

	note_moves(w, snapshot);
	note_writes(w);
	if (w->is_stopping || !reload_is_settled(w, now))
		return 0;
	engine_tick(w->engine, snapshot, w->outcomes, w->outcome_count, now, &w->plan);
	for (size_t i = 0; i < w->plan.step_count; i++)
		step_list_add(&w->steps, &w->plan.steps[i]);
	note_ends(w);
	keep_canaries(w, snapshot);
	/* The budget is spent before the kill, so that a crash in between cannot forget it. */
	keep_past(w);
	danger_lend(w);
	executor_submit(w->executor, &w->plan, snapshot, now);
	return 0;
}

_apart_ static int look(struct warden *w, usec_t now, bool may_rest)
{
	int r;

	plan_reset(&w->plan);
	forget_ended(w);
	r = sense_fast(w->sense, now);
	if (r < 0)
		return r;
	review_kernel_events(w, now);
	if (may_rest && !sense_has_moved(w->sense)) {
		sense_settle(w->sense);
		engine_note_watched(w->engine, now);
		return WARDEN_TICKED;
	}
	if (w->root.live && clocks_have_slept(w)) {
		r = sense_fast(w->sense, now);
		if (r < 0)
			return r;
	}
	r = tick(w, now);
	danger_take_back(w);
	w->due = next_due(w);
	w->delay = next_delay(w);
	w->whole_at = now;
	w->is_calm = r == 0 && is_calm(w);
	if (r == 0 && has_trial(w))
		watch_trial(w, now);
	sense_mark(w->sense);
	return r;
}

_hot_ int warden_tick(struct warden *w, usec_t now)
{
	bool may_rest = w->is_calm && now - w->whole_at < STILL_MAX_USEC && now < w->due;

	w->now = now;
	if (!may_rest || !sense_is_still(w->sense, now))
		return look(w, now, may_rest);
	engine_note_watched(w->engine, now);
	return WARDEN_STILL;
}

_hot_ usec_t warden_next(const struct warden *w)
{
	return w->now + w->delay;
}

bool warden_is_settled(const struct warden *w)
{
	return w->settled;
}

void warden_stop(struct warden *w, bool for_good, usec_t now)
{
	w->is_stopping = true;
	w->is_calm = false;
	executor_cancel_all(w->executor, now);
	executor_undo_all(w->executor, for_good, now);
}

bool warden_is_idle(const struct warden *w)
{
	return executor_is_idle(w->executor);
}

size_t warden_frame_count(const struct warden *w)
{
	return w->frames.count;
}

int warden_frame_open(struct warden *w, size_t frame, usec_t *ret_now)
{
	struct sysroot root;
	struct cgroup_layout layout;
	int r;

	r = frames_open(&w->frames, frame, &root);
	if (r < 0)
		return r;
	r = cgroup_layout_open(&root, &layout);
	if (r < 0) {
		sysroot_done(&root);
		return r;
	}
	cgroup_layout_done(&w->layout);
	sysroot_done(&w->root);
	w->root = root;
	w->layout = layout;
	r = sense_set_root(w->sense, &w->root, &w->layout);
	if (r < 0)
		return r;
	*ret_now = frames_time(&w->frames, frame, &w->root);
	return 0;
}
