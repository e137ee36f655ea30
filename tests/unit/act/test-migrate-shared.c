/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One move and two workers: who has what, that it is never more than was asked for, and what
 * becomes of it when one of them ends, dies or hangs. The processes are real, the workers are the
 * test. */

#include "act/fake-pool.h"
#include "act/scratch-cgroup.h"

#define MIB	   (UINT64_C(1) << 20)
#define GIB	   (UINT64_C(1) << 30)
#define START_USEC (100 * USEC_PER_SEC)

static struct scratch scratch;
static struct remedy remedy;
static struct remedy_env env;
static struct fake_pool pool;
static struct node nodes[2];
static struct snapshot snapshot;
static usec_t now;

static void prepare(const char *name, uint64_t bytes, size_t processes)
{
	scratch_open(&scratch, name);
	memset(&remedy, 0, sizeof(remedy));
	pool = (struct fake_pool){ .count = 2 };
	env = (struct remedy_env){ .root = &scratch.root,
				   .layout = &scratch.layout,
				   .work = fake_pool_port(&pool),
				   .movers = 2 };
	nodes[0] = (struct node){ .id = 0 };
	nodes[1] = (struct node){ .id = 1, .reserve_bytes = 30 * MIB };
	snapshot = (struct snapshot){ .nodes = nodes, .node_count = 2 };
	remedy.step.id = 9;
	remedy.step.action = ACTION_MIGRATE;
	remedy.step.migrate.to_node = 1;
	remedy.step.migrate.bytes = bytes;
	remedy.step.target.key = scratch.inode;
	snprintf(remedy.step.target.path, sizeof(remedy.step.target.path), "%s", scratch.path);
	remedy.snapshot = &snapshot;
	remedy.started_at = now = START_USEC;
	for (size_t i = 0; i < processes; i++)
		scratch_child(&scratch, NULL, false);
}

static int advance(void)
{
	now += 50 * USEC_PER_MSEC;
	return remedies[ACTION_MIGRATE]->advance(&remedy, &env, now);
}

/* As if its processes were so large: they are listed while no worker is free, and looked at when
 * one is. */
static int begin(uint64_t first, uint64_t others)
{
	size_t count = pool.count;

	pool.count = 0;
	check_int(remedies[ACTION_MIGRATE]->start(&remedy, &env, now), REMEDY_RUNNING);
	check_int(pool.submitted, 0);
	for (size_t i = 0; i < remedy.migrate.pid_count; i++) {
		remedy.migrate.rss_pages[i] = (i == 0 ? first : others) / 4096;
		remedy.migrate.parts[i] = 0;
	}
	pool.count = count;
	return advance();
}

static void finish(void)
{
	remedies[ACTION_MIGRATE]->release(&remedy, &env);
	scratch_close(&scratch);
}

static const struct work_request *asked(size_t worker)
{
	check(pool.workers[worker].taken);
	return &pool.workers[worker].request;
}

TEST(two_of_a_size_are_moved_side_by_side)
{
	prepare("two", 200 * MIB, 2);
	remedy.step.migrate.cause = MOVE_TO_GATHER;
	remedy.step.migrate.has_preferred = true;
	remedy.step.migrate.preferred = 1;
	check_int(begin(4 * GIB, 4 * GIB), REMEDY_RUNNING);
	check_int(pool.submitted, 2);
	check(asked(0)->pid != asked(1)->pid);
	check_int(asked(0)->move.parts, 0);
	check_int(asked(0)->bytes, 100 * MIB);
	check_int(asked(1)->bytes, 100 * MIB);
	for (size_t i = 0; i < 2; i++) {
		check_str(asked(i)->move.path, scratch.path);
		check(asked(i)->move.is_calm);
		check(asked(i)->move.has_preferred);
		check_int(asked(i)->move.preferred, 1);
	}
	fake_pool_answer(&pool, 0, true, 0, 100 * MIB);
	pool.workers[0].reply.longest_call_usec = 7000;
	fake_pool_answer(&pool, 1, true, 0, 100 * MIB);
	pool.workers[1].reply.longest_call_usec = 9000;
	check_int(advance(), REMEDY_DONE);
	check_int(remedy.outcome.done_bytes, 200 * MIB);
	check_int(remedy.outcome.pages.moved, 200 * MIB / 4096);
	check_int(remedy.outcome.workers, 2);
	check_int(remedy.outcome.longest_call_usec, 9000);
	check_str(remedy.outcome.reason, "200 MiB moved");
	finish();
}

TEST(relief_is_not_calm)
{
	prepare("relief", 200 * MIB, 1);
	check_int(begin(4 * GIB, 0), REMEDY_RUNNING);
	check(!asked(0)->move.is_calm);
	check(!asked(0)->move.is_urgent);
	check(!asked(0)->move.has_preferred);
	finish();
}

static void set_reading(struct node *node, enum metric_id metric, int64_t value)
{
	node->readings[metric_index(metric)] =
		(struct reading){ .state = READING_KNOWN, .value = value };
}

/* The right of way is for relief of a node in danger. */
TEST(what_is_urgent)
{
	static const struct {
		int64_t left, seconds;
		enum move_cause cause;
		bool is_urgent;
	} cases[] = {
		{ 400, 29, MOVE_FOR_RELIEF, true },    { 400, 31, MOVE_FOR_RELIEF, false },
		{ 63, 3600, MOVE_FOR_RELIEF, true },   { 65, 3600, MOVE_FOR_RELIEF, false },
		{ -100, 3600, MOVE_FOR_RELIEF, true }, { 10, 1, MOVE_TO_GATHER, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		prepare("urgent", 200 * MIB, 1);
		remedy.step.migrate.cause = cases[i].cause;
		set_reading(&nodes[0], METRIC_NODE_TOTAL, (int64_t)(1024 * MIB));
		set_reading(&nodes[0], METRIC_NODE_HEADROOM, cases[i].left * (int64_t)MIB);
		set_reading(&nodes[0], METRIC_NODE_TIME_TO_EMPTY,
			    cases[i].seconds * (int64_t)USEC_PER_SEC);
		check_int(begin(4 * GIB, 0), REMEDY_RUNNING);
		check_int(asked(0)->move.is_urgent, cases[i].is_urgent);
		finish();
	}
}

TEST(one_that_is_larger_than_all_others_is_shared)
{
	prepare("parts", 200 * MIB, 3);
	check_int(begin(4 * GIB, 1 * GIB), REMEDY_RUNNING);
	check_int(pool.submitted, 2);
	check_int(asked(0)->pid, asked(1)->pid);
	check_int(asked(0)->pid, remedy.migrate.pids[0]);
	check_int(asked(0)->move.parts, 2);
	check_int(asked(0)->move.part, 0);
	check_int(asked(1)->move.parts, 2);
	check_int(asked(1)->move.part, 1);
	finish();
}

TEST(a_small_one_is_not_shared)
{
	prepare("small", 200 * MIB, 1);
	check_int(begin(60 * MIB, 0), REMEDY_RUNNING);
	check_int(pool.submitted, 1);
	check_int(asked(0)->move.parts, 0);
	/* There is nobody else to take the rest. */
	check_int(pool.workers[0].total, 200 * MIB);
	finish();
}

TEST(a_small_amount_is_not_split_up)
{
	prepare("little", 16 * MIB, 2);
	check_int(begin(4 * GIB, 4 * GIB), REMEDY_RUNNING);
	check_int(pool.submitted, 1);
	check_int(asked(0)->bytes, 16 * MIB);
	finish();
}

TEST(nobody_searches_a_process_for_a_trifle)
{
	prepare("trifle", 17 * MIB, 2);
	check_int(begin(4 * GIB, 4 * GIB), REMEDY_RUNNING);
	check_int(pool.submitted, 1);
	fake_pool_answer(&pool, 0, true, 0, 16 * MIB);
	check_int(advance(), REMEDY_DONE);
	check_int(pool.submitted, 1);
	check_int(remedy.outcome.remaining_bytes, 1 * MIB);
	finish();
}

TEST(one_worker_has_all_of_it)
{
	prepare("single", 200 * MIB, 1);
	env.movers = 0;
	check_int(begin(4 * GIB, 0), REMEDY_RUNNING);
	check_int(pool.submitted, 1);
	check_int(asked(0)->bytes, 200 * MIB);
	check_int(asked(0)->move.parts, 0);
	finish();
}

TEST(what_one_leaves_goes_to_the_other)
{
	prepare("leaves", 200 * MIB, 1);
	check_int(begin(4 * GIB, 0), REMEDY_RUNNING);
	fake_pool_answer(&pool, 0, false, 0, 20 * MIB);
	fake_pool_answer(&pool, 1, true, 0, 30 * MIB);
	pool.workers[1].reply.pages.pinned = 512;
	check_int(advance(), REMEDY_RUNNING);
	check_int(pool.submitted, 2); /* its part is through: nobody is to search it again */
	check_int(pool.workers[0].total, 170 * MIB);
	fake_pool_answer(&pool, 0, true, 0, 170 * MIB);
	check_int(advance(), REMEDY_DONE);
	check_int(remedy.outcome.done_bytes, 200 * MIB);
	check_int(remedy.outcome.pages.pinned, 512);
	finish();
}

TEST(what_one_leaves_goes_to_the_next_process)
{
	prepare("follows", 200 * MIB, 3);
	check_int(begin(4 * GIB, 4 * GIB), REMEDY_RUNNING);
	fake_pool_answer(&pool, 1, true, 0, 30 * MIB);
	check_int(advance(), REMEDY_RUNNING);
	check_int(pool.submitted, 3);
	check_int(asked(1)->pid, remedy.migrate.pids[2]);
	check_int(asked(1)->bytes, 70 * MIB);
	check_int(pool.workers[0].total, 100 * MIB);
	finish();
}

/* Its share was the limit, and not its memory: when somebody else finds less it has the rest. */
TEST(one_whose_share_ended_is_asked_again)
{
	prepare("again", 200 * MIB, 2);
	check_int(begin(4 * GIB, 10 * MIB), REMEDY_RUNNING);
	check_int(asked(1)->move.part, 1);
	fake_pool_answer(&pool, 0, true, 0, 100 * MIB);
	check_int(advance(), REMEDY_RUNNING);
	check_int(pool.submitted, 2); /* nothing is left that nobody has */
	fake_pool_answer(&pool, 1, true, 0, 40 * MIB);
	check_int(advance(), REMEDY_RUNNING);
	check(pool.submitted >= 3);
	check_int(asked(0)->pid, remedy.migrate.pids[0]);
	check_int(asked(0)->move.part, 0);
	finish();
}

/* It goes through what it has seen once more. */
TEST(what_is_met_again_is_counted_once)
{
	prepare("twice", 200 * MIB, 2);
	check_int(begin(4 * GIB, 10 * MIB), REMEDY_RUNNING);
	fake_pool_answer(&pool, 0, true, 0, 100 * MIB);
	pool.workers[0].reply.pages.pinned = 512;
	pool.workers[0].reply.pages.already_there = 7;
	check_int(advance(), REMEDY_RUNNING);
	check_int(remedy.outcome.pages.pinned, 512);
	fake_pool_answer(&pool, 1, true, 0, 40 * MIB);
	check_int(advance(), REMEDY_RUNNING);
	check_int(asked(0)->pid, remedy.migrate.pids[0]);
	check_int(asked(0)->move.part, 0);
	for (int final = 0; final < 2; final++) {
		fake_pool_answer(&pool, 0, final, 0, 30 * MIB);
		pool.workers[0].reply.pages.pinned = 600;
		pool.workers[0].reply.pages.already_there = 100 * MIB / 4096 + 7;
		(void)advance();
		check_int(remedy.outcome.pages.moved, 170 * MIB / 4096);
		check_int(remedy.outcome.pages.pinned, 600);
		check_int(remedy.outcome.pages.already_there, 7);
	}
	finish();
}

TEST(a_large_amount_is_dealt_out_by_and_by)
{
	uint64_t before;

	prepare("lease", 64 * GIB, 1);
	check_int(begin(128 * GIB, 0), REMEDY_RUNNING);
	check_int(pool.submitted, 2);
	check(pool.workers[0].total + pool.workers[1].total < 64 * GIB);
	/* One that is fast gets more before it is at the end. */
	before = pool.workers[0].total;
	fake_pool_answer(&pool, 0, false, 0, before - GIB);
	check_int(advance(), REMEDY_RUNNING);
	check_int(pool.submitted, 2);
	check(pool.workers[0].total > before);
	check_int(pool.workers[1].resized, 0);
	finish();
}

/* It was at the end of its share when it was given more, and has not heard of that. */
TEST(one_that_ends_before_it_hears_of_more_is_asked_again)
{
	uint64_t before;

	prepare("deaf", 64 * GIB, 1);
	check_int(begin(128 * GIB, 0), REMEDY_RUNNING);
	before = pool.workers[0].total;
	fake_pool_answer(&pool, 0, false, 0, before - GIB);
	check_int(advance(), REMEDY_RUNNING);
	check(pool.workers[0].total > before);
	fake_pool_answer(&pool, 0, true, 0, before);
	check_int(advance(), REMEDY_RUNNING);
	check_int(pool.submitted, 3);
	check_int(asked(0)->move.part, 0);
	finish();
}

/* One that has heard of it, and ends in between, has no more memory. */
TEST(one_that_has_heard_of_more_is_not_asked_again)
{
	uint64_t before;

	prepare("heard", 64 * GIB, 1);
	check_int(begin(128 * GIB, 0), REMEDY_RUNNING);
	before = pool.workers[0].total;
	fake_pool_answer(&pool, 0, false, 0, before - GIB);
	check_int(advance(), REMEDY_RUNNING);
	check(pool.workers[0].total > before);
	fake_pool_answer(&pool, 0, true, 0, before + 100 * MIB);
	check_int(advance(), REMEDY_RUNNING);
	check_int(pool.submitted, 2);
	finish();
}

TEST(a_worker_that_becomes_free_late_finds_something_to_do)
{
	prepare("late", 64 * GIB, 1);
	pool.count = 1;
	check_int(begin(128 * GIB, 0), REMEDY_RUNNING);
	fake_pool_answer(&pool, 0, false, 0, 1 * GIB);
	check_int(advance(), REMEDY_RUNNING);
	pool.count = 2;
	check_int(advance(), REMEDY_RUNNING);
	check_int(pool.submitted, 2);
	check(asked(1)->bytes >= 8 * GIB);
	finish();
}

TEST(both_are_cancelled)
{
	prepare("cancel", 200 * MIB, 1);
	check_int(begin(4 * GIB, 0), REMEDY_RUNNING);
	remedies[ACTION_MIGRATE]->cancel(&remedy, &env);
	check(pool.workers[0].cancelled > 0 && pool.workers[1].cancelled > 0);
	fake_pool_answer(&pool, 0, true, ECANCELED, 3 * MIB);
	check_int(advance(), REMEDY_RUNNING);
	check_int(pool.submitted, 2);
	fake_pool_answer(&pool, 1, true, ECANCELED, 4 * MIB);
	check_int(advance(), REMEDY_DONE);
	check_int(remedy.outcome.state, OUTCOME_CANCELLED);
	check_int(remedy.outcome.done_bytes, 7 * MIB);
	finish();
}

TEST(a_smaller_amount_is_taken_back_from_both)
{
	prepare("shrink", 200 * MIB, 1);
	check_int(begin(4 * GIB, 0), REMEDY_RUNNING);
	fake_pool_answer(&pool, 0, false, 0, 80 * MIB);
	fake_pool_answer(&pool, 1, false, 0, 10 * MIB);
	check_int(advance(), REMEDY_RUNNING);
	remedy.step.migrate.bytes = 120 * MIB;
	check_int(remedies[ACTION_MIGRATE]->resize(&remedy, &env), 0);
	check_int(pool.workers[0].total + pool.workers[1].total, 120 * MIB);
	check(pool.workers[0].total >= 80 * MIB);
	check(pool.workers[1].total >= 10 * MIB);
	finish();
}

TEST(a_larger_amount_reaches_those_who_are_there)
{
	prepare("grow", 200 * MIB, 1);
	check_int(begin(4 * GIB, 0), REMEDY_RUNNING);
	fake_pool_answer(&pool, 0, false, 0, 100 * MIB);
	fake_pool_answer(&pool, 1, false, 0, 100 * MIB);
	check_int(advance(), REMEDY_RUNNING);
	remedy.step.migrate.bytes = 500 * MIB;
	check_int(remedies[ACTION_MIGRATE]->resize(&remedy, &env), 0);
	check(pool.workers[0].resized > 0);
	check(pool.workers[0].total + pool.workers[1].total <= 500 * MIB);
	check_int(advance(), REMEDY_RUNNING);
	check(pool.workers[0].total + pool.workers[1].total > 400 * MIB);
	finish();
}

/* What it may have moved without a word is not moved by somebody else. */
TEST(one_that_dies_takes_its_share_along)
{
	prepare("dies", 200 * MIB, 3);
	check_int(begin(4 * GIB, 4 * GIB), REMEDY_RUNNING);
	fake_pool_answer(&pool, 0, false, 0, 20 * MIB);
	check_int(advance(), REMEDY_RUNNING);
	pool.workers[0].dead = true;
	check_int(advance(), REMEDY_RUNNING);
	check_int(pool.given_up, 1);
	check_int(pool.submitted, 2);
	check_int(pool.workers[1].total, 100 * MIB);
	fake_pool_answer(&pool, 1, true, 0, 100 * MIB);
	check_int(advance(), -EPIPE);
	check_str(remedy.outcome.reason, "the worker died");
	check_int(remedy.outcome.done_bytes, 120 * MIB);
	check_int(remedy.outcome.pages.moved, 120 * MIB / 4096);
	finish();
}

TEST(one_that_hangs_is_given_up_alone)
{
	prepare("hangs", 200 * MIB, 2);
	check_int(begin(4 * GIB, 4 * GIB), REMEDY_RUNNING);
	for (int i = 0; i < 58; i++) {
		now += 500 * USEC_PER_MSEC;
		fake_pool_answer(&pool, 1, false, 0, 10 * MIB);
		check_int(advance(), REMEDY_RUNNING);
	}
	check_int(pool.given_up, 1);
	check(pool.workers[1].taken && !pool.workers[0].taken);
	fake_pool_answer(&pool, 1, true, 0, 50 * MIB);
	check_int(advance(), -ETIMEDOUT);
	check_int(remedy.outcome.done_bytes, 50 * MIB);
	finish();
}

TEST(a_process_that_ends_is_left_by_both)
{
	prepare("exits", 200 * MIB, 2);
	check_int(begin(4 * GIB, 1 * GIB), REMEDY_RUNNING);
	check_int(asked(1)->move.part, 1);
	fake_pool_answer(&pool, 0, true, ESRCH, 10 * MIB);
	fake_pool_answer(&pool, 1, true, ESRCH, 20 * MIB);
	check_int(advance(), REMEDY_RUNNING);
	check_int(asked(0)->pid, remedy.migrate.pids[1]);
	fake_pool_answer(&pool, 0, true, 0, 0);
	if (pool.workers[1].taken)
		fake_pool_answer(&pool, 1, true, 0, 0);
	check_int(advance(), REMEDY_DONE);
	check_int(remedy.outcome.done_bytes, 30 * MIB);
	finish();
}

TEST(a_full_destination_begins_nothing_more)
{
	prepare("full", 200 * MIB, 3);
	check_int(begin(4 * GIB, 4 * GIB), REMEDY_RUNNING);
	fake_pool_answer(&pool, 0, true, ENOSPC, 10 * MIB);
	check_int(advance(), REMEDY_RUNNING);
	check_int(pool.submitted, 2);
	check_int(pool.workers[1].resized, 0);
	fake_pool_answer(&pool, 1, true, 0, 12 * MIB);
	check_int(advance(), REMEDY_DONE);
	check_str(remedy.outcome.reason, "22 MiB moved; node 1 has no more room");
	finish();
}

static unsigned next_random(void)
{
	static unsigned state = 12345;

	state = state * 1103515245 + 12345;
	return state >> 16;
}

/* What each part of each process has on the node. */
static uint64_t stock[4][2];

static uint64_t *stock_of(const struct work_request *request)
{
	for (size_t i = 0; i < remedy.migrate.pid_count; i++)
		if (remedy.migrate.pids[i] == request->pid)
			return &stock[i][request->move.part];
	test_stop_(TEST_FAILED_, "somebody else's process");
}

/* A worker goes on by as much as it likes, and ends where there is no more, or no more is wanted.
 */
static uint64_t work(struct fake_worker *w)
{
	uint64_t *left = stock_of(&w->request), done = w->reply.done_bytes;
	uint64_t bytes = (next_random() % 40) * 2 * MIB;

	if (!w->taken || w->has_reply)
		return 0;
	if (bytes > *left)
		bytes = *left;
	if (bytes > w->total - done)
		bytes = (w->total - done) / (2 * MIB) * (2 * MIB);
	*left -= bytes;
	fake_pool_answer(&pool, (size_t)(w - pool.workers),
			 *left == 0 || w->total - done - bytes < 2 * MIB, 0, done + bytes);
	return bytes;
}

TEST(whatever_they_do_it_is_never_more_and_no_less_than_there_is)
{
	for (unsigned round = 0; round < 30; round++) {
		uint64_t wanted = (50 + next_random() % 4000) * MIB, moved = 0, there = 0;
		int r;

		prepare("random", wanted, 4);
		for (size_t i = 0; i < 4; i++)
			for (size_t p = 0; p < 2; p++)
				stock[i][p] = (next_random() % 300) * 2 * MIB;
		r = begin((1 + next_random() % 4) * GIB, GIB);
		for (int i = 0; i < 4000 && r == REMEDY_RUNNING; i++) {
			uint64_t promised = 0;

			for (size_t k = 0; k < pool.count; k++)
				if (pool.workers[k].taken && next_random() % 3)
					moved += work(&pool.workers[k]);
			check(moved <= wanted);
			r = advance();
			for (size_t k = 0; k < FAKE_WORKERS; k++)
				if (pool.workers[k].taken)
					promised += pool.workers[k].total -
						    pool.workers[k].reply.done_bytes;
			check(moved + promised <= wanted);
		}
		check(r != REMEDY_RUNNING);
		for (size_t i = 0; i < 4; i++)
			for (size_t p = 0; p < 2; p++)
				if (p == 0 || remedy.migrate.parts[i] > 1)
					there += stock[i][p];
		check_int(remedy.outcome.done_bytes, moved);
		/* Nothing is left over, but for what no whole window fits in. */
		check(there == 0 || wanted - moved < 2 * MIB);
		finish();
	}
}
