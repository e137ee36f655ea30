/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory follows the nodes that a policy sets: when, how much of it, and when no more. */

#include "test.h"

#include "act/action.h"
#include "engine/line.h"
#include "served.h"
#include "util/strbuf.h"

static struct world w;

static const char *const act = "Mode=enforce\n";

#define WEB  "[Policy web]\nMatch=system.slice/web*.service\nKill=never\n"
#define HOME WEB "Nodes=1\n"

static size_t serve(const char *path, int64_t bytes)
{
	return w_serve(&w, path, bytes);
}

static void start_with(const char *agent, const char *policies, const char *rules)
{
	w_start_with(&w, agent, policies, rules);
}

static void start(const char *agent, const char *policies)
{
	start_with(agent, policies, "");
}

static void take_nodes(size_t i, const char *nodes)
{
	check_int(idset_parse(nodes, &found_nodes[i]), 0);
	w_allow(&w, i, nodes);
}

/* The list is asked for, taken, and the kernel has it. */
static void settle(size_t i, const char *nodes)
{
	const struct step *step;
	struct outcome *o;

	w_tick(&w, 100 * MS);
	step = w_find(&w, ACTION_HOLD, STEP_START);
	check(step);
	check(!w_find(&w, ACTION_MIGRATE, STEP_START));
	o = w_outcome(&w, step->id, OUTCOME_DONE);
	o->in_force = step->setting.wanted;
	o->in_force_known = true;
	take_nodes(i, nodes);
}

/* One that was on node 0 when its list was set. */
static size_t start_settled(void)
{
	size_t i;

	start(act, HOME);
	i = serve("system.slice/web1.service", 100 * MIB);
	settle(i, "1");
	return i;
}

static const struct step *next_move(usec_t total)
{
	check(w_until_step(&w, 1 * SEC, total) != USEC_INFINITY);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check_int(w.plan.steps[0].order, STEP_START);
	return &w.plan.steps[0];
}

TEST(memory_outside_of_the_list_follows_it)
{
	char text[256];
	struct strbuf b = STRBUF(text);
	struct step step;
	size_t i;

	start(act, HOME);
	i = serve("system.slice/web1.service", 100 * MIB);
	w.shares[i][1].movable_bytes = w.shares[i][1].bytes = 50 * (uint64_t)MIB;
	settle(i, "1");
	step = *next_move(1 * SEC);
	check_int(step.mode, MODE_ENFORCE);
	check(step.rule == RULE_NONE);
	check_str(step.owner, "web");
	check_int(step.target.key, 100);
	check_int(step.target.policy, 0);
	check_int(step.migrate.from_node, 0);
	check_int(step.migrate.to_node, 1);
	check_int(step.migrate.bytes, 100 * MIB);
	check(!step.migrate.move_shared);
	check(!step.is_again);
	check_int(step.subject.scope, SCOPE_NODE);
	check_int(step.subject.key, 0);
	check_int(step.gain_metric, METRIC_NODE_HEADROOM);
	check_int(step.expected_gain, 100 * MIB);
	actions[step.action].describe(&step, &b);
	check_str(text, "migrate 100 MiB of web1.service from node 0 to node 1 "
			"(its Nodes= were set while it ran)");
	check(!engine_is_at_rest(w.engine));
	/* One, for as long as it runs. */
	for (int n = 0; n < 50; n++) {
		w_outcome(&w, step.id, OUTCOME_RUNNING)->done_bytes = (uint64_t)n * (uint64_t)MIB;
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
	}
	w_moved(&w, &step, 100 * MIB, OUTCOME_DONE);
	w_quiet(&w, 1 * SEC, 1000 * SEC);
	check_int(w.plan.note_count, 0);
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(not_before_the_list_is_in_force)
{
	size_t i;

	start(act, HOME);
	i = serve("system.slice/web1.service", 100 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_HOLD);
	/* It runs, */
	w_quiet(&w, 1 * SEC, 10 * SEC);
	/* and has ended, but the kernel does not show it. */
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
	w_quiet(&w, 1 * SEC, 200 * SEC);
	take_nodes(i, "0-1");
	w_quiet(&w, 1 * SEC, 200 * SEC);
	/* Somebody else's list is somebody else's. */
	take_nodes(i, "0");
	w_quiet(&w, 1 * SEC, 200 * SEC);
	w_stop(&w);
}

TEST(by_what_was_counted_since)
{
	size_t i;

	i = start_settled();
	/* The kernel has moved it, and the sample is of before. */
	for (int n = 0; n < 5; n++) {
		w.now += 1 * SEC;
		w.snapshot.now_usec = w.now;
		w.snapshot.sequence++;
		engine_tick(w.engine, &w.snapshot, w.outcomes, w.outcome_count, w.now, &w.plan);
		w.outcome_count = 0;
		check_int(w.plan.step_count, 0);
		check(engine_due(w.engine) <= w.now + 1 * SEC);
	}
	w_resize(&w, i, 0, 0);
	w_quiet(&w, 1 * SEC, 100 * SEC);
	w_stop(&w);
}

TEST(a_list_that_was_there_before_is_followed_too)
{
	size_t i;

	start(act, HOME);
	i = serve("system.slice/web1.service", 100 * MIB);
	take_nodes(i, "1");
	check_int(next_move(1 * SEC)->migrate.bytes, 100 * MIB);
	w_stop(&w);
}

TEST(little_stays_and_so_does_what_a_move_does_not_take)
{
	size_t i;

	start(act, HOME);
	i = serve("system.slice/web1.service", 3 * MIB);
	/* Page cache. */
	w.shares[i][0].bytes = 500 * (uint64_t)MIB;
	settle(i, "1");
	w_quiet(&w, 1 * SEC, 300 * SEC);
	check(engine_is_at_rest(w.engine));
	w.services[i].shares = NULL;
	w_quiet(&w, 1 * SEC, 300 * SEC);
	w_stop(&w);
}

TEST(a_dry_run_says_it_once)
{
	for (size_t c = 0; c < ARRAY_SIZE(dry_ways); c++) {
		char policies[256];

		snprintf(policies, sizeof(policies), HOME "%s", dry_ways[c].policy);
		start(dry_ways[c].agent, policies);
		serve("system.slice/web1.service", 100 * MIB);
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count, 2);
		check_int(w.plan.steps[0].action, ACTION_HOLD);
		check_int(w.plan.steps[1].action, ACTION_MIGRATE);
		check_int(w.plan.steps[1].mode, MODE_DRY_RUN);
		check_str(w.plan.steps[1].mode_from, dry_ways[c].from);
		check_int(w.plan.steps[1].migrate.bytes, 100 * MIB);
		for (int n = 0; n < 100; n++) {
			w_resize(&w, 0, 0, (100 + n % 3) * MIB);
			w_tick(&w, 10 * SEC);
			check_int(w.plan.step_count + w.plan.note_count, 0);
		}
		check(engine_is_at_rest(w.engine));
		w_stop(&w);
	}
}

TEST(the_list_may_act_without_the_move)
{
	size_t i;

	start("Mode=enforce\nEnforceActions=hold\n", HOME);
	i = serve("system.slice/web1.service", 100 * MIB);
	settle(i, "1");
	check_int(next_move(1 * SEC)->mode, MODE_DRY_RUN);
	check_str(w.plan.steps[0].mode_from, "EnforceActions=");
	w_quiet(&w, 1 * SEC, 1000 * SEC);
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

static const char *const node_rule = "[Rule low]\nOn=node\nWhen=node.headroom < 1G\n"
				     "Until=node.headroom > 2G\nDo=notify\n";

TEST(not_while_a_node_is_short)
{
	size_t i;

	start_with(act, HOME, node_rule);
	i = serve("system.slice/web1.service", 100 * MIB);
	settle(i, "1");
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 1 * SEC);
	check(w_find(&w, ACTION_NOTIFY, STEP_START));
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
	for (int n = 0; n < 100; n++) {
		w_tick(&w, 1 * SEC);
		check(!w_find(&w, ACTION_MIGRATE, STEP_START));
	}
	w_headroom(&w, 0, 4 * GIB);
	check_int(next_move(60 * SEC)->migrate.bytes, 100 * MIB);
	w_stop(&w);
}

TEST(it_gives_way_to_a_node_that_is_short_and_comes_back)
{
	struct step step;
	size_t i;

	start_with(act, HOME, node_rule);
	i = serve("system.slice/web1.service", 100 * MIB);
	settle(i, "1");
	for (int n = 0; n < 5; n++) {
		step = *next_move(60 * SEC);
		w_headroom(&w, 1, 500 * MIB);
		w_tick(&w, 100 * MS);
		check(w_find(&w, ACTION_MIGRATE, STEP_CANCEL));
		check_int(w_find(&w, ACTION_MIGRATE, STEP_CANCEL)->id, step.id);
		check(w_find(&w, ACTION_NOTIFY, STEP_START));
		w_outcome(&w, w_find(&w, ACTION_NOTIFY, STEP_START)->id, OUTCOME_DONE);
		w_outcome(&w, step.id, OUTCOME_CANCELLED);
		w_headroom(&w, 1, 4 * GIB);
		w_tick(&w, 1 * SEC);
	}
	/* That was no fault of the service. */
	check(!next_move(60 * SEC)->is_again);
	w_stop(&w);
}

TEST(it_waits_for_what_a_rule_does_to_the_service)
{
	struct step other;
	size_t i;

	start_with(act, HOME,
		   "[Rule r]\nOn=service\nPolicies=web\nWhen=service.current > 200M\n"
		   "Until=service.current < 100M\nDo=restart-unit\n");
	i = serve("system.slice/web1.service", 100 * MIB);
	settle(i, "1");
	w_resize(&w, i, 0, 300 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_RESTART_UNIT);
	other = w.plan.steps[0];
	for (int n = 0; n < 30; n++) {
		w_outcome(&w, other.id, OUTCOME_RUNNING);
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
	}
	w_outcome(&w, other.id, OUTCOME_DONE)->signalled = 1;
	w_resize(&w, i, 0, 80 * MIB);
	check_int(next_move(60 * SEC)->migrate.bytes, 80 * MIB);
	w_stop(&w);
}

TEST(one_at_a_time)
{
	struct step step;

	start(act, HOME);
	take_nodes(serve("system.slice/web1.service", 100 * MIB), "1");
	take_nodes(serve("system.slice/web2.service", 200 * MIB), "1");
	step = *next_move(1 * SEC);
	for (int n = 0; n < 30; n++) {
		w_outcome(&w, step.id, OUTCOME_RUNNING);
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
	}
	w_moved(&w, &step, (int64_t)step.migrate.bytes, OUTCOME_DONE);
	check(next_move(60 * SEC)->target.key != step.target.key);
	w_stop(&w);
}

TEST(what_stays_is_left_for_ten_minutes)
{
	size_t i, tries = 0, again = 0;

	i = start_settled();
	/* Pinned, all of it. */
	for (int t = 0; t < 3600; t++) {
		w_tick(&w, 1 * SEC);
		check(w.plan.step_count <= 1);
		check_int(w.plan.note_count, 0);
		if (w.plan.step_count == 0)
			continue;
		check_int(w.plan.steps[0].action, ACTION_MIGRATE);
		tries++;
		again += w.plan.steps[0].is_again;
		w_outcome(&w, w.plan.steps[0].id, OUTCOME_FAILED)->error = EBUSY;
		if (tries == 4)
			check(t >= 600);
	}
	/* Three at first, then one every ten minutes. */
	check(tries >= 6 && tries <= 9);
	/* Which is said the first time. */
	check_int(again, tries - 1);

	/* By a tenth it is the same service, by a fifth another. */
	w_outcome(&w, next_move(700 * SEC)->id, OUTCOME_FAILED)->error = EBUSY;
	w_quiet(&w, 1 * SEC, 60 * SEC);
	w_resize(&w, i, 0, 110 * MIB);
	w_quiet(&w, 1 * SEC, 100 * SEC);
	w_resize(&w, i, 0, 121 * MIB);
	check_int(next_move(60 * SEC)->migrate.bytes, 121 * MIB);
	w_stop(&w);
}

TEST(a_move_without_effect_bars_it_as_any_other)
{
	struct step step;

	(void)start_settled();
	step = *next_move(1 * SEC);
	w_moved(&w, &step, 1 * MIB, OUTCOME_DONE);
	w_tick(&w, 1 * SEC);
	check_int(w_notes(&w, NOTE_NO_EFFECT), 1);
	check(w.plan.notes[0].rule == RULE_NONE);
	check_int(w.plan.notes[0].policy, 0);
	w_quiet(&w, 1 * SEC, 590 * SEC);
	(void)next_move(60 * SEC);
	w_stop(&w);
}

TEST(from_each_node_outside_of_the_list)
{
	struct step step;
	size_t i;

	start(act, HOME);
	w.snapshot.node_count = 3;
	i = serve("system.slice/web1.service", 100 * MIB);
	w.shares[i][2].movable_bytes = w.shares[i][2].bytes = 300 * (uint64_t)MIB;
	settle(i, "1");
	step = *next_move(1 * SEC);
	check_int(step.migrate.from_node, 2);
	w_moved(&w, &step, 300 * MIB, OUTCOME_DONE);
	step = *next_move(60 * SEC);
	check_int(step.migrate.from_node, 0);
	w_moved(&w, &step, 100 * MIB, OUTCOME_DONE);
	w_quiet(&w, 1 * SEC, 1000 * SEC);
	w_stop(&w);
}

TEST(to_the_roomiest_node_of_the_list_that_it_may_use)
{
	size_t i;

	start(act, WEB "Nodes=1-2\n");
	w.snapshot.node_count = 3;
	i = serve("system.slice/web1.service", 100 * MIB);
	w_headroom(&w, 1, 2 * GIB);
	w_headroom(&w, 2, 6 * GIB);
	take_nodes(i, "1-2");
	check_int(next_move(1 * SEC)->migrate.to_node, 2);
	w_stop(&w);
	/* Bound to one of them, beside its cpuset. */
	start(act, WEB "Nodes=1-2\n");
	w.snapshot.node_count = 3;
	i = serve("system.slice/web1.service", 100 * MIB);
	w_headroom(&w, 1, 2 * GIB);
	w_headroom(&w, 2, 6 * GIB);
	take_nodes(i, "1-2");
	w_allow(&w, i, "1");
	check_int(next_move(1 * SEC)->migrate.to_node, 1);
	w_stop(&w);
}

TEST(no_more_than_there_is_room_for)
{
	struct step step;
	size_t i;

	start(act, HOME);
	i = serve("system.slice/web1.service", 3 * GIB);
	/* A tenth of 8 GiB is kept, the reserve, and what others may grow to. */
	w.nodes[1].reserve_bytes = 100 * (uint64_t)MIB;
	w.nodes[1].declared_growth_bytes = 1 * (uint64_t)GIB;
	settle(i, "1");
	step = *next_move(1 * SEC);
	check_int(step.migrate.bytes, (4 * GIB - 8 * GIB / 10 - 100 * MIB - 1 * GIB) / 4096 * 4096);
	w_stop(&w);
}

TEST(without_room_it_is_said_once)
{
	size_t i;

	start(act, HOME);
	i = serve("system.slice/web1.service", 100 * MIB);
	w_headroom(&w, 1, 8 * GIB / 10 + 5 * MIB);
	settle(i, "1");
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 0);
	check_int(w.plan.refusal_count, 1);
	check_int(w.plan.refusals[0].why, REFUSE_NO_ROOM);
	check(w.plan.refusals[0].rule == RULE_NONE);
	check(w.plan.refusals[0].is_of_move);
	check_int(w.plan.refusals[0].subject.key, 100);
	for (int n = 0; n < 200; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.refusal_count + w.plan.note_count, 0);
	}
	w_headroom(&w, 1, 4 * GIB);
	check_int(next_move(60 * SEC)->migrate.bytes, 100 * MIB);
	w_stop(&w);
}

/* It waits and says why, once. */
static void check_refused(enum refusal why)
{
	size_t count = 0;

	for (int n = 0; n < 200; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
		count += w_refused(&w, why);
		check_int(w.plan.refusal_count, w_refused(&w, why));
	}
	check_int(count, 1);
}

TEST(a_guest_that_is_bound_elsewhere_stays)
{
	size_t i;

	start(act, HOME);
	i = serve("system.slice/web1.service", 1 * GIB);
	w.services[i].guest = GUEST_QEMU;
	w.services[i].confined_by = CONFINED_BY_BACKEND;
	settle(i, "1");
	/* The cpuset says 1 and the backend 0: nothing is left. */
	idset_clear(&allowed[i]);
	check_refused(REFUSE_CONFINED);
	w_allow(&w, i, "0");
	w_quiet(&w, 1 * SEC, 100 * SEC);
	/* Bound no more. */
	w_allow(&w, i, "1");
	check(next_move(60 * SEC)->migrate.move_shared);
	w_stop(&w);
}

TEST(a_guest_under_live_migration_stays)
{
	size_t i;

	start(act, HOME);
	i = serve("system.slice/web1.service", 1 * GIB);
	w.services[i].guest = GUEST_QEMU;
	w.services[i].hold = HOLD_OUTGOING_MIGRATION;
	settle(i, "1");
	check_refused(REFUSE_HELD);
	w.services[i].hold = HOLD_NONE;
	(void)next_move(60 * SEC);
	w_stop(&w);
}

TEST(the_cpuset_of_now_does_not_confine_a_dry_run)
{
	size_t i;

	start("Mode=dry-run\n", HOME);
	i = serve("system.slice/web1.service", 100 * MIB);
	take_nodes(i, "0");
	w.services[i].confined_by = CONFINED_BY_CPUSET;
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 2);
	check_int(w.plan.steps[1].migrate.to_node, 1);
	w_stop(&w);
	/* A memory policy does. */
	start("Mode=dry-run\n", HOME);
	i = serve("system.slice/web1.service", 100 * MIB);
	w_allow(&w, i, "0");
	w.services[i].confined_by = CONFINED_BY_CPUSET | CONFINED_BY_TASK;
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_refused(REFUSE_CONFINED);
	w_stop(&w);
}

TEST(where_it_may_live_is_waited_for)
{
	size_t i;

	i = start_settled();
	w.services[i].allowed_known = false;
	for (int n = 0; n < 5; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.refusal_count, 0);
	}
	w.services[i].allowed_known = true;
	(void)next_move(60 * SEC);
	w_stop(&w);
	/* Not for ever without a word. */
	i = start_settled();
	w.services[i].allowed_known = false;
	check_refused(REFUSE_UNKNOWN_NODES);
	w_stop(&w);
}

TEST(it_ends_with_what_it_follows)
{
	struct step step;
	size_t i;

	i = start_settled();
	step = *next_move(1 * SEC);
	/* Somebody else sets all nodes. */
	take_nodes(i, "0-1");
	check(w_until_step(&w, 1 * SEC, 100 * SEC) != USEC_INFINITY);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].order, STEP_CANCEL);
	check_int(w.plan.steps[0].id, step.id);
	w_outcome(&w, step.id, OUTCOME_CANCELLED);
	w_quiet(&w, 1 * SEC, 1000 * SEC);
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(paused_it_ends_and_goes_on_afterwards)
{
	struct step step;
	size_t i;

	i = start_settled();
	step = *next_move(1 * SEC);
	w.services[i].paused = true;
	w_tick(&w, 1 * SEC);
	w_tick(&w, 1 * SEC);
	check(w_find(&w, ACTION_MIGRATE, STEP_CANCEL));
	w_outcome(&w, step.id, OUTCOME_CANCELLED);
	w_tick(&w, 1 * SEC);
	w_stop(&w);
}

TEST(another_service_begins_anew)
{
	struct step step;
	size_t i;

	i = start_settled();
	step = *next_move(1 * SEC);
	/* Restarted while it was moved. */
	w.services[i].inode = 150;
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check_int(w.plan.steps[0].target.key, 150);
	w_outcome(&w, step.id, OUTCOME_FAILED)->error = ESTALE;
	w_quiet(&w, 1 * SEC, 30 * SEC);
	w_stop(&w);
}

TEST(one_that_nobody_hears_of_again_is_given_up)
{
	(void)start_settled();
	uint64_t first = next_move(1 * SEC)->id;

	check(w_until_step(&w, 1 * SEC, 200 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].order, STEP_CANCEL);
	check_int(w.plan.steps[0].id, first);
	check(next_move(100 * SEC)->id != first);
	w_stop(&w);
}

TEST(a_plan_of_one_look_shows_it)
{
	start("Mode=dry-run\n", HOME);
	serve("system.slice/web1.service", 100 * MIB);
	w.snapshot.single = true;
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 2);
	check_int(w.plan.steps[1].action, ACTION_MIGRATE);
	w_stop(&w);
	/* And why not. */
	start("Mode=dry-run\n", HOME);
	w.services[serve("system.slice/web1.service", 100 * MIB)].allowed_known = false;
	w.snapshot.single = true;
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w_refused(&w, REFUSE_UNKNOWN_NODES), 1);
	w_stop(&w);
}

TEST(what_was_given_up_is_tried_again_for_who_reads_anew)
{
	(void)start_settled();
	for (int n = 0; n < 3; n++)
		w_outcome(&w, next_move(60 * SEC)->id, OUTCOME_FAILED)->error = EBUSY;
	w_quiet(&w, 1 * SEC, 300 * SEC);
	engine_note_read_again(w.engine);
	(void)next_move(20 * SEC);
	w_stop(&w);
}
