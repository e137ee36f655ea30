/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A move of a service's memory, carried out process by process: the largest first, each by a worker
 * that is told how many bytes are left. What each one achieved is added up; a process that vanishes
 * meanwhile is normal, a destination without room ends the whole step.
 */

#include "act/migrate_apply.h"

#include "act/migrate_work.h"
#include "act/remedies.h"
#include "act/target.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A worker that is silent for so long hangs in the kernel; it says something twice a second. One
 * call took 25 ms on an emulated machine, and once 12 s when that had to share its processors. */
#define SILENCE_MAX_USEC (30 * USEC_PER_SEC)

static const struct node *find_node(const struct remedy *remedy, unsigned id)
{
	return remedy->snapshot ? snapshot_node(remedy->snapshot, id) : NULL;
}

/* Keeps the largest, in order. */
static int list_process(void *context, pid_t pid, const struct proc_stat *stat)
{
	struct migrate_state *state = context;
	size_t at = MIN_OF(state->pid_count, (size_t)MIGRATE_PROCESSES_MAX - 1);

	state->found++;
	if (state->pid_count == MIGRATE_PROCESSES_MAX && state->rss_pages[at] >= stat->rss_pages)
		return 0;
	for (; at > 0 && state->rss_pages[at - 1] < stat->rss_pages; at--) {
		state->pids[at] = state->pids[at - 1];
		state->start_ticks[at] = state->start_ticks[at - 1];
		state->rss_pages[at] = state->rss_pages[at - 1];
	}
	state->pids[at] = pid;
	state->start_ticks[at] = stat->start_ticks;
	state->rss_pages[at] = stat->rss_pages;
	if (state->pid_count < MIGRATE_PROCESSES_MAX)
		state->pid_count++;
	return 0;
}

static uint64_t bytes_left(const struct remedy *remedy)
{
	uint64_t done = remedy->migrate.done_bytes;

	return remedy->step.migrate.bytes > done ? remedy->step.migrate.bytes - done : 0;
}

static void add_pages(struct page_accounts *sum, const struct page_accounts *more)
{
	sum->moved += more->moved;
	sum->already_there += more->already_there;
	sum->busy += more->busy;
	sum->pinned += more->pinned;
	sum->shared += more->shared;
	sum->absent += more->absent;
	sum->refused += more->refused;
	sum->not_tried += more->not_tried;
}

/* `reply` is the running process's so far, or NULL between two. */
static void update_outcome(struct remedy *remedy, const struct work_reply *reply, usec_t now)
{
	const struct migrate_state *state = &remedy->migrate;
	struct outcome *outcome = &remedy->outcome;
	uint64_t span = now - remedy->started_at;

	outcome->done_bytes = state->done_bytes;
	outcome->pages = state->pages;
	if (reply) {
		outcome->done_bytes += reply->done_bytes;
		add_pages(&outcome->pages, &reply->pages);
	}
	outcome->remaining_bytes = remedy->step.migrate.bytes > outcome->done_bytes
					   ? remedy->step.migrate.bytes - outcome->done_bytes
					   : 0;
	/* In milliseconds: bytes times a million could overflow. */
	if (span >= USEC_PER_MSEC)
		outcome->bytes_per_sec = outcome->done_bytes / (span / USEC_PER_MSEC) *
					 (USEC_PER_SEC / USEC_PER_MSEC);
}

static void release_worker(struct remedy *remedy, const struct remedy_env *env, bool give_up)
{
	env->work.release(env->work.pool, remedy->migrate.worker, give_up);
	remedy->migrate.worker = -1;
}

static void take_final(struct remedy *remedy, const struct work_reply *reply)
{
	struct migrate_state *state = &remedy->migrate;

	state->done_bytes += reply->done_bytes;
	add_pages(&state->pages, &reply->pages);
	if (reply->error == ENOSPC)
		state->no_room = true;
	if (reply->error != 0 && reply->error != ESRCH && reply->error != ECANCELED)
		state->error = reply->error;
}

/* Goes past processes that left the cgroup since they were listed. */
static void skip_strangers(struct remedy *remedy, const struct remedy_env *env)
{
	struct migrate_state *state = &remedy->migrate;
	const struct target target = { .env = env,
				       .named = &remedy->step.target,
				       .directory_fd = -1 };

	while (state->next < state->pid_count &&
	       target_check_process(&target, state->pids[state->next],
				    state->start_ticks[state->next]) < 0)
		state->next++;
}

static int hand_out(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct migrate_state *state = &remedy->migrate;
	const struct node *to = find_node(remedy, remedy->step.migrate.to_node);
	struct work_request request = {
		.kind = WORK_MIGRATE,
		.token = remedy->step.id,
		.pid = state->pids[state->next],
		.start_ticks = state->start_ticks[state->next],
		.from_node = remedy->step.migrate.from_node,
		.to_node = remedy->step.migrate.to_node,
		.bytes = bytes_left(remedy),
		.chunk_bytes = MIGRATE_CHUNK_BYTES,
		.pause_usec = MIGRATE_PAUSE_USEC,
		.move_shared = remedy->step.migrate.move_shared,
	};
	int r;

	if (to)
		state->to_reserve_bytes = to->reserve_bytes;
	request.to_reserve_bytes = state->to_reserve_bytes;
	r = env->work.submit(env->work.pool, &request, &state->worker);
	if (r < 0)
		return r;
	state->next++;
	state->heard_at = now;
	return 0;
}

/* Less than a window is left: another process would be searched for a trifle. */
static bool is_reached(const struct remedy *remedy)
{
	return bytes_left(remedy) == 0 ||
	       (remedy->migrate.done_bytes > 0 && bytes_left(remedy) < MIGRATE_WINDOW_BYTES);
}

static bool is_over(const struct remedy *remedy)
{
	const struct migrate_state *state = &remedy->migrate;

	if (state->cancelled || state->no_room || state->next == state->pid_count)
		return true;
	return is_reached(remedy);
}

static void add_account(struct strbuf *text, uint64_t pages, const char *name)
{
	if (pages == 0)
		return;
	strbuf_add(text, text->length > 0 ? ", " : "");
	strbuf_add_bytes(text, (int64_t)(pages * (uint64_t)sysconf(_SC_PAGESIZE)));
	strbuf_addf(text, " %s", name);
}

/* "412 MiB moved, 88 MiB pinned; node 1 has no more room" */
static void explain(struct remedy *remedy)
{
	const struct migrate_state *state = &remedy->migrate;
	const struct page_accounts *pages = &state->pages;
	const bool balancing = remedy->snapshot && remedy->snapshot->host.numa_balancing;
	struct strbuf text = STRBUF(remedy->outcome.reason);

	add_account(&text, pages->moved, "moved");
	/* What stayed behind is of interest only if it was wanted. */
	if (is_reached(remedy))
		return;
	add_account(&text, pages->pinned, "pinned");
	add_account(&text, pages->shared, "shared");
	add_account(&text, pages->busy, balancing ? "busy or hidden by NUMA balancing" : "busy");
	add_account(&text, pages->refused, "refused");
	add_account(&text, pages->not_tried, "not tried");
	if (state->no_room)
		strbuf_addf(&text, "%snode %u has no more room", text.length > 0 ? "; " : "",
			    remedy->step.migrate.to_node);
	else if (state->found > state->pid_count)
		strbuf_addf(&text, "%sthe largest %zu of %zu processes",
			    text.length > 0 ? "; " : "", state->pid_count, state->found);
}

/* Why nothing at all moved. */
static int conclude_failure(struct remedy *remedy)
{
	const struct migrate_state *state = &remedy->migrate;
	const struct page_accounts *pages = &state->pages;
	const struct step_migrate *move = &remedy->step.migrate;

	if (state->no_room)
		return remedy_failed(remedy, -ENOSPC, "node %u has no room above its reserve",
				     move->to_node);
	if (state->error == EACCES)
		return remedy_failed(remedy, -EACCES, "its cpuset does not allow node %u",
				     move->to_node);
	if (state->error != 0)
		return remedy_failed(remedy, -state->error, "the kernel refused: %s",
				     remedy_error_text(state->error));
	if (pages->pinned + pages->shared + pages->busy + pages->refused + pages->not_tried > 0) {
		explain(remedy);
		return -EBUSY;
	}
	return remedy_failed(remedy, -ENODATA, "nothing of it is on node %u any more",
			     move->from_node);
}

static int conclude(struct remedy *remedy, usec_t now)
{
	update_outcome(remedy, NULL, now);
	if (remedy->migrate.cancelled)
		remedy->outcome.state = OUTCOME_CANCELLED;
	if (remedy->migrate.done_bytes == 0 && !remedy->migrate.cancelled)
		return conclude_failure(remedy);
	explain(remedy);
	return REMEDY_DONE;
}

static int proceed(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	int r;

	skip_strangers(remedy, env);
	if (is_over(remedy))
		return conclude(remedy, now);
	r = hand_out(remedy, env, now);
	/* No worker is free, or all died and are replaced in a calm round. */
	if (r < 0 && r != -EBUSY)
		return remedy_failed(remedy, r, "no worker takes it: %s", remedy_error_text(-r));
	return REMEDY_RUNNING;
}

static int listen(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct migrate_state *state = &remedy->migrate;
	struct work_reply reply;
	int r;

	while ((r = env->work.receive(env->work.pool, state->worker, &reply)) > 0) {
		state->heard_at = now;
		if (reply.final) {
			release_worker(remedy, env, false);
			take_final(remedy, &reply);
			return proceed(remedy, env, now);
		}
		update_outcome(remedy, &reply, now);
	}
	if (r < 0) {
		release_worker(remedy, env, true);
		return remedy_failed(remedy, r, "the worker died");
	}
	if (now - state->heard_at >= SILENCE_MAX_USEC) {
		release_worker(remedy, env, true);
		return remedy_failed(remedy, -ETIMEDOUT, "the worker hangs in the kernel");
	}
	return REMEDY_RUNNING;
}

static void tell_worker(struct remedy *remedy, const struct remedy_env *env, enum work_kind kind)
{
	const struct work_request message = {
		.kind = kind,
		.token = remedy->step.id,
		.bytes = bytes_left(remedy),
	};

	/* A worker that cannot take it is full of such, or dead: both show soon. */
	if (remedy->migrate.worker >= 0)
		(void)env->work.send(env->work.pool, remedy->migrate.worker, &message);
}

static int migrate_start(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct migrate_state *state = &remedy->migrate;
	const struct node *to = find_node(remedy, remedy->step.migrate.to_node);
	_cleanup_(closep) int fd = -1;
	int r;

	*state = (struct migrate_state){ .worker = -1 };
	if (remedy->step.migrate.from_node == remedy->step.migrate.to_node)
		return remedy_failed(remedy, -EINVAL, "source and destination are one node");
	if (!env->work.submit)
		return remedy_failed(remedy, -EOPNOTSUPP, "there are no workers");
	/* Without its reserve nobody could say when to stop. */
	if (!to)
		return remedy_failed(remedy, -ENODEV, "there is no node %u",
				     remedy->step.migrate.to_node);
	r = target_open(env, &remedy->step.target, &fd);
	if (r < 0)
		return remedy_target_failed(remedy, r);
	r = target_each_process(&(struct target){ .env = env,
						  .named = &remedy->step.target,
						  .snapshot = remedy->snapshot,
						  .directory_fd = fd },
				list_process, state, NULL);
	if (r < 0)
		return remedy_target_failed(remedy, r);
	if (state->pid_count == 0)
		return remedy_failed(remedy, -ESRCH, "it has no processes");
	return proceed(remedy, env, now);
}

static int migrate_advance(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	if (remedy->migrate.cancelled)
		tell_worker(remedy, env, WORK_CANCEL);
	if (remedy->migrate.worker >= 0)
		return listen(remedy, env, now);
	return proceed(remedy, env, now);
}

static int migrate_resize(struct remedy *remedy, const struct remedy_env *env)
{
	tell_worker(remedy, env, WORK_RESIZE);
	return 0;
}

static void migrate_cancel(struct remedy *remedy, const struct remedy_env *env)
{
	remedy->migrate.cancelled = true;
	tell_worker(remedy, env, WORK_CANCEL);
}

static void migrate_release(struct remedy *remedy, const struct remedy_env *env)
{
	if (remedy->migrate.worker >= 0)
		release_worker(remedy, env, true);
}

const struct remedy_ops migrate_remedy = {
	.start = migrate_start,
	.advance = migrate_advance,
	.resize = migrate_resize,
	.cancel = migrate_cancel,
	.release = migrate_release,
};
