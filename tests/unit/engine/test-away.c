/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What relief moved away goes home: when, how much of it, and how it does not go to and fro. */

#include "test.h"

#include "act/action.h"
#include "util/strbuf.h"
#include "world.h"

static struct world w;

static const char *const act = "Mode=enforce\n";
static const char *const rules = "[Rule low]\nOn=node\nWhen=node.headroom < 1G\n"
				 "Until=node.headroom > 2G\nDo=migrate\n";

/* A guest on node 0, which runs dry: so much of it goes to node 1. */
static struct step relieve(int64_t bytes)
{
	struct step step;

	w_headroom(&w, 0, 500 * MIB);
	check(w_until_step(&w, 100 * MS, 30 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check_int(w.plan.steps[0].migrate.cause, MOVE_FOR_RELIEF);
	step = w.plan.steps[0];
	check((int64_t)step.migrate.bytes >= bytes);
	w_moved(&w, &step, bytes, OUTCOME_DONE);
	w_headroom(&w, 0, 4 * GIB);
	w_tick(&w, 100 * MS);
	return step;
}

static size_t begin(const char *agent)
{
	w_start(&w, agent, rules);
	return w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
}

/* It comes within so long, and not before. */
static struct step go_home(usec_t after, usec_t within)
{
	usec_t since = w.now;

	check(w_until_step(&w, 1 * SEC, within) != USEC_INFINITY);
	check(w.now >= since + after);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check_int(w.plan.steps[0].order, STEP_START);
	check_int(w.plan.steps[0].migrate.cause, MOVE_TO_GO_HOME);
	return w.plan.steps[0];
}

#define MINUTES(n) ((n)*USEC_PER_MIN)

TEST(after_ten_calm_minutes_it_goes_home)
{
	struct step step;
	char text[256];
	struct strbuf b = STRBUF(text);

	begin(act);
	relieve(1 * GIB);
	step = go_home(MINUTES(9), MINUTES(12));
	check_int(step.mode, MODE_ENFORCE);
	check(step.rule == RULE_NONE);
	check_str(step.owner, "guests");
	check_int(step.target.key, 100);
	check_int(step.migrate.from_node, 1);
	check_int(step.migrate.to_node, 0);
	check_int(step.migrate.bytes, 1 * GIB);
	check(step.migrate.move_shared);
	actions[step.action].describe(&step, &b);
	check_str(text, "migrate 1 GiB of db.scope from node 1 to node 0 "
			"(home, where relief had moved it from)");
	w_moved(&w, &step, 1 * GIB, OUTCOME_DONE);
	w_quiet(&w, 1 * SEC, MINUTES(300));
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(a_rule_that_is_roused_has_it_wait)
{
	static const char *const more =
		"[Rule low]\nOn=node\nWhen=node.headroom < 1G\n"
		"Until=node.headroom > 2G\nDo=migrate\n"
		"[Rule host]\nOn=host\nWhen=mem.available < 1G\nDo=notify\n";
	w_start(&w, act, more);
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	relieve(1 * GIB);
	w_quiet(&w, 1 * SEC, MINUTES(9));
	w_available(&w, 500 * MIB);
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 1);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
	w_available(&w, 8 * GIB);
	w_tick(&w, 1 * SEC);
	go_home(MINUTES(9), MINUTES(12));
	w_stop(&w);
}

TEST(no_more_than_was_moved_and_than_is_there)
{
	size_t i = begin(act);

	/* Some of it was there before. */
	w.shares[i][1].bytes = w.shares[i][1].movable_bytes = 3 * (uint64_t)GIB;
	relieve(1 * GIB);
	check_int(go_home(MINUTES(9), MINUTES(12)).migrate.bytes, 1 * GIB);
	w_stop(&w);
	i = begin(act);
	relieve(1 * GIB);
	w.shares[i][1].bytes = w.shares[i][1].movable_bytes = 300 * (uint64_t)MIB;
	check_int(go_home(MINUTES(9), MINUTES(12)).migrate.bytes, 300 * MIB);
	w_stop(&w);
	/* Nothing of it is there any more. */
	i = begin(act);
	relieve(1 * GIB);
	w.shares[i][1].bytes = w.shares[i][1].movable_bytes = 0;
	w_quiet(&w, 1 * SEC, MINUTES(60));
	w_stop(&w);
}

TEST(several_moves_add_up)
{
	begin(act);
	relieve(300 * MIB);
	/* Not while that is about to move it on. */
	w_quiet(&w, 1 * SEC, MINUTES(5));
	relieve(200 * MIB);
	check_int(go_home(MINUTES(9), MINUTES(12)).migrate.bytes, 500 * MIB);
	w_stop(&w);
}

TEST(its_home_stays_clear_by_the_rule_and_a_margin)
{
	struct step step;

	begin(act);
	relieve(1 * GIB);
	/* Clear by little: nothing may come. */
	w_headroom(&w, 0, 2 * GIB + 60 * MIB);
	w_quiet(&w, 1 * SEC, MINUTES(30));
	/* By more: a part of it, an eighth of what is spare being kept. */
	w_headroom(&w, 0, 2 * GIB + 800 * MIB);
	step = go_home(0, MINUTES(2));
	check_int(step.migrate.bytes, 700 * MIB);
	w_moved(&w, &step, 700 * MIB, OUTCOME_DONE);
	w_headroom(&w, 0, 2 * GIB + 70 * MIB);
	w_quiet(&w, 1 * SEC, MINUTES(30));
	w_headroom(&w, 0, 4 * GIB);
	check_int(go_home(0, MINUTES(2)).migrate.bytes, 324 * MIB);
	w_stop(&w);
}

TEST(each_return_in_vain_doubles_the_wait)
{
	static const usec_t waits[] = { 10, 20, 40, 80, 160, 240, 240 };
	struct step step;

	begin(act);
	for (size_t n = 0; n < sizeof(waits) / sizeof(waits[0]); n++) {
		relieve(1 * GIB);
		step = go_home(MINUTES(waits[n] - 1), MINUTES(waits[n] + 2));
		w_moved(&w, &step, 1 * GIB, OUTCOME_DONE);
		w_quiet(&w, 1 * SEC, MINUTES(30));
	}
	/* A long calm, and it begins anew. */
	w_quiet(&w, 1 * SEC, MINUTES(40));
	relieve(1 * GIB);
	go_home(MINUTES(9), MINUTES(12));
	w_stop(&w);
}

TEST(relief_itself_may_take_it_back)
{
	struct step step;

	begin(act);
	step = relieve(1 * GIB);
	/* Now node 1 is short, and its memory goes to node 0 again: it is at home then. */
	w_quiet(&w, 1 * SEC, MINUTES(8));
	w.snapshot.node_count = 3;
	w_headroom(&w, 1, 500 * MIB);
	for (int n = 0; n < 9000 && w.plan.step_count == 0; n++)
		w_tick(&w, 100 * MS);
	check_int(w.plan.steps[0].migrate.from_node, 1);
	step = w.plan.steps[0];
	step.migrate.to_node = w.plan.steps[0].migrate.to_node;
	w_moved(&w, &step, 1 * GIB, OUTCOME_DONE);
	w_headroom(&w, 1, 4 * GIB);
	w_tick(&w, 100 * MS);
	if (step.migrate.to_node == 0)
		w_quiet(&w, 1 * SEC, MINUTES(300));
	else
		check_int(go_home(MINUTES(9), MINUTES(12)).migrate.to_node, 1);
	w_stop(&w);
}

TEST(who_is_gone_or_restarted_owes_nothing)
{
	size_t i = begin(act);

	relieve(1 * GIB);
	w.services[i].inode = 150;
	w_quiet(&w, 1 * SEC, MINUTES(60));
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
	begin(act);
	relieve(1 * GIB);
	w.snapshot.service_count = 0;
	w_quiet(&w, 1 * SEC, MINUTES(60));
	w_stop(&w);
}

TEST(while_others_balance_nothing_goes_home)
{
	size_t said = 0;

	begin(act);
	relieve(1 * GIB);
	w.snapshot.host.numa_balancing = true;
	for (int n = 0; n < 1200; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
		said += w_refused(&w, REFUSE_BALANCING);
	}
	check_int(said, 1);
	/* Relief goes on. */
	relieve(500 * MIB);
	w.snapshot.host.numa_balancing = false;
	go_home(MINUTES(9), MINUTES(12));
	w_stop(&w);
}

TEST(it_gives_way_and_a_guest_under_migration_stays)
{
	struct step step;
	size_t i = begin(act);

	relieve(1 * GIB);
	step = go_home(MINUTES(9), MINUTES(12));
	w_headroom(&w, 1, 500 * MIB);
	w_tick(&w, 100 * MS);
	check(w_find(&w, ACTION_MIGRATE, STEP_CANCEL));
	check_int(w_find(&w, ACTION_MIGRATE, STEP_CANCEL)->id, step.id);
	w_moved(&w, &step, 200 * MIB, OUTCOME_CANCELLED);
	w_headroom(&w, 1, 4 * GIB);
	w_tick(&w, 100 * MS);
	w.services[i].hold = HOLD_OUTGOING_MIGRATION;
	w_quiet(&w, 1 * SEC, MINUTES(30));
	w.services[i].hold = HOLD_NONE;
	/* What was moved already is no more owed. */
	step = go_home(0, MINUTES(12));
	check_int(step.migrate.bytes, 1 * GIB - 200 * MIB);
	w.services[i].hold = HOLD_OUTGOING_MIGRATION;
	w_tick(&w, 1 * SEC);
	w_tick(&w, 1 * SEC);
	check(w_find(&w, ACTION_MIGRATE, STEP_CANCEL));
	w_stop(&w);
}

TEST(paused_it_is_said_once_and_made_afterwards)
{
	size_t i = begin(act);

	relieve(1 * GIB);
	w.services[i].paused = true;
	check_int(go_home(MINUTES(9), MINUTES(12)).mode, MODE_DRY_RUN);
	w_quiet(&w, 1 * SEC, MINUTES(60));
	w.services[i].paused = false;
	check_int(go_home(0, MINUTES(2)).mode, MODE_ENFORCE);
	w_stop(&w);
}

TEST(another_engine_goes_on_with_it)
{
	struct engine *next;

	begin(act);
	relieve(1 * GIB);
	w_quiet(&w, 1 * SEC, MINUTES(5));
	check_int(engine_new(w.config, &next), 0);
	check_int(engine_reserve(next, W_NODES, W_SERVICES), 0);
	engine_take_over(next, w.engine);
	engine_free(w.engine);
	w.engine = next;
	check_int(go_home(MINUTES(3), MINUTES(8)).migrate.bytes, 1 * GIB);
	w_stop(&w);
}

/* Of a service with a home that is gathered there, and waits as long. */
TEST(placement_waits_as_long)
{
	static const char *const homes = "[Policy guests]\nMatch=machine.slice/*.scope\nKind=vm\n"
					 "Kill=never\nNodes=home\n";
	static struct service_settings found;
	static struct cpu_places cpus = { .runs_on = 0 };
	struct step step;
	size_t i;

	w_start_with(&w, act, homes, rules);
	i = w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w.nodes[0].has_cpu = w.nodes[1].has_cpu = true;
	w.services[i].settings = &found;
	w.services[i].cpus = &cpus;
	/* Nobody may set anything here. */
	w.services[i].owner = OWNER_OTHER;
	w_tick(&w, 1 * SEC);
	relieve(1 * GIB);
	check(w_until_step(&w, 1 * SEC, MINUTES(9)) == USEC_INFINITY);
	check(w_until_step(&w, 1 * SEC, MINUTES(3)) != USEC_INFINITY);
	step = w.plan.steps[0];
	check_int(step.migrate.cause, MOVE_TO_GATHER);
	check_int(step.migrate.bytes, 1 * GIB);
	w_moved(&w, &step, 1 * GIB, OUTCOME_DONE);
	w_quiet(&w, 1 * SEC, MINUTES(5));
	relieve(1 * GIB);
	check(w_until_step(&w, 1 * SEC, MINUTES(19)) == USEC_INFINITY);
	check(w_until_step(&w, 1 * SEC, MINUTES(3)) != USEC_INFINITY);
	w_stop(&w);
}

/* More than there is room to remember: the least is forgotten, and nothing breaks. */
TEST(a_host_of_many_guests)
{
	size_t returned = 0;

	w_start(&w, act, rules);
	for (int n = 0; n < 78; n++) {
		char path[48];

		snprintf(path, sizeof(path), "machine.slice/g%d.scope", n);
		w_service(&w, path, 0, 40 * MIB);
	}
	for (int n = 0; n < 78; n++) {
		w_headroom(&w, 0, 990 * MIB);
		for (int t = 0; t < 300 && !w_find(&w, ACTION_MIGRATE, STEP_START); t++)
			w_tick(&w, 100 * MS);
		for (size_t s = 0; s < w.plan.step_count; s++)
			if (w.plan.steps[s].order == STEP_START && w.outcome_count < 60)
				w_moved(&w, &w.plan.steps[s],
					(int64_t)w.plan.steps[s].migrate.bytes, OUTCOME_DONE);
		w_headroom(&w, 0, 6 * GIB);
		w_tick(&w, 100 * MS);
	}
	for (int t = 0; t < 3600; t++) {
		w_tick(&w, 1 * SEC);
		for (size_t s = 0; s < w.plan.step_count; s++) {
			struct step step = w.plan.steps[s];

			if (step.order != STEP_START)
				continue;
			check_int(step.migrate.cause, MOVE_TO_GO_HOME);
			returned++;
			w_moved(&w, &step, (int64_t)step.migrate.bytes, OUTCOME_DONE);
		}
	}
	check(returned > 20);
	w_stop(&w);
}

/* It would but carry the trouble along. */
TEST(relief_turns_back_when_its_destination_is_short)
{
	struct step step;

	begin(act);
	w_headroom(&w, 0, 500 * MIB);
	check(w_until_step(&w, 100 * MS, 30 * SEC) != USEC_INFINITY);
	step = w.plan.steps[0];
	check_int(step.migrate.to_node, 1);
	w_moved(&w, &step, 100 * MIB, OUTCOME_RUNNING);
	w_headroom(&w, 1, 1100 * MIB);
	w_tick(&w, 100 * MS);
	check(!w_find(&w, ACTION_MIGRATE, STEP_CANCEL));
	w_headroom(&w, 1, 900 * MIB);
	for (int i = 0; i < 10 && !w_find(&w, ACTION_MIGRATE, STEP_CANCEL); i++)
		w_tick(&w, 100 * MS);
	check(w_find(&w, ACTION_MIGRATE, STEP_CANCEL));
	check_int(w_find(&w, ACTION_MIGRATE, STEP_CANCEL)->id, step.id);
	w_outcome(&w, step.id, OUTCOME_CANCELLED)->done_bytes = 100 * MIB;
	/* No node has room: nothing is moved either way. */
	for (int i = 0; i < 600; i++) {
		w_tick(&w, 100 * MS);
		check(!w_find(&w, ACTION_MIGRATE, STEP_START));
	}
	w_stop(&w);
}

/* Which pages of it came cannot be told; those of other backends are at home there. */
TEST(of_a_guest_with_several_homes_the_right_part_goes)
{
	static const struct preference both[] = { { .node = 0, .home_bytes = 3 * GIB },
						  { .node = 1, .home_bytes = 4 * GIB } };
	static const struct preference one[] = { { .node = 0, .home_bytes = 3 * GIB } };
	struct step step;
	size_t i = begin(act);

	w.services[i].preferences = both;
	w.services[i].preference_count = 2;
	relieve(1 * GIB);
	step = go_home(MINUTES(9), MINUTES(12));
	check(step.migrate.has_preferred);
	check_int(step.migrate.preferred, 0);
	w_stop(&w);
	i = begin(act);
	w.services[i].preferences = one;
	w.services[i].preference_count = 1;
	relieve(1 * GIB);
	check(!go_home(MINUTES(9), MINUTES(12)).migrate.has_preferred);
	w_stop(&w);
}
