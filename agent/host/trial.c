/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/trial.h"

#include "act/action.h"
#include "act/migrate_apply.h"
#include "engine/line.h"
#include "util/amount.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <string.h>

/* A host that has just started, or has got other nodes, has other things to do. */
#define SETTLE_USEC (10 * USEC_PER_SEC)
/* What was given up is tried again then, but not for ever. */
#define RETRY_USEC (5 * USEC_PER_MIN)
#define TRIES_MAX  3
/* Moving this much takes a tenth of a second on a slow machine. */
#define PHASE_MAX_USEC (10 * USEC_PER_SEC)
/* One call at most, and its answer. */
#define END_MAX_USEC (2 * USEC_PER_SEC)
/* Each worker moves a 64th of the room of the smaller node, within these. */
#define BYTES_MIN  (UINT64_C(8) << 20)
#define BYTES_MAX  (UINT64_C(64) << 20)
#define ROOM_PARTS 64
/* A node is left alone unless a fifth of it is to be had, and so much that what two workers take
 * for a moment makes nobody believe that it runs dry: within half a second it falls by a 16th at
 * most, and would last eight seconds. */
#define ROOM_SHARE    5
#define ROOM_AT_LEAST (32 * BYTES_MIN)

void trial_init(struct trial *t, usec_t now)
{
	*t = (struct trial){ .due = now + SETTLE_USEC, .movers = 1 };
	for (size_t i = 0; i < TRIAL_WORKERS_MAX; i++)
		t->workers[i] = -1;
}

bool trial_is_running(const struct trial *t)
{
	for (size_t i = 0; i < TRIAL_WORKERS_MAX; i++)
		if (t->workers[i] >= 0)
			return true;
	return false;
}

static bool has_moves(const struct config *config, const struct rule *rule)
{
	for (size_t i = 0; i < rule->ladder_count; i++)
		if (rule->ladder[i].action == ACTION_MIGRATE && line_is_enforced(config, rule, i))
			return true;
	return false;
}

static bool places_memory(const struct policy *policy)
{
	if (policy->mode != MODE_ENFORCE)
		return false;
	for (size_t i = 0; i < policy->setting_count; i++)
		if (policy->settings[i].id == SETTING_ALLOWED_NODES)
			return true;
	return policy->nodes == NODES_HOME;
}

bool trial_is_wanted(const struct config *config)
{
	if (config->paused || config->mode != MODE_ENFORCE || !line_acts(config, ACTION_MIGRATE))
		return false;
	for (size_t i = 0; i < config->rule_count; i++)
		if (has_moves(config, &config->rules[i]))
			return true;
	for (size_t i = 0; i < config->policies.count; i++)
		if (places_memory(&config->policies.policies[i]))
			return true;
	return false;
}

/* 0: it is not to be touched. */
static uint64_t room_of(const struct snapshot *snapshot, const struct node *node)
{
	uint64_t headroom = reading_amount(node->readings[metric_index(METRIC_NODE_HEADROOM)]);
	uint64_t total = reading_amount(node->readings[metric_index(METRIC_NODE_TOTAL)]);
	uint64_t room = less(headroom, node->reserve_bytes);
	const struct idset *own = &snapshot->host.own_nodes;

	if (!idset_is_empty(own) && !idset_has(own, node->id))
		return 0;
	return headroom >= total / ROOM_SHARE && room >= ROOM_AT_LEAST ? room : 0;
}

/* The two roomiest; false: there are not two. */
static bool find_nodes(struct trial *t, const struct snapshot *snapshot)
{
	uint64_t most = 0, second = 0;

	for (size_t i = 0; i < snapshot->node_count; i++) {
		uint64_t room = room_of(snapshot, &snapshot->nodes[i]);

		if (room > most) {
			second = most;
			t->to_node = t->from_node;
			most = room;
			t->from_node = snapshot->nodes[i].id;
		} else if (room > second) {
			second = room;
			t->to_node = snapshot->nodes[i].id;
		}
	}
	t->bytes = MIN_OF(second / ROOM_PARTS, BYTES_MAX);
	t->bytes = MAX_OF(t->bytes, BYTES_MIN);
	t->bytes -= t->bytes % (UINT64_C(2) << 20);
	return second > 0;
}

static int hand_out(struct trial *t, const struct trial_view *view, size_t i)
{
	const struct node *to = snapshot_node(view->snapshot, t->to_node);
	const struct work_request request = {
		.kind = WORK_TRIAL,
		.token = ++t->last_token,
		.from_node = t->from_node,
		.to_node = t->to_node,
		.bytes = t->bytes,
		.chunk_bytes = MIGRATE_CHUNK_BYTES,
		.pause_usec = MIGRATE_PAUSE_USEC,
		.to_reserve_bytes = to ? to->reserve_bytes : 0,
	};

	return view->port.submit(view->port.pool, &request, &t->workers[i]);
}

static void give_up(struct trial *t, const struct trial_view *view, usec_t now)
{
	const struct work_request cancel = { .kind = WORK_CANCEL, .token = t->last_token };

	for (size_t i = 0; i < TRIAL_WORKERS_MAX; i++)
		if (t->workers[i] >= 0)
			(void)view->port.send(view->port.pool, t->workers[i], &cancel);
	t->phase = TRIAL_ENDS;
	t->deadline = now + END_MAX_USEC;
}

static void begin(struct trial *t, const struct trial_view *view, enum trial_phase phase,
		  usec_t now)
{
	size_t count = phase == TRIAL_OF_ONE ? 1 : TRIAL_WORKERS_MAX;

	t->phase = phase;
	t->begun = now;
	t->deadline = now + PHASE_MAX_USEC;
	t->bytes_per_sec = 0;
	t->error = 0;
	for (size_t i = 0; i < count; i++)
		if (hand_out(t, view, i) < 0) {
			t->workers[i] = -1;
			give_up(t, view, now);
			return;
		}
}

static void take(struct trial *t, const struct work_reply *reply)
{
	if (reply->error != 0 || reply->done_bytes == 0 || reply->moving_usec == 0) {
		t->error = reply->error ? reply->error : EIO;
		return;
	}
	t->bytes_per_sec += reply->done_bytes * USEC_PER_SEC / reply->moving_usec;
}

static void listen_to(struct trial *t, const struct trial_view *view, int *worker)
{
	struct work_reply reply;
	int r;

	while ((r = view->port.receive(view->port.pool, *worker, &reply)) > 0)
		if (reply.final) {
			take(t, &reply);
			break;
		}
	if (r == 0)
		return;
	if (r < 0)
		t->error = -r;
	view->port.release(view->port.pool, *worker, r < 0);
	*worker = -1;
}

static void add_speed(struct strbuf *line, uint64_t bytes_per_sec)
{
	strbuf_add_bytes(line, (int64_t)MIN_OF(bytes_per_sec, (uint64_t)INT64_MAX));
	strbuf_add(line, "/s");
}

static void say(const struct trial_view *view, const char *line)
{
	if (view->say)
		view->say(view->context, false, line);
}

/* At least 1.2 times as fast: by what each says of itself, which counts nothing but moving, and by
 * when both were through, as two that took turns on one CPU would each say that they were fast. */
static bool is_faster(const struct trial *t, usec_t now)
{
	return t->bytes_per_sec / 6 >= t->one_bytes_per_sec / 5 &&
	       TRIAL_WORKERS_MAX * t->one_usec / 6 >= (now - t->begun) / 5;
}

static void conclude(struct trial *t, const struct trial_view *view, usec_t now)
{
	char text[160];
	struct strbuf line = STRBUF(text);

	t->phase = TRIAL_OVER;
	t->movers = is_faster(t, now) ? TRIAL_WORKERS_MAX : 1;
	strbuf_add(&line, t->movers > 1 ? "memory is moved by two workers at once: "
					: "memory is moved by one worker at a time: ");
	strbuf_add(&line, "a trial gave ");
	add_speed(&line, t->one_bytes_per_sec);
	strbuf_add(&line, " with one, ");
	add_speed(&line, t->bytes_per_sec);
	strbuf_add(&line, " with two");
	say(view, text);
}

/* Its own trouble, and not that something else is to be done. */
static void fail(struct trial *t, const struct trial_view *view)
{
	char text[160];
	struct strbuf line = STRBUF(text);

	t->phase = TRIAL_OVER;
	strbuf_addf(&line, "memory is moved by one worker at a time: the trial failed: %s",
		    strerrordesc_np(t->error) ? strerrordesc_np(t->error) : "unknown error");
	say(view, text);
}

static bool is_unwelcome(const struct trial_view *view)
{
	return !view->is_wanted || view->is_danger;
}

/* All of the phase have ended. */
static void end_phase(struct trial *t, const struct trial_view *view, usec_t now)
{
	if (t->phase == TRIAL_ENDS) {
		t->phase = ++t->tries < TRIES_MAX ? TRIAL_WAITS : TRIAL_OVER;
		t->due = now + RETRY_USEC;
	} else if (t->error == ENOSPC || is_unwelcome(view)) {
		give_up(t, view, now);
	} else if (t->error != 0) {
		fail(t, view);
	} else if (t->phase == TRIAL_OF_ONE) {
		t->one_bytes_per_sec = t->bytes_per_sec;
		t->one_usec = now - t->begun;
		begin(t, view, TRIAL_OF_TWO, now);
	} else {
		conclude(t, view, now);
	}
}

static void kill_workers(struct trial *t, const struct trial_view *view)
{
	for (size_t i = 0; i < TRIAL_WORKERS_MAX; i++)
		if (t->workers[i] >= 0) {
			view->port.release(view->port.pool, t->workers[i], true);
			t->workers[i] = -1;
		}
}

static void watch(struct trial *t, const struct trial_view *view, usec_t now)
{
	for (size_t i = 0; i < TRIAL_WORKERS_MAX; i++)
		if (t->workers[i] >= 0)
			listen_to(t, view, &t->workers[i]);
	if (trial_is_running(t) && t->phase == TRIAL_ENDS && now >= t->deadline)
		kill_workers(t, view);
	if (!trial_is_running(t)) {
		end_phase(t, view, now);
		return;
	}
	if (t->phase != TRIAL_ENDS && (is_unwelcome(view) || now >= t->deadline))
		give_up(t, view, now);
}

/* What holds for other nodes holds no more. */
static void heed_nodes(struct trial *t, const struct trial_view *view, usec_t now)
{
	const struct idset *nodes = &view->snapshot->memory_nodes;

	if (idset_equal(&t->nodes, nodes))
		return;
	t->movers = 1;
	t->tries = 0;
	if (trial_is_running(t)) {
		give_up(t, view, now);
	} else {
		t->phase = TRIAL_WAITS;
		t->due = MAX_OF(t->due, idset_is_empty(&t->nodes) ? t->due : now + SETTLE_USEC);
	}
	t->nodes = *nodes;
}

void trial_advance(struct trial *t, const struct trial_view *view, usec_t now)
{
	heed_nodes(t, view, now);
	switch (t->phase) {
	case TRIAL_WAITS:
		if (view->is_wanted && view->is_calm && now >= t->due &&
		    find_nodes(t, view->snapshot))
			begin(t, view, TRIAL_OF_ONE, now);
		break;
	case TRIAL_OF_ONE:
	case TRIAL_OF_TWO:
	case TRIAL_ENDS:
		watch(t, view, now);
		break;
	case TRIAL_OVER:
		break;
	}
}
