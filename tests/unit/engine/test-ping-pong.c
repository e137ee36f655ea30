/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two nodes that are short by turns, under the shipped rule: what was moved to a node stays there.
 */

#include "test.h"

#include "engine/arrivals.h"
#include "world.h"

#define TICK  (100 * MS)
#define PHASE (20 * SEC)
#define TOTAL (600 * SEC)
/* By tick. */
#define HOG_BYTES  (30 * MIB)
#define MOVE_BYTES (50 * MIB)

static struct world w;

/* Not a service: somebody who is confined to one node, and takes what there is. */
static int64_t hog[2];

struct under_way {
	struct step step;
	int64_t done;
};

static struct under_way moves[16];
static size_t move_count;
/* What has come to a node and what has left one, by service. */
static int64_t came[W_SERVICES][2], left[W_SERVICES][2];
static size_t moved_steps[2]; /* by where they came from */

static char *read_rule(void)
{
	static char text[8192];
	const char *source = getenv("OOMWARDEN_SOURCE");
	char path[512];
	size_t n;
	FILE *f;

	if (!source)
		test_skip("OOMWARDEN_SOURCE is not set");
	snprintf(path, sizeof(path), "%s/rules.d/31-node-exhausted.ini", source);
	f = fopen(path, "re");
	check(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	check(n > 0 && n < sizeof(text) - 1);
	text[n] = '\0';
	return text;
}

static int64_t headroom_of(unsigned node)
{
	int64_t bytes = 8 * GIB - hog[node];

	for (size_t i = 0; i < w.snapshot.service_count; i++)
		bytes -= (int64_t)w.shares[i][node].bytes;
	return bytes;
}

/* Takes what is left of the node, down to 2 %, and lets go of the other one at once. */
static void let_hog_eat(unsigned node)
{
	int64_t most = headroom_of(node) - 8 * GIB / 50;

	hog[!node] = 0;
	if (most > 0)
		hog[node] += most < HOG_BYTES ? most : HOG_BYTES;
}

static void begin_moves(void)
{
	for (size_t i = 0; i < w.plan.step_count; i++) {
		const struct step *step = &w.plan.steps[i];

		if (step->action != ACTION_MIGRATE)
			continue;
		for (size_t m = 0; m < move_count; m++)
			if (moves[m].step.id == step->id && step->order == STEP_RESIZE)
				moves[m].step = *step;
		if (step->order != STEP_START)
			continue;
		check_int(step->mode, MODE_ENFORCE);
		check(move_count < sizeof(moves) / sizeof(moves[0]));
		moves[move_count++] = (struct under_way){ .step = *step };
		moved_steps[step->migrate.from_node]++;
	}
}

static bool was_cancelled(uint64_t id)
{
	for (size_t i = 0; i < w.plan.step_count; i++)
		if (w.plan.steps[i].id == id && w.plan.steps[i].order == STEP_CANCEL)
			return true;
	return false;
}

static void go_on(struct under_way *m, bool is_cancelled)
{
	size_t service = (size_t)m->step.target.key - 100;
	unsigned from = m->step.migrate.from_node, to = m->step.migrate.to_node;
	int64_t bytes = (int64_t)m->step.migrate.bytes - m->done;
	struct outcome *o;
	enum outcome_state state = OUTCOME_RUNNING;

	if (bytes > MOVE_BYTES)
		bytes = MOVE_BYTES;
	if (bytes > (int64_t)w.shares[service][from].bytes)
		bytes = (int64_t)w.shares[service][from].bytes;
	if (is_cancelled)
		bytes = 0;
	came[service][to] += bytes;
	left[service][from] += bytes;
	m->done += bytes;
	if (is_cancelled)
		state = OUTCOME_CANCELLED;
	else if (bytes == 0 || m->done >= (int64_t)m->step.migrate.bytes)
		state = OUTCOME_DONE;
	w_moved(&w, &m->step, bytes, state);
	o = &w.outcomes[w.outcome_count - 1];
	o->done_bytes = (uint64_t)m->done;
	o->remaining_bytes = m->step.migrate.bytes - (uint64_t)m->done;
	o->pages.moved = o->done_bytes / 4096;
}

static void go_on_with_all(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < move_count; i++) {
		go_on(&moves[i], was_cancelled(moves[i].step.id));
		if (w.outcomes[w.outcome_count - 1].state == OUTCOME_RUNNING)
			moves[kept++] = moves[i];
	}
	move_count = kept;
}

static void show(unsigned node, int64_t before)
{
	int64_t headroom = headroom_of(node), fall = before - headroom;

	w_headroom(&w, node, headroom);
	if (fall > 0)
		w_node_empty_in(&w, node, headroom * (int64_t)TICK / fall);
	else
		w.nodes[node].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] = READING_FOREVER;
}

static void run(usec_t total)
{
	int64_t before[2];

	for (usec_t t = 0; t < total; t += TICK) {
		before[0] = headroom_of(0);
		before[1] = headroom_of(1);
		let_hog_eat((unsigned)(t / PHASE % 2));
		begin_moves();
		go_on_with_all();
		show(0, before[0]);
		show(1, before[1]);
		w_tick(&w, TICK);
	}
}

static void start(void)
{
	memset(hog, 0, sizeof(hog));
	memset(came, 0, sizeof(came));
	memset(left, 0, sizeof(left));
	memset(moved_steps, 0, sizeof(moved_steps));
	move_count = 0;
	w_start(&w, "Mode=enforce\nEnforceActions=\n", read_rule());
	for (int i = 0; i < 6; i++) {
		char name[48];

		snprintf(name, sizeof(name), "machine.slice/vm-%d.scope", i);
		w_service(&w, name, (unsigned)i % 2, GIB);
	}
}

TEST(ten_minutes_of_turns_move_nothing_twice)
{
	start();
	run(TOTAL);
	/* There was relief in both directions. */
	check(moved_steps[0] > 0 && moved_steps[1] > 0);
	for (size_t i = 0; i < w.snapshot.service_count; i++)
		for (unsigned node = 0; node < 2; node++)
			check(came[i][node] == 0 || left[i][node] == 0);
	w_stop(&w);
}

/* Later it may: the guests of then are others. */
TEST(it_does_not_stay_for_ever)
{
	size_t before;

	start();
	run(TOTAL);
	before = moved_steps[0] + moved_steps[1];
	run(TOTAL);
	check(moved_steps[0] + moved_steps[1] > before);
	w_stop(&w);
}

TEST(what_came_lately_is_passed_over_and_that_is_said)
{
	const struct step *step;

	start();
	w_headroom(&w, 0, 200 * MIB);
	for (int i = 0; i < 20 && w.plan.step_count == 0; i++)
		w_tick(&w, TICK);
	step = w_find(&w, ACTION_MIGRATE, STEP_START);
	check(step);
	check_int(step->migrate.from_node, 0);
	w_moved(&w, step, GIB / 2, OUTCOME_DONE);
	w.snapshot.service_count = 1; /* of the others nothing is there to be moved */
	w_headroom(&w, 0, 6 * GIB);
	for (int i = 0; i < 100; i++)
		w_tick(&w, TICK);
	w_headroom(&w, 1, 200 * MIB);
	for (int i = 0; i < 20 && w_refused(&w, REFUSE_ARRIVED) == 0; i++) {
		w_tick(&w, TICK);
		check(!w_find(&w, ACTION_MIGRATE, STEP_START));
	}
	check_int(w_refused(&w, REFUSE_ARRIVED), 1);
	w_stop(&w);
}

/* Takes the word for a step of this cause that has moved memory of service `key` to node 1, or
 * none.
 */
static void note(struct engine *e, uint64_t key, enum move_cause cause, uint64_t bytes)
{
	struct outcome outcome = { .step = 7, .state = OUTCOME_RUNNING, .done_bytes = bytes };

	e->flights[0] = (struct flight){ .used = true, .running = true };
	e->flights[0].step.id = 7;
	e->flights[0].step.action = ACTION_MIGRATE;
	e->flights[0].step.target.key = key;
	e->flights[0].step.migrate.cause = cause;
	e->flights[0].step.migrate.to_node = 1;
	e->flight_end = 1;
	arrivals_take_outcomes(e, &outcome, 1);
}

TEST(only_what_relief_has_moved_stays)
{
	struct engine *e;

	w_start(&w, "Mode=enforce\nEnforceActions=\n", read_rule());
	e = w.engine;
	e->now = 1000 * SEC;
	note(e, 100, MOVE_TO_GO_HOME, GIB);
	note(e, 101, MOVE_FOR_RELIEF, GIB);
	note(e, 102, MOVE_FOR_RELIEF, 0);
	check(!arrivals_hold(e, 100, 1));
	check(arrivals_hold(e, 101, 1));
	check(!arrivals_hold(e, 101, 0));
	check(!arrivals_hold(e, 102, 1));
	e->now += 599 * SEC;
	check(arrivals_hold(e, 101, 1));
	e->now += 1 * SEC;
	check(!arrivals_hold(e, 101, 1));
	e->flight_end = 0;
	w_stop(&w);
}

TEST(more_of_them_than_there_is_room_for_push_out_the_oldest)
{
	struct engine *e;

	w_start(&w, "Mode=enforce\nEnforceActions=\n", read_rule());
	e = w.engine;
	for (uint64_t i = 0; i < ARRIVALS_MAX + 10; i++) {
		e->now = 1000 * SEC + i;
		note(e, 1000 + i, MOVE_FOR_RELIEF, GIB);
		note(e, 1000 + i, MOVE_FOR_RELIEF, GIB);
	}
	check_int(e->arrival_end, ARRIVALS_MAX);
	for (uint64_t i = 0; i < ARRIVALS_MAX + 10; i++)
		check_int(arrivals_hold(e, 1000 + i, 1), i >= 10);
	e->flight_end = 0;
	w_stop(&w);
}
