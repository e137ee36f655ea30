/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The score of a service is that of each of its processes, and a child takes its parent's over. So
 * it is written process by process, a bounded number in each call, until a whole pass has found
 * nothing to write; who comes later has it from his parent, or is found by whoever looks again.
 *
 * What a process had before is on record before it is written, so that it gets back its own. A
 * process that is on no record and has our score was forked by one of ours: it gets what that one
 * had. What somebody else has set meanwhile is left alone.
 *
 * A policy says what the score is to be. A rule says which way it is to go: a process that has gone
 * further by itself would be brought back by it, and stays where it is.
 *
 * Processes vanish, turn to zombies, are kernel threads or somebody else's all the time: no fault.
 */

#include "act/remedies.h"
#include "act/score_batch.h"
#include "sys/process_effects.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Processes that keep being forked faster than they are written: then it ends, and is gone on with
 * when somebody looks again. */
#define PASSES_MAX 8

#define SCORE_MOST 1000

static bool is_return(const struct remedy *remedy)
{
	return (remedy->is_undo && remedy->value.number == SCORE_AS_IT_WAS) ||
	       remedy->clerk.cancelled;
}

static struct target target_of(const struct remedy *remedy, const struct remedy_env *env)
{
	return (struct target){ .env = env,
				.named = &remedy->step.target,
				.snapshot = remedy->snapshot,
				.directory_fd = remedy->clerk.directory_fd };
}

static void note_refused(struct remedy *remedy, int error)
{
	remedy->clerk.refused++;
	remedy->clerk.refusal = error;
}

static void note_written(struct remedy *remedy)
{
	remedy->clerk.written++;
	remedy->outcome.signalled++;
}

static void write_score(struct remedy *remedy, const struct remedy_env *env, pid_t pid, int fd,
			int score)
{
	int r = process_set_score(env->root, pid, fd, score);

	if (r == 0)
		note_written(remedy);
	else if (r != -ESRCH)
		note_refused(remedy, r);
}

struct subject_process {
	const struct score_member *member;
	struct proc_stat stat;
	int fd;
	int score;
	bool is_recorded;
};

/* --- setting ---------------------------------------------------------------------------------- */

static int base_of(const struct remedy *remedy, const struct remedy_env *env,
		   const struct score_batch *batch, const struct subject_process *process)
{
	int base = process->score;

	if (score_batch_is_ours(batch, process->score))
		(void)score_batch_heir(batch, &env->scores, remedy->claim, process->stat.ppid,
				       &base);
	return base;
}

/* For one that had this by itself. */
static int wanted_of(const struct remedy *remedy, int base)
{
	int wanted = (int)remedy->value.number;

	if (remedy->step.action != ACTION_OOM_SCORE || wanted == 0)
		return wanted;
	return wanted > 0 ? MAX_OF(wanted, base) : MIN_OF(wanted, base);
}

static void set_one(struct remedy *remedy, const struct remedy_env *env,
		    const struct score_batch *batch, const struct subject_process *process)
{
	const struct score_member *member = process->member;
	int base = process->is_recorded ? member->base : base_of(remedy, env, batch, process);
	int wanted = wanted_of(remedy, base), r;

	if (process->score == wanted &&
	    (process->is_recorded || wanted != (int)remedy->value.number))
		return;
	/* It, or an administrator, has another mind; but for one that could not be written. */
	if (process->is_recorded && process->score != member->set && process->score != member->base)
		return;
	r = env->scores.add(env->scores.record, remedy->claim, member->pid,
			    process->stat.start_ticks, base, wanted);
	if (process->score == wanted)
		return;
	if (r < 0 && r != -EEXIST)
		note_refused(remedy, r);
	else
		write_score(remedy, env, member->pid, process->fd, wanted);
}

/* --- giving back ------------------------------------------------------------------------------ */

static void return_one(struct remedy *remedy, const struct remedy_env *env,
		       const struct score_batch *batch, const struct subject_process *process)
{
	const struct score_member *member = process->member;
	int base;

	if (process->is_recorded) {
		if (process->score == member->set && member->base != member->set)
			write_score(remedy, env, member->pid, process->fd, member->base);
		return;
	}
	if (score_batch_is_ours(batch, process->score) &&
	    score_batch_heir(batch, &env->scores, remedy->claim, process->stat.ppid, &base) &&
	    base != process->score)
		write_score(remedy, env, member->pid, process->fd, base);
}

/* --- a pass ----------------------------------------------------------------------------------- */

static int open_process(const struct remedy *remedy, const struct remedy_env *env,
			const struct score_member *member, struct subject_process *ret)
{
	const struct target target = target_of(remedy, env);
	int r;

	/* Not PID 1 and not the agent, whatever the plan says. */
	if (member->pid <= 1 || member->pid == getpid())
		return -ESRCH;
	ret->member = member;
	ret->fd = target_open_process(&target, member->pid, &ret->stat);
	if (ret->fd < 0)
		return ret->fd;
	r = ret->stat.state == 'Z' || ret->stat.state == 'X'
		    ? -ESRCH
		    : proc_oom_score_adj_read(ret->fd, &ret->score);
	if (r < 0)
		close(ret->fd);
	ret->is_recorded = member->is_recorded && member->start_ticks == ret->stat.start_ticks;
	return r;
}

static void visit(struct remedy *remedy, const struct remedy_env *env,
		  const struct score_batch *batch, const struct score_member *member)
{
	struct subject_process process;
	int r = open_process(remedy, env, member, &process);

	if (r < 0) {
		if (r != -ESRCH)
			note_refused(remedy, r);
		return;
	}
	if (is_return(remedy))
		return_one(remedy, env, batch, &process);
	else
		set_one(remedy, env, batch, &process);
	close(process.fd);
}

static void begin_pass(struct remedy *remedy)
{
	remedy->clerk.cursor = 0;
	remedy->clerk.written = 0;
	remedy->clerk.refused = 0;
}

/* 1: the pass is over; 0: not yet; -errno. */
static int run_batch(struct remedy *remedy, const struct remedy_env *env)
{
	const struct target target = target_of(remedy, env);
	struct score_batch batch;
	int r;

	r = score_batch_take(&target, &env->scores, remedy->claim, remedy->clerk.cursor, &batch);
	if (r < 0)
		return r;
	for (size_t i = 0; i < batch.count; i++) {
		visit(remedy, env, &batch, &batch.members[i]);
		remedy->clerk.cursor = batch.members[i].pid;
	}
	return batch.count < SCORE_BATCH_MAX;
}

/* 1: nothing is left to write, or it would never end; 0: go on; -errno. */
static int run_passes(struct remedy *remedy, const struct remedy_env *env)
{
	int r = run_batch(remedy, env);

	if (r <= 0)
		return r;
	if (remedy->clerk.written == 0 || ++remedy->clerk.passes >= PASSES_MAX)
		return 1;
	begin_pass(remedy);
	return 0;
}

/* --- the record, at last ---------------------------------------------------------------------- */

struct closing {
	struct remedy *remedy;
	const struct remedy_env *env;
	unsigned looked_at;
	unsigned kept; /* of before, that could not be given back */
	bool more;
};

/* One that left the service with our score, or could not be written before. 0: done with; -errno.
 */
static int close_one(const struct closing *closing, pid_t pid, uint64_t start_ticks, int base,
		     int set)
{
	const struct remedy_env *env = closing->env;
	_cleanup_(closep) int fd = -1;
	struct proc_stat stat;
	int score, r;

	fd = proc_pid_open_same(env->root, pid, start_ticks, &stat);
	r = fd < 0 ? fd : proc_oom_score_adj_read(fd, &score);
	if (r == 0 && score == set && base != set) {
		r = process_set_score(env->root, pid, fd, base);
		if (r == 0)
			note_written(closing->remedy);
	}
	return r == -ESRCH ? 0 : r;
}

static int close_record(void *context, pid_t pid, uint64_t start_ticks, int base, int set)
{
	struct closing *closing = context;
	int r;

	if (closing->kept < closing->remedy->clerk.refused) {
		closing->kept++;
		return 0;
	}
	if (closing->looked_at == SCORE_BATCH_MAX) {
		closing->more = true;
		return 0;
	}
	closing->looked_at++;
	r = close_one(closing, pid, start_ticks, base, set);
	if (r == 0)
		return 1;
	closing->kept++;
	note_refused(closing->remedy, r);
	return 0;
}

static int close_some(struct remedy *remedy, const struct remedy_env *env)
{
	struct closing closing = { .remedy = remedy, .env = env };

	env->scores.each(env->scores.record, remedy->claim, close_record, &closing);
	return closing.more ? 0 : 1;
}

/* --- the machine ------------------------------------------------------------------------------ */

static int conclude_return(struct remedy *remedy)
{
	struct clerk_state *state = &remedy->clerk;

	if (state->cancelled)
		remedy->outcome.state = OUTCOME_CANCELLED;
	if (state->refused > 0)
		return remedy_failed(remedy, state->refusal,
				     "%u processes keep our score, as it may not be changed: %s",
				     state->refused, remedy_error_text(-state->refusal));
	return remedy_failed(remedy, REMEDY_DONE, "%u processes have their own score again",
			     remedy->outcome.signalled);
}

static int conclude(struct remedy *remedy)
{
	const struct clerk_state *state = &remedy->clerk;
	unsigned written = remedy->outcome.signalled;
	int score = (int)remedy->value.number;

	remedy->outcome.in_force = remedy->value;
	remedy->outcome.in_force_known = state->refused == 0;
	if (state->refused > 0 && written == 0)
		return remedy_failed(remedy, state->refusal, "%s: %s",
				     state->refusal == -EACCES
					     ? "a score that an administrator gave is not lowered "
					       "without CAP_SYS_RESOURCE"
					     : "the score of no process could be changed",
				     remedy_error_text(-state->refusal));
	if (state->refused > 0)
		return remedy_failed(remedy, REMEDY_DONE,
				     "%u processes have the score %d now, %u may not have it: %s",
				     written, score, state->refused,
				     remedy_error_text(-state->refusal));
	return remedy_failed(remedy, REMEDY_DONE, "%u processes have the score %d now%s", written,
			     score, state->passes >= PASSES_MAX ? ", and more are forked" : "");
}

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV || r == -ESTALE;
}

static int score_advance(struct remedy *remedy, const struct remedy_env *env, usec_t now _unused_)
{
	struct clerk_state *state = &remedy->clerk;
	int r = 1;

	if (state->directory_fd >= 0) {
		r = run_passes(remedy, env);
		if (r == 0)
			return REMEDY_RUNNING;
		if (r < 0 && !(is_gone(r) && is_return(remedy)))
			return remedy_target_failed(remedy, r);
		if (!is_return(remedy))
			return conclude(remedy);
		/* What is left of the record is of processes that are elsewhere, or nowhere. */
		closep(&state->directory_fd);
		state->directory_fd = -1;
		state->refused = 0;
		return REMEDY_RUNNING;
	}
	return close_some(remedy, env) == 0 ? REMEDY_RUNNING : conclude_return(remedy);
}

static int score_start(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct clerk_state *state = &remedy->clerk;
	int64_t score = remedy->value.number;
	int r;

	*state = (struct clerk_state){ .worker = -1, .directory_fd = -1 };
	remedy->outcome.is_undo = remedy->is_undo;
	if (!is_return(remedy) && (score < -SCORE_MOST || score > SCORE_MOST))
		return remedy_failed(remedy, -EINVAL, "%lld is no score", (long long)score);
	if (!env->scores.add || !env->scores.each)
		return remedy_failed(remedy, -EOPNOTSUPP, "there is no record to undo it by");
	r = target_open(env, &remedy->step.target, &state->directory_fd);
	if (r < 0)
		state->directory_fd = -1;
	if (r < 0 && !(is_gone(r) && is_return(remedy)))
		return remedy_target_failed(remedy, r);
	r = score_advance(remedy, env, now);
	if (r < 0) {
		closep(&state->directory_fd);
		state->directory_fd = -1;
	}
	return r;
}

/* What was written so far is given back. */
static void score_cancel(struct remedy *remedy, const struct remedy_env *env)
{
	(void)env;
	if (remedy->is_undo)
		return;
	remedy->clerk.cancelled = true;
	remedy->clerk.passes = 0;
	begin_pass(remedy);
}

static void score_release(struct remedy *remedy, const struct remedy_env *env)
{
	(void)env;
	closep(&remedy->clerk.directory_fd);
	remedy->clerk.directory_fd = -1;
}

const struct remedy_ops score_remedy = {
	.start = score_start,
	.advance = score_advance,
	.cancel = score_cancel,
	.release = score_release,
};
