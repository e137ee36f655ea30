/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A move of a service's memory, carried out process by process, the largest first, by as many
 * workers at once as the trial at start has shown to be faster here: two processes side by side,
 * and one that is larger than all others in parts (act/migrate_share.h). What each one achieved is
 * added up; a process that vanishes meanwhile is normal, a destination without room ends the whole
 * step, and a worker that dies or hangs does so once the others have done what they have.
 */

#include "act/migrate_apply.h"

#include "act/migrate_share.h"
#include "act/migrate_work.h"
#include "act/outlook.h"
#include "act/remedies.h"
#include "act/target.h"
#include "util/amount.h"
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

/* `bytes` of what was asked for that are not done. */
static uint64_t bytes_left(const struct remedy *remedy, uint64_t done)
{
	return less(remedy->step.migrate.bytes, done);
}

static void update_outcome(struct remedy *remedy, usec_t now)
{
	struct outcome *outcome = &remedy->outcome;
	uint64_t span = now - remedy->started_at;

	outcome->done_bytes = migrate_share_done(&remedy->migrate);
	migrate_share_pages(&remedy->migrate, &outcome->pages);
	outcome->remaining_bytes = bytes_left(remedy, outcome->done_bytes);
	/* In milliseconds: bytes times a million could overflow. */
	if (span >= USEC_PER_MSEC)
		outcome->bytes_per_sec = outcome->done_bytes / (span / USEC_PER_MSEC) *
					 (USEC_PER_SEC / USEC_PER_MSEC);
}

static void release_worker(struct migrate_lane *lane, const struct remedy_env *env, bool give_up)
{
	env->work.release(env->work.pool, lane->worker, give_up);
}

static void take_final(struct remedy *remedy, struct migrate_lane *lane,
		       const struct work_reply *reply)
{
	struct migrate_state *state = &remedy->migrate;

	migrate_share_end(state, lane, reply);
	if (reply->error == ENOSPC)
		state->no_room = true;
	if (reply->error != 0 && reply->error != ESRCH && reply->error != ECANCELED)
		state->error = reply->error;
}

struct asker {
	struct remedy *remedy;
	const struct remedy_env *env;
};

/* It may have left the cgroup, or have ended, since it was listed. */
static bool is_there(void *context, pid_t pid, uint64_t start_ticks)
{
	const struct asker *asker = context;
	const struct target target = { .env = asker->env,
				       .named = &asker->remedy->step.target,
				       .directory_fd = -1 };

	return target_check_process(&target, pid, start_ticks) >= 0;
}

/* Is the node nearly empty, or will it be before many more portions have moved? */
static bool is_running_dry(const struct remedy *remedy)
{
	const struct node *from = find_node(remedy, remedy->step.migrate.from_node);

	return from && outlook_is_urgent(from->readings[metric_index(METRIC_NODE_HEADROOM)],
					 from->readings[metric_index(METRIC_NODE_TOTAL)],
					 from->readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)]);
}

static void describe_move(const struct remedy *remedy, const struct migrate_lane *lane,
			  struct work_move *ret)
{
	const struct step_migrate *move = &remedy->step.migrate;
	struct strbuf path = STRBUF(ret->path);

	strbuf_add(&path, remedy->step.target.path);
	ret->is_calm = move->cause != MOVE_FOR_RELIEF;
	ret->is_urgent = !ret->is_calm && is_running_dry(remedy);
	ret->has_preferred = move->has_preferred;
	ret->preferred = move->preferred;
	if (remedy->migrate.parts[lane->process] > 1) {
		ret->parts = remedy->migrate.parts[lane->process];
		ret->part = lane->part;
	}
}

/* The lane has its process, part and share. */
static int hand_out(struct remedy *remedy, const struct remedy_env *env, struct migrate_lane *lane,
		    usec_t now)
{
	struct migrate_state *state = &remedy->migrate;
	const struct node *to = find_node(remedy, remedy->step.migrate.to_node);
	struct work_request request = {
		.kind = WORK_MIGRATE,
		.token = remedy->step.id,
		.pid = state->pids[lane->process],
		.start_ticks = state->start_ticks[lane->process],
		.from_node = remedy->step.migrate.from_node,
		.to_node = remedy->step.migrate.to_node,
		.bytes = lane->share_bytes,
		.chunk_bytes = MIGRATE_CHUNK_BYTES,
		.pause_usec = MIGRATE_PAUSE_USEC,
		.move_shared = remedy->step.migrate.move_shared,
	};
	int worker;
	int r;

	if (to)
		state->to_reserve_bytes = to->reserve_bytes;
	request.to_reserve_bytes = state->to_reserve_bytes;
	describe_move(remedy, lane, &request.move);
	r = env->work.submit(env->work.pool, &request, &worker);
	if (r < 0)
		return r;
	lane->worker = worker;
	lane->heard_at = now;
	migrate_share_take(state, lane);
	remedy->outcome.workers =
		MAX_OF(remedy->outcome.workers, (unsigned)migrate_share_running(state));
	return 0;
}

/* Less than a window is left: another process would be searched for a trifle. */
static bool is_reached(const struct remedy *remedy, uint64_t left)
{
	const struct migrate_state *state = &remedy->migrate;
	bool is_begun = state->done_bytes > 0 || migrate_share_running(state) > 0;

	return left == 0 || (is_begun && left < MIGRATE_WINDOW_BYTES);
}

/* Is nothing more to be begun? */
static bool is_over(const struct remedy *remedy)
{
	const struct migrate_state *state = &remedy->migrate;

	if (state->cancelled || state->no_room || state->broken < 0)
		return true;
	return is_reached(remedy, migrate_share_left(state, remedy->step.migrate.bytes));
}

static void break_off(struct remedy *remedy, int error, const char *why)
{
	if (remedy->migrate.broken == 0)
		remedy->migrate.broken = remedy_failed(remedy, error, "%s", why);
}

/* Gives work to as many as it may have. True: some could do more, and there is no more to do. */
static bool employ(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct migrate_state *state = &remedy->migrate;
	struct asker asker = { .remedy = remedy, .env = env };
	unsigned most = migrate_share_most(env->movers);
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	struct migrate_lane *lane;
	int r;

	while (!is_over(remedy) && (lane = migrate_share_free_lane(state, most))) {
		uint64_t share = migrate_share_deal(state, most, remedy->step.migrate.bytes);
		struct migrate_lane next = { .worker = -1,
					     .share_bytes = share,
					     .known_bytes = share };

		if (!migrate_share_next(state, most, page_size, is_there, &asker, &next.process,
					&next.part))
			return true;
		*lane = next;
		r = hand_out(remedy, env, lane, now);
		/* No worker is free, or all died and are replaced in a calm round. */
		if (r == -EBUSY)
			break;
		if (r < 0)
			break_off(remedy, r, "no worker takes it");
	}
	return false;
}

static void tell_worker(const struct remedy *remedy, const struct remedy_env *env,
			const struct migrate_lane *lane, enum work_kind kind)
{
	const struct work_request message = {
		.kind = kind,
		.token = remedy->step.id,
		.bytes = lane->share_bytes,
	};

	/* A worker that cannot take it is full of such, or dead: both show soon. */
	(void)env->work.send(env->work.pool, lane->worker, &message);
}

/* Those who come near the end of their share get more of what is left. */
static void raise_shares(struct remedy *remedy, const struct remedy_env *env, unsigned most)
{
	struct migrate_state *state = &remedy->migrate;

	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++) {
		struct migrate_lane *lane = &state->lanes[i];

		if (lane->worker >= 0 &&
		    migrate_share_raise(state, lane, most, remedy->step.migrate.bytes))
			tell_worker(remedy, env, lane, WORK_RESIZE);
	}
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
	if (is_reached(remedy, bytes_left(remedy, state->done_bytes)))
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
	const struct migrate_state *state = &remedy->migrate;

	update_outcome(remedy, now);
	if (state->broken < 0)
		return state->broken;
	if (state->cancelled)
		remedy->outcome.state = OUTCOME_CANCELLED;
	if (state->done_bytes == 0 && !state->cancelled)
		return conclude_failure(remedy);
	explain(remedy);
	return REMEDY_DONE;
}

static int proceed(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct migrate_state *state = &remedy->migrate;
	bool is_through = employ(remedy, env, now);
	size_t running = migrate_share_running(state);

	if (running == 0 && (is_through || is_over(remedy)))
		return conclude(remedy, now);
	/* What nobody else will come for is theirs. */
	if (running > 0 && !is_over(remedy))
		raise_shares(remedy, env,
			     is_through ? (unsigned)running : migrate_share_most(env->movers));
	return REMEDY_RUNNING;
}

static void listen_to(struct remedy *remedy, const struct remedy_env *env,
		      struct migrate_lane *lane, usec_t now)
{
	struct outcome *outcome = &remedy->outcome;
	struct work_reply reply;
	int r;

	while ((r = env->work.receive(env->work.pool, lane->worker, &reply)) > 0) {
		lane->heard_at = now;
		outcome->longest_call_usec =
			MAX_OF(outcome->longest_call_usec, reply.longest_call_usec);
		if (reply.final) {
			release_worker(lane, env, false);
			take_final(remedy, lane, &reply);
			return;
		}
		migrate_share_hear(lane, &reply);
	}
	if (r == 0 && now - lane->heard_at < SILENCE_MAX_USEC)
		return;
	release_worker(lane, env, true);
	migrate_share_lose(&remedy->migrate, lane);
	if (r < 0)
		break_off(remedy, r, "the worker died");
	else
		break_off(remedy, -ETIMEDOUT, "the worker hangs in the kernel");
}

static void listen_to_all(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++)
		if (remedy->migrate.lanes[i].worker >= 0)
			listen_to(remedy, env, &remedy->migrate.lanes[i], now);
	update_outcome(remedy, now);
}

static void cancel_all(struct remedy *remedy, const struct remedy_env *env)
{
	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++)
		if (remedy->migrate.lanes[i].worker >= 0)
			tell_worker(remedy, env, &remedy->migrate.lanes[i], WORK_CANCEL);
}

static void init_state(struct migrate_state *state)
{
	*state = (struct migrate_state){ 0 };
	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++)
		state->lanes[i].worker = -1;
}

static int migrate_start(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	struct migrate_state *state = &remedy->migrate;
	const struct node *to = find_node(remedy, remedy->step.migrate.to_node);
	_cleanup_(closep) int fd = -1;
	int r;

	init_state(state);
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
		cancel_all(remedy, env);
	listen_to_all(remedy, env, now);
	return proceed(remedy, env, now);
}

static int migrate_resize(struct remedy *remedy, const struct remedy_env *env)
{
	struct migrate_state *state = &remedy->migrate;

	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++) {
		struct migrate_lane *lane = &state->lanes[i];

		if (lane->worker >= 0 && migrate_share_cut(state, lane, remedy->step.migrate.bytes))
			tell_worker(remedy, env, lane, WORK_RESIZE);
	}
	if (!is_over(remedy))
		raise_shares(remedy, env, migrate_share_most(env->movers));
	return 0;
}

static void migrate_cancel(struct remedy *remedy, const struct remedy_env *env)
{
	remedy->migrate.cancelled = true;
	cancel_all(remedy, env);
}

static void migrate_release(struct remedy *remedy, const struct remedy_env *env)
{
	for (size_t i = 0; i < MIGRATE_LANES_MAX; i++)
		if (remedy->migrate.lanes[i].worker >= 0) {
			release_worker(&remedy->migrate.lanes[i], env, true);
			remedy->migrate.lanes[i].worker = -1;
		}
}

const struct remedy_ops migrate_remedy = {
	.start = migrate_start,
	.advance = migrate_advance,
	.resize = migrate_resize,
	.cancel = migrate_cancel,
	.release = migrate_release,
};
