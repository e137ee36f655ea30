/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One worker and then two, on a calm host: when it is begun, what is made of it, and when it is
 * given up. The workers are the test. */

#include "test.h"

#include "act/fake-pool.h"
#include "host/trial.h"
#include "rule/config.h"

#include <errno.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define SEC USEC_PER_SEC

static struct trial trial;
static struct trial_view view;
static struct fake_pool pool;
static struct node nodes[3];
static struct snapshot snapshot;
static usec_t now;
static char line[256];
static unsigned lines;

static void say(void *context, bool is_fault, const char *text)
{
	(void)context;
	check(!is_fault);
	snprintf(line, sizeof(line), "%s", text);
	lines++;
}

static void set_node(unsigned i, uint64_t total, uint64_t headroom)
{
	nodes[i].id = i;
	nodes[i].reserve_bytes = 64 * MIB;
	nodes[i].readings[metric_index(METRIC_NODE_TOTAL)] = reading_of((int64_t)total);
	nodes[i].readings[metric_index(METRIC_NODE_HEADROOM)] = reading_of((int64_t)headroom);
	idset_add(&snapshot.memory_nodes, i);
}

static void prepare(void)
{
	pool = (struct fake_pool){ .count = 2 };
	snapshot = (struct snapshot){ .nodes = nodes, .node_count = 2 };
	set_node(0, 8 * GIB, 4 * GIB);
	set_node(1, 8 * GIB, 6 * GIB);
	view = (struct trial_view){ .snapshot = &snapshot,
				    .port = fake_pool_port(&pool),
				    .is_wanted = true,
				    .is_calm = true,
				    .say = say };
	now = 100 * SEC;
	line[0] = '\0';
	lines = 0;
	trial_init(&trial, now);
}

static void advance(usec_t later)
{
	now += later;
	trial_advance(&trial, &view, now);
}

static void begin(void)
{
	prepare();
	advance(0);
	check_int(pool.submitted, 0);
	advance(20 * SEC);
	check_int(pool.submitted, 1);
	check_int(pool.workers[0].request.kind, WORK_TRIAL);
}

/* It was so fast. */
static void answer(size_t worker, uint64_t bytes_per_sec)
{
	uint64_t bytes = pool.workers[worker].request.bytes;

	fake_pool_answer(&pool, worker, true, 0, bytes);
	pool.workers[worker].reply.moving_usec = bytes * SEC / bytes_per_sec;
}

/* Both phases, the second one over after so much longer. */
static void end_after(uint64_t one, uint64_t each_of_two, usec_t later)
{
	begin();
	answer(0, one);
	advance(SEC);
	check_int(pool.submitted, 3);
	check(pool.workers[0].taken && pool.workers[1].taken);
	check_int(lines, 0);
	answer(0, each_of_two);
	advance(SEC / 2);
	check_int(lines, 0);
	answer(1, each_of_two);
	advance(SEC / 2 + later);
	check(!trial_is_running(&trial));
	check_int(lines, 1);
}

static void end_with(uint64_t one, uint64_t each_of_two)
{
	end_after(one, each_of_two, 0);
}

TEST(two_that_are_faster_by_a_fifth_are_used)
{
	static const struct {
		uint64_t one, each_of_two;
		unsigned movers;
	} cases[] = {
		{ 500 * MIB, 500 * MIB, 2 }, { 500 * MIB, 310 * MIB, 2 },
		{ 500 * MIB, 290 * MIB, 1 }, { 500 * MIB, 250 * MIB, 1 },
		{ 500 * MIB, 100 * MIB, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		end_with(cases[i].one, cases[i].each_of_two);
		check_int(trial.movers, cases[i].movers);
		check_contains(line, cases[i].movers > 1 ? "two workers at once"
							 : "one worker at a time");
	}
	end_with(512 * MIB, 320 * MIB);
	check_contains(line, "512 MiB/s with one, 640 MiB/s with two");
}

/* Each of two that take turns has all of the memory bus for itself. */
TEST(two_that_take_turns_are_not_faster)
{
	end_after(500 * MIB, 500 * MIB, SEC / 2);
	check_int(trial.movers, 2);
	end_after(500 * MIB, 500 * MIB, SEC - SEC / 10);
	check_int(trial.movers, 1);
}

TEST(it_is_made_once)
{
	end_with(500 * MIB, 500 * MIB);
	for (int i = 0; i < 1000; i++)
		advance(60 * SEC);
	check_int(pool.submitted, 3);
	check_int(lines, 1);
	check_int(trial.movers, 2);
}

TEST(until_it_is_over_there_is_one_worker)
{
	begin();
	check_int(trial.movers, 1);
	check(trial_is_running(&trial));
	answer(0, 500 * MIB);
	advance(SEC);
	check_int(trial.movers, 1);
}

TEST(what_is_moved_fits_the_nodes)
{
	begin();
	/* A 64th of the smaller room, in whole windows. */
	check_int(pool.workers[0].request.bytes, 62 * MIB);
	check_int(pool.workers[0].request.from_node, 1);
	check_int(pool.workers[0].request.to_node, 0);
	check_int(pool.workers[0].request.to_reserve_bytes, 64 * MIB);

	prepare();
	set_node(0, 1 * GIB, 500 * MIB);
	advance(20 * SEC);
	check_int(pool.workers[0].request.bytes, 8 * MIB);

	prepare();
	set_node(0, 800 * GIB, 500 * GIB);
	set_node(1, 800 * GIB, 500 * GIB);
	advance(20 * SEC);
	check_int(pool.workers[0].request.bytes, 64 * MIB);
}

TEST(the_two_roomiest_are_taken)
{
	prepare();
	snapshot.node_count = 3;
	set_node(2, 8 * GIB, 5 * GIB);
	advance(20 * SEC);
	check_int(pool.workers[0].request.from_node, 1);
	check_int(pool.workers[0].request.to_node, 2);
}

/* A node that could be brought into trouble by it has other worries. */
TEST(without_two_nodes_with_room_there_is_none)
{
	prepare();
	set_node(0, 8 * GIB, 1600 * MIB);
	advance(20 * SEC);
	check_int(pool.submitted, 0);
	set_node(0, 600 * MIB, 300 * MIB);
	advance(20 * SEC);
	check_int(pool.submitted, 0);
	set_node(0, 8 * GIB, 4 * GIB);
	idset_add(&snapshot.host.own_nodes, 1);
	advance(20 * SEC);
	check_int(pool.submitted, 0);
	idset_clear(&snapshot.host.own_nodes);
	advance(20 * SEC);
	check_int(pool.submitted, 1);

	prepare();
	snapshot.node_count = 1;
	advance(20 * SEC);
	check_int(pool.submitted, 0);
}

TEST(it_waits_for_a_calm_host_that_wants_it)
{
	prepare();
	view.is_calm = false;
	advance(20 * SEC);
	check_int(pool.submitted, 0);
	view.is_calm = true;
	view.is_wanted = false;
	advance(20 * SEC);
	check_int(pool.submitted, 0);
	view.is_wanted = true;
	advance(20 * SEC);
	check_int(pool.submitted, 1);
}

TEST(danger_ends_it_and_it_is_tried_again_later)
{
	begin();
	view.is_danger = true;
	view.is_calm = false;
	advance(SEC);
	check_int(pool.workers[0].cancelled, 1);
	check(trial_is_running(&trial));
	fake_pool_answer(&pool, 0, true, ECANCELED, 2 * MIB);
	advance(SEC / 10);
	check(!trial_is_running(&trial));
	check_int(pool.given_up, 0);
	view.is_danger = false;
	view.is_calm = true;
	advance(60 * SEC);
	check_int(pool.submitted, 1);
	advance(300 * SEC);
	check_int(pool.submitted, 2);
	check_int(lines, 0);
	/* Also between the two parts of it. */
	view.is_danger = true;
	answer(0, 500 * MIB);
	advance(SEC);
	advance(SEC);
	check_int(pool.submitted, 2);
	check(!trial_is_running(&trial));
}

TEST(it_is_not_tried_for_ever)
{
	begin();
	for (int i = 0; i < 20; i++) {
		view.is_danger = true;
		advance(SEC);
		fake_pool_answer(&pool, 0, true, ECANCELED, 0);
		advance(SEC);
		view.is_danger = false;
		advance(301 * SEC);
		advance(SEC);
	}
	check_int(pool.submitted, 3);
	check_int(trial.movers, 1);
	check(!trial_is_running(&trial));
}

TEST(a_worker_that_does_not_end_is_killed)
{
	begin();
	view.is_danger = true;
	advance(SEC);
	check_int(pool.given_up, 0);
	advance(3 * SEC);
	check_int(pool.given_up, 1);
	check(!trial_is_running(&trial));
}

TEST(a_worker_that_hangs_is_given_up)
{
	begin();
	advance(9 * SEC);
	check_int(pool.workers[0].cancelled, 0);
	advance(2 * SEC);
	check_int(pool.workers[0].cancelled, 1);
	advance(3 * SEC);
	check_int(pool.given_up, 1);
	check_int(trial.movers, 1);
}

TEST(what_fails_is_said_and_leaves_one)
{
	begin();
	fake_pool_answer(&pool, 0, true, EPERM, 0);
	advance(SEC);
	check_contains(line, "one worker at a time");
	check_contains(line, "Operation not permitted");
	for (int i = 0; i < 100; i++)
		advance(60 * SEC);
	check_int(pool.submitted, 1);

	/* In the second part too, and where one of them dies. */
	begin();
	answer(0, 500 * MIB);
	advance(SEC);
	answer(0, 500 * MIB);
	pool.workers[1].dead = true;
	advance(SEC);
	advance(SEC);
	check_int(trial.movers, 1);
	check_int(lines, 1);
	check_int(pool.given_up, 1);
}

TEST(a_node_that_filled_up_meanwhile_is_no_fault)
{
	begin();
	fake_pool_answer(&pool, 0, true, ENOSPC, 0);
	advance(SEC);
	advance(SEC);
	check_int(lines, 0);
	advance(301 * SEC);
	check_int(pool.submitted, 2);
}

TEST(where_both_workers_are_busy_it_waits)
{
	prepare();
	pool.count = 1;
	advance(20 * SEC);
	answer(0, 500 * MIB);
	advance(SEC);
	check_int(pool.submitted, 2);
	check_int(pool.workers[0].cancelled, 1);
	fake_pool_answer(&pool, 0, true, ECANCELED, 0);
	advance(SEC);
	check(!trial_is_running(&trial));
	check_int(lines, 0);
}

TEST(other_nodes_are_another_machine)
{
	end_with(500 * MIB, 500 * MIB);
	check_int(trial.movers, 2);
	snapshot.node_count = 3;
	set_node(2, 8 * GIB, 7 * GIB);
	advance(SEC);
	check_int(trial.movers, 1);
	check_int(pool.submitted, 3);
	advance(20 * SEC);
	check_int(pool.submitted, 4);
	check_int(pool.workers[0].request.from_node, 2);
}

static bool is_wanted(const char *agent, const char *rule, enum mode policy_mode,
		      enum nodes_mode nodes_mode)
{
	struct action_call call = { .action = ACTION_MIGRATE };
	struct rule rules[1] = { { .ladder = &call, .ladder_count = 1, .mode = MODE_ENFORCE } };
	struct policy policies[1] = { { .mode = policy_mode, .nodes = nodes_mode } };
	struct config config = {
		.mode = MODE_ENFORCE, .enforce_all = true, .rules = rules, .rule_count = 1
	};

	config.policies.policies = policies;
	config.policies.count = 1;
	if (strcmp(agent, "dry-run") == 0)
		config.mode = MODE_DRY_RUN;
	if (strcmp(agent, "paused") == 0)
		config.paused = true;
	if (strcmp(agent, "notify only") == 0)
		config.enforce_all = false;
	if (strcmp(rule, "dry-run") == 0)
		rules[0].mode = MODE_DRY_RUN;
	if (strcmp(rule, "kills") == 0)
		call.action = ACTION_KILL;
	return trial_is_wanted(&config);
}

TEST(it_is_wanted_where_memory_may_be_moved)
{
	check(is_wanted("enforce", "migrate", MODE_DRY_RUN, NODES_KEEP));
	check(!is_wanted("dry-run", "migrate", MODE_ENFORCE, NODES_HOME));
	check(!is_wanted("paused", "migrate", MODE_ENFORCE, NODES_HOME));
	check(!is_wanted("notify only", "migrate", MODE_ENFORCE, NODES_HOME));
	check(!is_wanted("enforce", "dry-run", MODE_ENFORCE, NODES_RELIEVE));
	check(!is_wanted("enforce", "kills", MODE_ENFORCE, NODES_RELIEVE));
	check(is_wanted("enforce", "kills", MODE_ENFORCE, NODES_HOME));
	check(!is_wanted("enforce", "kills", MODE_DRY_RUN, NODES_HOME));
}
