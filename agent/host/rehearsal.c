/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/rehearsal.h"

#include "act/target.h"
#include "engine/check.h"
#include "host/state.h"
#include "sys/cgroup_effects.h"
#include "sys/cgroup_files.h"
#include "sys/clock.h"
#include "sys/memlock.h"
#include "sys/own_score.h"
#include "sys/privilege.h"
#include "sys/process_effects.h"
#include "util/macro.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* A service that has half of the host, of which nothing is left. */
#define HOST_BYTES    (INT64_C(1) << 30)
#define LEFT_BYTES    (INT64_C(1) << 20)
#define SERVICE_BYTES (HOST_BYTES / 2)
/* A rule without For= fires in the first tick that sees its reason, and does its step then. */
#define TICKS_MAX 4
/* For the answers of workers that have nothing else to do. */
#define PATIENCE_USEC (2 * USEC_PER_SEC)
#define EVENTS_BYTES  512
/* Steps that may run at one time, as far as room for them is touched beforehand. */
#define STEPS_TOUCHED 4

/* What is made up. */
struct stage {
	struct warden warden;
	struct config config;
	struct policy policy;
	struct rule rule;
	struct action_call ladder;
	struct snapshot snapshot;
	struct service service;
	char path[PATH_BYTES];
	struct rehearsal *result;
};

void rehearsal_fault(struct rehearsal *rehearsal, const char *format, ...)
{
	va_list ap;

	if (rehearsal->fault_count == REHEARSAL_FAULTS_MAX)
		return;
	va_start(ap, format);
	(void)vsnprintf(rehearsal->faults[rehearsal->fault_count++], REHEARSAL_TEXT_BYTES, format,
			ap);
	va_end(ap);
}

/* --- the decision ----------------------------------------------------------------------------- */

static int make_rule(struct stage *s)
{
	static char name[] = "rehearsal";
	struct diag_list diags = { 0 };
	int r;

	s->policy = (struct policy){ .name = name, .kind = KIND_BATCH, .kill = KILL_FIRST };
	r = action_parse("kill policy grace=1s", name, 1, 1, &diags, &s->ladder);
	if (r >= 0)
		r = expr_parse("mem.available < 50%", SCOPE_HOST, name, 1, 1, &diags,
			       &s->rule.when[0]);
	diag_done(&diags);
	if (r < 0)
		return r;
	s->rule.name = name;
	s->rule.on = SCOPE_HOST;
	s->rule.when_count = 1;
	s->rule.ladder = &s->ladder;
	s->rule.ladder_count = 1;
	s->config = (struct config){
		.mode = MODE_DRY_RUN,
		.kill_budget_count = 1,
		.kill_budget_window_usec = USEC_PER_MIN,
		.policies = { .policies = &s->policy, .count = 1 },
		.rules = &s->rule,
		.rule_count = 1,
	};
	return 0;
}

/* The agent's own control group; *ret_key 0: it has none of its own here. */
static void find_own(const struct warden *w, char ret_path[PATH_BYTES], uint64_t *ret_key)
{
	_cleanup_(closep) int fd = proc_pid_open(&w->root, getpid());
	struct cgroup_dir dir;

	*ret_key = 0;
	if (fd < 0 ||
	    proc_cgroup_read(fd, cgroup_layout_tree_name(&w->layout), ret_path, PATH_BYTES) <= 0)
		ret_path[0] = '\0';
	if (ret_path[0] == '\0' || cgroup_dir_open(&w->layout, ret_path, &dir) < 0)
		return;
	*ret_key = dir.inode;
	cgroup_dir_done(&dir);
}

static void make_snapshot(struct stage *s, const struct warden *w, usec_t now)
{
	struct host *host = &s->snapshot.host;

	find_own(w, s->path, &s->service.inode);
	s->service.path = s->path[0] ? s->path : "rehearsal";
	s->service.name = "rehearsal";
	s->service.readings[metric_index(METRIC_SERVICE_ANON)] = reading_of(SERVICE_BYTES);
	s->service.readings[metric_index(METRIC_SERVICE_CURRENT)] = reading_of(SERVICE_BYTES);
	host->readings[metric_index(METRIC_MEM_TOTAL)] = reading_of(HOST_BYTES);
	host->readings[metric_index(METRIC_MEM_AVAILABLE)] = reading_of(LEFT_BYTES);
	host->page_size_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	host->cpu_count = 1;
	s->snapshot.now_usec = now;
	s->snapshot.services = &s->service;
	s->snapshot.service_count = 1;
}

/* True: it comes to the kill. */
static bool decide(struct stage *s, usec_t now)
{
	struct warden *w = &s->warden;

	for (int i = 0; i < TICKS_MAX; i++, now += USEC_PER_SEC) {
		s->snapshot.now_usec = now;
		s->snapshot.sequence++;
		plan_reset(&w->plan);
		engine_tick(w->engine, &s->snapshot, NULL, 0, now, &w->plan);
		if (w->plan.step_count > 0)
			return w->plan.steps[0].action == ACTION_KILL;
	}
	return false;
}

/* --- the executor, in a dry run --------------------------------------------------------------- */

static struct remedy_env env_of(const struct warden *w)
{
	struct remedy_env env = { .root = &w->root, .layout = &w->layout };

	if (w->pool) {
		env.work = worker_pool_port(w->pool);
		env.clerks = worker_pool_clerk_port(w->pool);
	}
	return env;
}

static bool carry_out(struct stage *s, usec_t now)
{
	struct warden *w = &s->warden;
	const struct outcome *outcomes;

	executor_set_policies(w->executor, &s->config.policies);
	executor_submit(w->executor, &w->plan, &s->snapshot, now);
	w->outcome_count = executor_advance(w->executor, &s->snapshot, now, &outcomes);
	w->outcome_count = MIN_OF(w->outcome_count, ARRAY_SIZE(w->outcomes));
	memcpy(w->outcomes, outcomes, w->outcome_count * sizeof(*outcomes));
	w->steps.each[0] = w->plan.steps[0];
	w->steps.end = 1;
	engine_tick(w->engine, &s->snapshot, w->outcomes, w->outcome_count, now + USEC_PER_SEC,
		    &w->plan);
	/* So that there is one thing of each kind to be said, as if it had been done. */
	w->plan.steps[0] = w->steps.each[0];
	w->plan.step_count = 1;
	w->outcomes[0].simulated = false;
	return w->outcome_count > 0;
}

/* --- what a kill reads and opens ---------------------------------------------------------------
 */

struct look {
	const struct sysroot *root;
	unsigned seen;
	int no_pidfd;  /* -errno of the last that could not be opened; 0: there was none */
	int no_signal; /* likewise */
};

static int look_at(void *context, pid_t pid, const struct proc_stat *stat)
{
	struct look *look = context;
	struct process_handle handle;
	int r;

	look->seen++;
	if (pid == getpid())
		return 0;
	r = process_handle_open(look->root, pid, stat->start_ticks, &handle);
	if (r < 0)
		return 0;
	if (handle.pidfd < 0)
		look->no_pidfd = -ENOSYS;
	r = process_signal(look->root, &handle, 0);
	if (r < 0 && r != -ESRCH)
		look->no_signal = r;
	process_handle_done(&handle);
	return 0;
}

static int read_own(const struct stage *s, const struct target *target, struct look *look)
{
	struct cgroup_events events;
	char text[EVENTS_BYTES];
	ssize_t n;
	int r;

	r = target_each_process(target, look_at, look, NULL);
	if (r < 0)
		return r;
	n = cgroup_read_file(target->directory_fd, "cgroup.events", text, sizeof(text));
	if (n >= 0)
		return cgroup_parse_events(text, (size_t)n, &events);
	/* v1 has no such file. */
	return s->warden.layout.tree == CGROUP_TREE_V2 ? (int)n : 0;
}

static void read_victim(struct stage *s, const struct remedy_env *env)
{
	const struct check check = { env, &s->config.policies, &s->snapshot };
	struct target target = { .env = env, .named = &s->warden.plan.steps[0].target };
	struct look look = { .root = env->root };
	struct step step = s->warden.plan.steps[0];
	const char *reason;
	int r;

	r = target_open(env, &step.target, &target.directory_fd);
	if (r >= 0) {
		r = read_own(s, &target, &look);
		if (cgroup_effect_can_kill(target.directory_fd) < 0)
			rehearsal_fault(s->result, "cgroup.kill (a kill goes process by process)");
		close(target.directory_fd);
	}
	if (r < 0 || look.seen == 0)
		rehearsal_fault(s->result, "reading a control group (%s)",
				r < 0 ? strerrordesc_np(-r) : "its own is empty");
	if (look.no_pidfd < 0)
		rehearsal_fault(s->result, "pidfd (a process is told by its start time)");
	if (look.no_signal < 0)
		rehearsal_fault(s->result, "signals (%s)", strerrordesc_np(-look.no_signal));
	step.mode = MODE_ENFORCE;
	if (check_step(&check, &step, &reason) >= 0)
		rehearsal_fault(s->result, "the check that the agent does not kill itself");
}

/* --- the workers -------------------------------------------------------------------------------
 */

static int hear(const struct work_port *port, int worker, usec_t deadline)
{
	struct work_reply reply;
	int r;

	while ((r = port->receive(port->pool, worker, &reply)) == 0 &&
	       clock_monotonic_usec() < deadline)
		clock_sleep(USEC_PER_MSEC);
	if (r > 0)
		return -reply.error;
	return r < 0 ? r : -ETIMEDOUT;
}

/* All of them at once, so that each has one. */
static void ask_workers(struct stage *s, const struct work_port *port, size_t count)
{
	const struct work_request request = { .kind = WORK_RELEASE };
	usec_t deadline = clock_monotonic_usec() + PATIENCE_USEC;
	int workers[TRIAL_WORKERS_MAX], r = -ENOENT;
	size_t asked = 0;

	for (; asked < MIN_OF(count, ARRAY_SIZE(workers)); asked++)
		if (port->submit(port->pool, &request, &workers[asked]) < 0)
			break;
	for (size_t i = 0; i < asked; i++) {
		r = hear(port, workers[i], deadline);
		port->release(port->pool, workers[i], r == -ETIMEDOUT || r == -EPIPE);
	}
	if (asked == 0 || r == -ETIMEDOUT || r == -EPIPE)
		rehearsal_fault(s->result, "workers (%s)", strerrordesc_np(-r));
	else if (r < 0)
		rehearsal_fault(s->result, "process_mrelease (%s)", strerrordesc_np(-r));
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* Room that is there and was maybe never written: to plan, to act and to tell of it. */
static void touch_room(struct warden *w)
{
	const size_t steps_bytes = STEPS_TOUCHED * sizeof(w->plan.steps[0]);

	memlock_touch(w->plan.steps, steps_bytes);
	memlock_touch(&w->plan.step_count, sizeof(w->plan) - offsetof(struct plan, step_count));
	memlock_touch(w->outcomes, STEPS_TOUCHED * sizeof(w->outcomes[0]));
	memlock_touch(w->steps.each, steps_bytes);
}

/* Who is as likely to be killed as anybody may be killed for what it is about to mend. */
static void check_score(const struct warden *w, struct rehearsal *result)
{
	int score;

	if (own_score_read(&w->root, &score) >= 0 && score >= 0)
		rehearsal_fault(result, "safety from the kernel's OOM killer (oom_score_adj is %d)",
				score);
}

static void check_rights(struct rehearsal *result)
{
	uint64_t rights;

	if (privilege_read(&rights) >= 0 && !(rights & PRIVILEGE_BIT(CAP_KILL)))
		rehearsal_fault(result, "CAP_KILL");
}

static int set_stage(struct stage *s, const struct warden *w, usec_t now)
{
	struct warden *stage = &s->warden;
	struct remedy_env env;
	int r = make_rule(s);

	if (r < 0)
		return r;
	make_snapshot(s, w, now);
	stage->root = w->root;
	stage->layout = w->layout;
	stage->pool = w->pool;
	stage->config = &s->config;
	stage->made_up = &s->snapshot;
	env = env_of(stage);
	r = executor_new(&env, &stage->executor);
	if (r >= 0)
		r = engine_new(&s->config, &stage->engine);
	return r < 0 ? r : engine_reserve(stage->engine, 0, 1);
}

static void clear_stage(struct stage *s)
{
	executor_free(s->warden.executor);
	engine_free(s->warden.engine);
	expr_free(s->rule.when[0]);
	action_call_done(&s->ladder);
	free(s);
}

static void play(struct stage *s, const struct warden *w, usec_t now)
{
	const struct remedy_env env = env_of(&s->warden);

	if (!decide(s, now)) {
		rehearsal_fault(s->result, "the decision");
		return;
	}
	if (s->service.inode != 0)
		read_victim(s, &env);
	else
		rehearsal_fault(s->result, "a control group of its own");
	if (!carry_out(s, now + TICKS_MAX * USEC_PER_SEC))
		rehearsal_fault(s->result, "the executor");
	if (env.work.submit)
		ask_workers(s, &env.work, w->options.migrators);
}

void warden_rehearse(struct warden *w, void (*show)(void *context, const struct warden *stage),
		     void *context, struct rehearsal *ret)
{
	struct stage *s = calloc(1, sizeof(*s));
	usec_t now = clock_monotonic_usec();
	int r;

	ret->fault_count = 0;
	touch_room(w);
	check_rights(ret);
	check_score(w, ret);
	if (w->root.live && w->spare.count < SPARE_FDS_MAX)
		rehearsal_fault(ret, "descriptors (LimitNOFILE=)");
	if (!s) {
		rehearsal_fault(ret, "memory for it");
		return;
	}
	s->result = ret;
	r = set_stage(s, w, now);
	if (r >= 0)
		play(s, w, now);
	else
		rehearsal_fault(ret, "room for it (%s)", strerrordesc_np(-r));
	if (r >= 0)
		show(context, &s->warden);
	clear_stage(s);
}
