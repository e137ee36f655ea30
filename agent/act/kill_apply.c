/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The end of a service: SIGTERM to each of its processes, the time that the policy grants, SIGKILL
 * to what is left, and the certainty that nothing is. Works when memory is gone: no heap, no fork,
 * a bounded number of calls at a time, and the files that it reads are of the kernel's own making.
 *
 * SIGKILL goes through cgroup.kill, which leaves no gap for a process that forks as fast as it is
 * killed; but that takes everything below as well, so where a service of its own or a protected one
 * lives below the target, and where the kernel has no such file (before 5.14), it is done process
 * by process and again until none is left. To whoever outlives cgroup.kill it is sent so as well:
 * that file signals the first thread of each process, and does not reach the others where that one
 * has ended.
 *
 * The time that it is granted gets shorter while it runs if the subject runs dry, and so does the
 * time that a killed one is waited for: one that waits for a dead disk must not keep the host from
 * its next remedy. Neither gets longer. Whoever is frozen gets none: who handles SIGTERM would
 * wait for the thaw, and so would the host; SIGKILL reaches it, on cgroup v1 once it is thawed.
 *
 * That there is no descriptor or no memory for a look at them, for a moment, ends no kill.
 *
 * A canary is asked for nothing: SIGKILL at once. What holds its memory has nothing to lose.
 *
 * A victim that is slow to die keeps its memory. After a moment a worker frees it at our expense
 * (process_mrelease), as the victim itself may be frozen, starved of CPU, or waiting for a disk.
 * What matters is the memory: once that is back the kill has done what it was for, and who goes on
 * sleeping with a signal that ends it is nobody to wait for. And where none comes back for a while,
 * none may come, and a subject that runs dry has no time to find out.
 */

#include "act/kill_grace.h"
#include "act/remedies.h"
#include "act/setting_file.h"
#include "act/target.h"
#include "core/canary.h"
#include "sys/cgroup_effects.h"
#include "sys/cgroup_files.h"
#include "sys/cgroup_tree.h"
#include "sys/process_effects.h"
#include "util/macro.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Told by others that look at the directory; systemd-oomd and oomd keep counters of their own. */
#define KILL_ATTRIBUTE "user.oomwarden_kill"
/* A killed process that is there after this waits for something that does not come: a dead disk or
 * file server. Freeing some hundred GiB takes seconds, not tens. */
#define DEATH_MAX_USEC (10 * USEC_PER_SEC)
/* Ordinary processes are gone within a few milliseconds after SIGKILL. */
#define ROUND_USEC (200 * USEC_PER_MSEC)
/* Who is there after this does not die as others do. */
#define SLOW_USEC (500 * USEC_PER_MSEC)
/* Its memory is back: all but this part. What a freed process still maps is counted by page, and
 * some pages may lag. It falls: by that part. */
#define REST_PART    16
#define FALL_PART    64
#define EVENTS_BYTES 512

static struct target target_of(const struct remedy *remedy, const struct remedy_env *env)
{
	return (struct target){ .env = env,
				.named = &remedy->step.target,
				.snapshot = remedy->snapshot,
				.takes_all = remedy->step.kill.takes_all,
				.ends_units = true,
				.directory_fd = remedy->kill.directory_fd };
}

struct round {
	const struct sysroot *root;
	int signal; /* 0: only count */
	unsigned seen;
	unsigned signalled;
	unsigned refused;
	pid_t largest;
	uint64_t largest_start;
	uint64_t largest_rss;
	uint64_t held_pages;
	/* Without memory of their own, which somebody may be taking down just now, or another
	 * thread of theirs may have. */
	unsigned leaving;
	struct target_gaps gaps;
};

static int visit(void *context, pid_t pid, const struct proc_stat *stat)
{
	struct round *round = context;
	struct process_handle handle;
	int r;

	round->seen++;
	round->held_pages += stat->rss_pages;
	round->leaving += !stat->has_memory;
	if (round->largest == 0 || stat->rss_pages > round->largest_rss) {
		round->largest = pid;
		round->largest_start = stat->start_ticks;
		round->largest_rss = stat->rss_pages;
	}
	if (round->signal == 0)
		return 0;
	r = process_handle_open(round->root, pid, stat->start_ticks, &handle);
	if (r >= 0) {
		r = process_signal(round->root, &handle, round->signal);
		process_handle_done(&handle);
	}
	if (r >= 0)
		round->signalled++;
	else if (r != -ESRCH)
		round->refused++;
	return 0;
}

/* Every process of its own once. 0 or -errno; -ENODEV: the cgroup is gone. */
static int run_round(const struct remedy *remedy, const struct remedy_env *env, int signal,
		     struct round *ret)
{
	const struct target target = target_of(remedy, env);

	*ret = (struct round){ .root = env->root, .signal = signal };
	return target_each_process(&target, visit, ret, &ret->gaps);
}

static int read_events(const struct remedy *remedy, struct cgroup_events *ret)
{
	char text[EVENTS_BYTES];
	ssize_t n =
		cgroup_read_file(remedy->kill.directory_fd, "cgroup.events", text, sizeof(text));

	return n < 0 ? (int)n : cgroup_parse_events(text, (size_t)n, ret);
}

/* The kernel's own word on everything that is there: 1, 0, or -ENODATA: it does not say. */
static int is_populated(const struct remedy *remedy, const struct remedy_env *env)
{
	struct cgroup_events events;
	int r = read_events(remedy, &events);

	/* v1 has no such file: there its processes are what there is to go by. */
	if (r == -ENODEV || (r == -ENOENT && env->layout->tree == CGROUP_TREE_V2))
		return 0;
	return r < 0 || !events.populated_known ? -ENODATA : events.populated;
}

/* For as long as the shortest of graces: nobody is about to thaw it. What has no such file (v1) has
 * its time. */
static bool is_deaf(const struct remedy *remedy, usec_t now)
{
	struct cgroup_events events;

	return now >= remedy->kill.since + KILL_GRACE_MIN_USEC &&
	       read_events(remedy, &events) >= 0 && events.frozen_known && events.frozen;
}

/* 1, 0 or -errno. */
static int is_alive(const struct remedy *remedy, const struct remedy_env *env)
{
	struct round round;
	int r = is_populated(remedy, env);

	if (r == 0 || (r > 0 && remedy->kill.whole))
		return r;
	r = run_round(remedy, env, 0, &round);
	if (r == -ENODEV)
		return 0;
	return r < 0 ? r : round.seen + round.gaps.unreadable > 0;
}

/* There a signal waits for the thaw, SIGKILL too. Whoever thaws with one pending runs no more. */
static void thaw_v1(const struct remedy *remedy, const struct remedy_env *env)
{
	const struct step_target *target = &remedy->step.target;

	if (env->layout->controllers[CGROUP_FREEZER] == CGROUP_V1)
		(void)setting_file_thaw(env->root, env->layout, target->key, target->path);
}

static int send_kill(struct remedy *remedy, const struct remedy_env *env)
{
	struct round round;
	int r;

	/* What lives below may have changed since the start. */
	r = run_round(remedy, env, 0, &round);
	if (r < 0)
		return r;
	remedy->kill.whole = round.gaps.left_out == 0;
	if (!remedy->kill.killed)
		remedy->kill.held_pages = remedy->kill.left_pages = round.held_pages;
	if (remedy->kill.whole &&
	    cgroup_effect_kill(env->root, remedy->kill.directory_fd, remedy->step.target.key) >=
		    0 &&
	    !remedy->kill.killed)
		return 0;
	r = run_round(remedy, env, SIGKILL, &round);
	if (r < 0)
		return r;
	return round.signalled == 0 && round.refused > 0 ? -EPERM : 0;
}

/* Want of something that others may give back the next moment. */
static bool is_passing(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EINTR;
}

static int escalate(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	int r = send_kill(remedy, env);

	if (r == -ENODEV || (is_passing(r) && now < remedy->kill.deadline + DEATH_MAX_USEC))
		return REMEDY_RUNNING;
	if (r < 0)
		return remedy_failed(remedy, r, "SIGKILL was refused: %s", remedy_error_text(-r));
	thaw_v1(remedy, env);
	if (!remedy->kill.killed) {
		remedy->kill.killed = true;
		remedy->kill.since = remedy->kill.fell_at = now;
		remedy->kill.deadline = now + DEATH_MAX_USEC;
	}
	remedy->kill.next_round = now + ROUND_USEC;
	return REMEDY_RUNNING;
}

static void hear_release(struct remedy *remedy, const struct remedy_env *env)
{
	struct kill_state *state = &remedy->kill;
	struct work_reply reply;
	int r;

	while (state->worker >= 0) {
		r = env->work.receive(env->work.pool, state->worker, &reply);
		if (r == 0)
			return;
		if (r > 0 && !reply.final)
			continue;
		env->work.release(env->work.pool, state->worker, r < 0);
		state->worker = -1;
	}
}

/* The largest of those that are left, one at a time; best effort, as workers may be busy. */
static void release_memory(struct remedy *remedy, const struct remedy_env *env,
			   const struct round *round)
{
	struct kill_state *state = &remedy->kill;
	struct work_request request = { .kind = WORK_RELEASE, .token = remedy->step.id };

	hear_release(remedy, env);
	if (!env->work.submit || state->worker >= 0 || round->largest == 0 ||
	    round->largest == state->released)
		return;
	request.pid = round->largest;
	request.start_ticks = round->largest_start;
	if (env->work.submit(env->work.pool, &request, &state->worker) < 0)
		state->worker = -1;
	else
		state->released = round->largest;
}

static int conclude(struct remedy *remedy, const struct remedy_env *env)
{
	hear_release(remedy, env);
	if (remedy->step.kill.is_canary)
		(void)remedy_failed(remedy, 0, "it has given back what it held");
	else
		(void)remedy_failed(remedy, 0, "%u process%s ended after %s%s",
				    remedy->outcome.signalled,
				    remedy->outcome.signalled == 1 ? "" : "es",
				    remedy->kill.killed ? "SIGKILL" : "SIGTERM",
				    remedy->kill.whole ? "" : "; others below it were spared");
	return REMEDY_DONE;
}

/* Before the first signal: the directory may be gone with the last process. */
static void mark(const struct remedy *remedy, const struct remedy_env *env)
{
	if (is_populated(remedy, env) != 0)
		(void)cgroup_count_mark(env->root, remedy->kill.directory_fd, KILL_ATTRIBUTE);
}

static int begin_canary(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	const char *path = remedy->step.target.path, *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	if (strncmp(name, CANARY_UNIT_PREFIX, strlen(CANARY_UNIT_PREFIX)) != 0)
		return remedy_failed(remedy, -EPERM, "it is no canary");
	mark(remedy, env);
	remedy->outcome.signalled = 1;
	remedy->kill.deadline = now;
	return escalate(remedy, env, now);
}

static int kill_begin(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct round round;
	int r;

	if (remedy->step.kill.is_canary)
		return begin_canary(remedy, env, now);
	mark(remedy, env);
	r = run_round(remedy, env, SIGTERM, &round);
	if (r < 0)
		return remedy_target_failed(remedy, r);
	remedy->outcome.signalled = round.signalled;
	remedy->kill.whole = round.gaps.left_out == 0;
	remedy->kill.since = now;
	remedy->kill.deadline = now + remedy->step.kill.grace_usec;
	if (round.signalled == 0 && round.refused > 0)
		return remedy_failed(remedy, -EPERM, "its processes may not be signalled");
	if (round.signalled == 0 && round.gaps.unreadable > 0)
		return remedy_failed(remedy, -EACCES, "its processes cannot be examined");
	if (round.signalled == 0)
		return remedy_failed(remedy, REMEDY_DONE,
				     remedy->kill.whole ? "it had ended by itself"
							: "nobody is in it but who is spared");
	return REMEDY_RUNNING;
}

static void kill_release(struct remedy *remedy, const struct remedy_env *env)
{
	if (remedy->kill.worker >= 0)
		env->work.release(env->work.pool, remedy->kill.worker, true);
	remedy->kill.worker = -1;
	closep(&remedy->kill.directory_fd);
	remedy->kill.directory_fd = -1;
}

static int kill_start(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	int r;

	remedy->kill = (struct kill_state){ .directory_fd = -1, .worker = -1 };
	r = target_open(env, &remedy->step.target, &remedy->kill.directory_fd);
	if (r < 0)
		return remedy_target_failed(remedy, r);
	r = kill_begin(remedy, env, now);
	if (r < 0)
		kill_release(remedy, env);
	return r;
}

/* --- those that SIGKILL has not ended --------------------------------------------------------- */

static void note_fall(struct kill_state *state, const struct round *round, usec_t now)
{
	if (round->held_pages >= state->left_pages ||
	    state->left_pages - round->held_pages < state->held_pages / FALL_PART)
		return;
	state->left_pages = round->held_pages;
	state->fell_at = now;
}

static bool is_known(const struct round *round)
{
	return round->leaving == 0 && round->gaps.unreadable == 0;
}

static bool is_back(const struct kill_state *state, const struct round *round, usec_t now)
{
	return now - state->since >= SLOW_USEC && is_known(round) &&
	       round->held_pages <= state->held_pages / REST_PART;
}

/* It would have less time but for what a large one takes to be taken down, and nothing is. */
static bool is_hopeless(const struct remedy *remedy, const struct round *round, usec_t now)
{
	const struct kill_state *state = &remedy->kill;

	return remedy->snapshot && now - state->fell_at >= SLOW_USEC && is_known(round) &&
	       kill_deadline(remedy->snapshot, remedy->step.subject, now, now, 0, state->deadline) <
		       state->deadline;
}

static int conclude_early(struct remedy *remedy, const struct remedy_env *env, unsigned left)
{
	/* Whom they have forked meanwhile is not left either. */
	(void)send_kill(remedy, env);
	hear_release(remedy, env);
	return remedy_failed(remedy, REMEDY_DONE,
			     "its memory is back, though SIGKILL has not ended %u process%s", left,
			     left == 1 ? "" : "es");
}

static int press(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct kill_state *state = &remedy->kill;
	struct round round;
	int r = run_round(remedy, env, 0, &round);

	if (r >= 0) {
		note_fall(state, &round, now);
		if (round.seen > 0 && is_back(state, &round, now))
			return conclude_early(remedy, env, round.seen);
	}
	if (now >= state->deadline)
		return remedy_failed(remedy, -ETIMEDOUT, "still there long after SIGKILL");
	if (r >= 0 && is_hopeless(remedy, &round, now))
		return remedy_failed(
			remedy, -ETIMEDOUT,
			"still there after SIGKILL, and nothing of its memory comes back");
	if (r >= 0)
		release_memory(remedy, env, &round);
	return escalate(remedy, env, now);
}

static void shorten(struct remedy *remedy, usec_t now)
{
	struct kill_state *state = &remedy->kill;

	if (remedy->snapshot)
		state->deadline = kill_deadline(
			remedy->snapshot, remedy->step.subject, now, state->since,
			state->killed ? KILL_DEATH_MIN_USEC : KILL_GRACE_MIN_USEC, state->deadline);
}

static int kill_advance(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct kill_state *state = &remedy->kill;
	int alive = is_alive(remedy, env);

	shorten(remedy, now);
	if (alive < 0 && (!is_passing(alive) || now >= state->deadline + DEATH_MAX_USEC))
		return remedy_failed(remedy, alive, "its end cannot be seen: %s",
				     remedy_error_text(-alive));
	if (alive == 0)
		return conclude(remedy, env);
	if (state->cancelled && !state->killed) {
		remedy->outcome.state = OUTCOME_CANCELLED;
		return remedy_failed(remedy, REMEDY_DONE, "SIGTERM was sent, SIGKILL was not");
	}
	if (now < (state->killed ? state->next_round : state->deadline) &&
	    (state->killed || !is_deaf(remedy, now)))
		return REMEDY_RUNNING;
	return state->killed ? press(remedy, env, now) : escalate(remedy, env, now);
}

static void kill_cancel(struct remedy *remedy, const struct remedy_env *env)
{
	(void)env;
	remedy->kill.cancelled = true;
}

const struct remedy_ops kill_remedy = {
	.start = kill_start,
	.advance = kill_advance,
	.cancel = kill_cancel,
	.release = kill_release,
};
