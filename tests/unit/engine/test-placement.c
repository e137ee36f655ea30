/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nodes=home: where a service belongs, when it is gathered there, and when that is set. */

#include "test.h"

#include "act/action.h"
#include "engine/line.h"
#include "engine/state.h"
#include "served.h"
#include "util/strbuf.h"

static struct world w;
static struct idset found_cpus[W_SERVICES];
static struct cpu_places cpus[W_SERVICES];
static struct preference preferences[W_SERVICES][2];

static const char *const act = "Mode=enforce\n";
static const char *const dry = "Mode=dry-run\n";
static const char *const homes = "[Policy guests]\nMatch=machine.slice/*.scope\nKind=vm\n"
				 "Kill=never\nNodes=home\n";
static const char *const node_rule = "[Rule low]\nOn=node\nWhen=node.headroom < 1G\n"
				     "Until=node.headroom > 2G\nDo=notify\n";

static void start_with(const char *agent, const char *rules)
{
	w_start_with(&w, agent, homes, rules);
	for (unsigned i = 0; i < W_NODES; i++)
		w.nodes[i].has_cpu = true;
}

static void start(const char *agent)
{
	start_with(agent, "");
}

static void put(size_t i, unsigned node, int64_t bytes)
{
	w.shares[i][node].bytes = w.shares[i][node].movable_bytes = (uint64_t)bytes;
}

/* A guest with so much on node 0 and so much on node 1, of which nobody has said anything; its
 * virtual CPUs run on node `runs_on`. */
static size_t guest(const char *path, int64_t on_0, int64_t on_1, int runs_on)
{
	size_t i = w_serve(&w, path, on_0 + on_1);

	put(i, 0, on_0);
	put(i, 1, on_1);
	put(i, 2, 0);
	idset_clear(&found_cpus[i]);
	found[i].cpu_nodes = &found_cpus[i];
	cpus[i] = (struct cpu_places){ .runs_on = runs_on };
	w.services[i].guest = GUEST_QEMU;
	w.services[i].cpus = &cpus[i];
	w_allow(&w, i, "0-1");
	return i;
}

static const struct step *next_step(usec_t total)
{
	check(w_until_step(&w, 1 * SEC, total) != USEC_INFINITY);
	return &w.plan.steps[0];
}

static struct step next_move(usec_t total)
{
	const struct step *step = next_step(total);

	check_int(w.plan.step_count, 1);
	check_int(step->action, ACTION_MIGRATE);
	check_int(step->order, STEP_START);
	return *step;
}

/* The setting is asked for, taken, and the kernel has it. */
static void take(size_t i, const struct step *step)
{
	struct outcome *o = w_outcome(&w, step->id, OUTCOME_DONE);
	struct idset *to = step->setting.on.id == SETTING_ALLOWED_NODES ? found_nodes : found_cpus;

	o->in_force = step->setting.wanted;
	o->in_force_known = true;
	to[i] = step->setting.wanted.nodes;
	if (step->setting.on.id == SETTING_ALLOWED_NODES)
		allowed[i] = step->setting.wanted.nodes;
	else
		cpus[i].pinned = step->setting.wanted.nodes;
}

/* Both of them, in one tick. */
static void check_given(size_t i, unsigned node, usec_t total)
{
	struct step steps[2];

	(void)next_step(total);
	check_int(w.plan.step_count, 2);
	memcpy(steps, w.plan.steps, sizeof(steps));
	for (size_t n = 0; n < 2; n++) {
		check_int(steps[n].action, ACTION_HOLD);
		check_int(steps[n].setting.on.id,
			  n == 0 ? SETTING_ALLOWED_NODES : SETTING_ALLOWED_CPUS);
		check_int(steps[n].target.key, 100 + (long long)i);
		check_int(idset_count(&steps[n].setting.wanted.nodes), 1);
		check(idset_has(&steps[n].setting.wanted.nodes, node));
		/* By which it is told from a list, also by an agent after this one. */
		check_int(steps[n].setting.wanted.number, node + 1);
		take(i, &steps[n]);
	}
}

/* It waits and says why, once. */
static void check_refused(enum refusal why)
{
	size_t count = 0;

	for (int n = 0; n < 900; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
		count += w_refused(&w, why);
		check_int(w.plan.refusal_count, w_refused(&w, why));
	}
	check_int(count, 1);
}

TEST(a_spread_guest_is_gathered_and_given_its_home)
{
	struct step step;
	char text[256];
	struct strbuf b = STRBUF(text);
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 600 * MIB, 1000 * MIB, 1);
	step = next_move(1 * SEC);
	check_int(step.mode, MODE_ENFORCE);
	check(step.rule == RULE_NONE);
	check_str(step.owner, "guests");
	check_int(step.migrate.cause, MOVE_TO_GATHER);
	check_int(step.migrate.from_node, 0);
	check_int(step.migrate.to_node, 1);
	check_int(step.migrate.bytes, 600 * MIB);
	check(step.migrate.move_shared);
	check(!step.migrate.has_preferred);
	check_int(step.subject.scope, SCOPE_NODE);
	check_int(step.subject.key, 0);
	actions[step.action].describe(&step, &b);
	check_str(text,
		  "migrate 600 MiB of db.scope from node 0 to node 1 (its home; it is spread)");
	check(!engine_is_at_rest(w.engine));
	/* Nothing is set before it is there. */
	for (int n = 1; n < 60; n++) {
		w_outcome(&w, step.id, OUTCOME_RUNNING)->done_bytes = (uint64_t)n * (uint64_t)MIB;
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
	}
	/* Twenty are pinned, say. */
	w_moved(&w, &step, 580 * MIB, OUTCOME_DONE);
	check_given(i, 1, 60 * SEC);
	check_int(w_refused(&w, REFUSE_OTHERS_NODES), 0);
	/* And then the rest follows. */
	step = next_move(120 * SEC);
	check_int(step.migrate.cause, MOVE_TO_FOLLOW);
	check_int(step.migrate.bytes, 20 * MIB);
	w_moved(&w, &step, 20 * MIB, OUTCOME_DONE);
	w_quiet(&w, 1 * SEC, 3600 * SEC);
	check_int(w.plan.refusal_count + w.plan.note_count, 0);
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(one_that_is_at_home_is_given_it_at_once)
{
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 990 * MIB, 10 * MIB, 0);
	check_given(i, 0, 1 * SEC);
	check_int(next_move(120 * SEC).migrate.bytes, 10 * MIB);
	w_stop(&w);
	/* Of a small one there is nothing worth a move before. */
	start(act);
	i = guest("machine.slice/db.scope", 100 * MIB, 60 * MIB, 0);
	check_given(i, 0, 1 * SEC);
	check_int(next_move(120 * SEC).migrate.bytes, 60 * MIB);
	w_stop(&w);
}

TEST(one_node_after_the_other)
{
	struct step step;
	size_t i;

	start(act);
	w.snapshot.node_count = 3;
	i = guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	put(i, 2, 400 * MIB);
	w_allow(&w, i, "0-2");
	step = next_move(1 * SEC);
	check_int(step.migrate.from_node, 2);
	check_int(step.migrate.bytes, 400 * MIB);
	w_moved(&w, &step, 400 * MIB, OUTCOME_DONE);
	step = next_move(60 * SEC);
	check_int(step.migrate.from_node, 0);
	check_int(step.migrate.bytes, 300 * MIB);
	w_moved(&w, &step, 300 * MIB, OUTCOME_DONE);
	check_given(i, 1, 60 * SEC);
	w_stop(&w);
}

TEST(one_guest_after_the_other)
{
	struct step step;

	start(act);
	guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	guest("machine.slice/web.scope", 1000 * MIB, 300 * MIB, 0);
	step = next_move(1 * SEC);
	for (int n = 0; n < 30; n++) {
		w_outcome(&w, step.id, OUTCOME_RUNNING);
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
	}
	w_moved(&w, &step, 300 * MIB, OUTCOME_DONE);
	for (int n = 0; n < 60; n++) {
		const struct step *other;

		w_tick(&w, 1 * SEC);
		other = w_find(&w, ACTION_MIGRATE, STEP_START);
		if (!other)
			continue;
		check(other->target.key != step.target.key);
		w_stop(&w);
		return;
	}
	test_stop_(TEST_FAILED_, "the other guest was never gathered");
}

TEST(it_gives_way_and_comes_back)
{
	struct step step;

	start_with(act, node_rule);
	guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	for (int n = 0; n < 5; n++) {
		step = next_move(60 * SEC);
		w_headroom(&w, 0, 500 * MIB);
		w_tick(&w, 100 * MS);
		check(w_find(&w, ACTION_MIGRATE, STEP_CANCEL));
		check_int(w_find(&w, ACTION_MIGRATE, STEP_CANCEL)->id, step.id);
		w_outcome(&w, w_find(&w, ACTION_NOTIFY, STEP_START)->id, OUTCOME_DONE);
		w_outcome(&w, step.id, OUTCOME_CANCELLED);
		w_quiet(&w, 1 * SEC, 30 * SEC);
		w_headroom(&w, 0, 4 * GIB);
		w_tick(&w, 1 * SEC);
	}
	check(!next_move(60 * SEC).is_again);
	w_stop(&w);
}

TEST(it_gives_way_to_a_rule_about_its_own_service)
{
	struct step step;

	start_with(act, "[Rule r]\nOn=service\nPolicies=guests\nWhen=service.current > 2G\n"
			"Until=service.current < 1500M\nDo=notify\n");
	guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	step = next_move(60 * SEC);
	w_set(w.services[0].readings, METRIC_SERVICE_CURRENT, 3 * GIB);
	w_tick(&w, 1 * SEC);
	w_outcome(&w, w_find(&w, ACTION_NOTIFY, STEP_START)->id, OUTCOME_DONE);
	check(w_find(&w, ACTION_MIGRATE, STEP_CANCEL));
	w_outcome(&w, step.id, OUTCOME_CANCELLED);
	for (int n = 0; n < 100; n++) {
		w_tick(&w, 1 * SEC);
		check(!w_find(&w, ACTION_MIGRATE, STEP_START));
	}
	w_set(w.services[0].readings, METRIC_SERVICE_CURRENT, 1300 * MIB);
	for (int n = 0; n < 60 && !w_find(&w, ACTION_MIGRATE, STEP_START); n++)
		w_tick(&w, 1 * SEC);
	check(w_find(&w, ACTION_MIGRATE, STEP_START));
	w_stop(&w);
}

TEST(not_where_it_does_not_fit)
{
	size_t i;

	start(act);
	guest("machine.slice/db.scope", 3000 * MIB, 3000 * MIB, 1);
	w_headroom(&w, 1, 3 * GIB);
	check_refused(REFUSE_NO_HOME);
	w_headroom(&w, 1, 5 * GIB);
	check_int(next_move(60 * SEC).migrate.bytes, 3000 * MIB);
	w_stop(&w);
	/* Nor where what it may grow to does not. */
	start(act);
	i = guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	w.services[i].declared_bytes = 6 * (uint64_t)GIB;
	check_refused(REFUSE_NO_HOME);
	w_stop(&w);
	/* At home, but not for ever. */
	start(act);
	i = guest("machine.slice/db.scope", 0, 1000 * MIB, 1);
	w.services[i].declared_bytes = 6 * (uint64_t)GIB;
	check_refused(REFUSE_NO_HOME);
	w_stop(&w);
}

TEST(not_where_the_agent_may_not_allocate)
{
	start(act);
	guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	idset_add(&w.snapshot.host.own_nodes, 0);
	check_refused(REFUSE_AGENT_BOUND);
	w_stop(&w);
}

TEST(not_up_to_where_a_rule_would_move_it_off_again)
{
	static const char *const rule = "[Rule low]\nOn=node\nWhen=node.headroom < 1G\n"
					"Until=node.headroom > 3G\nDo=migrate\n";
	size_t i;

	start_with(act, rule);
	i = guest("machine.slice/db.scope", 1000 * MIB, 2000 * MIB, 1);
	check_refused(REFUSE_NO_HOME);
	put(i, 0, 900 * MIB);
	w_headroom(&w, 1, 5 * GIB);
	check_int(next_move(60 * SEC).migrate.bytes, 900 * MIB);
	w_stop(&w);
}

/* Of two that fit alone but not together one is refused. */
TEST(what_is_on_its_way_is_spent)
{
	start(act);
	w_headroom(&w, 1, 3 * GIB);
	guest("machine.slice/db.scope", 1300 * MIB, 2000 * MIB, 1);
	guest("machine.slice/web.scope", 1300 * MIB, 2000 * MIB, 1);
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 1);
	for (int n = 0; n < 30; n++) {
		w_outcome(&w, w.plan.steps[0].id, OUTCOME_RUNNING);
		w_tick(&w, 1 * SEC);
	}
	check(!w_find(&w, ACTION_MIGRATE, STEP_START));
	w_stop(&w);
	/* What is only said is counted too. */
	start(dry);
	w_headroom(&w, 1, 3 * GIB);
	w.snapshot.single = true;
	guest("machine.slice/db.scope", 1300 * MIB, 2000 * MIB, 1);
	guest("machine.slice/web.scope", 1300 * MIB, 2000 * MIB, 1);
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 3);
	check_int(w_refused(&w, REFUSE_NO_HOME), 1);
	w_stop(&w);
}

TEST(pinned_cpus_say_where_it_belongs)
{
	struct step step;
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 1000 * MIB, 300 * MIB, 0);
	idset_add(&cpus[i].pinned, 1);
	step = next_move(1 * SEC);
	check_int(step.migrate.to_node, 1);
	w_moved(&w, &step, 1000 * MIB, OUTCOME_DONE);
	/* Somebody has pinned them, so nothing is set. */
	check_refused(REFUSE_OTHERS_NODES);
	w_stop(&w);
	/* Of several the one with most of its memory. */
	start(act);
	w.snapshot.node_count = 3;
	i = guest("machine.slice/db.scope", 900 * MIB, 300 * MIB, 0);
	put(i, 2, 800 * MIB);
	w_allow(&w, i, "0-2");
	idset_add(&cpus[i].pinned, 1);
	idset_add(&cpus[i].pinned, 2);
	step = next_move(1 * SEC);
	check_int(step.migrate.from_node, 0);
	check_int(step.migrate.to_node, 2);
	w_stop(&w);
}

TEST(what_nobody_can_tell_is_waited_for_and_then_chosen)
{
	struct step step;
	size_t i;

	start(act);
	(void)guest("machine.slice/db.scope", 1000 * MIB, 900 * MIB, -1);
	w_quiet(&w, 1 * SEC, 290 * SEC);
	step = next_move(60 * SEC);
	check_int(step.migrate.to_node, 0);
	w_stop(&w);
	/* Where all of it has room, and there are CPUs. */
	start(act);
	w.snapshot.node_count = 3;
	i = guest("machine.slice/db.scope", 1000 * MIB, 900 * MIB, -1);
	w_allow(&w, i, "0-2");
	w.services[i].cpus = NULL;
	w.services[i].declared_bytes = 3 * (uint64_t)GIB;
	w_headroom(&w, 0, 1500 * MIB);
	w_headroom(&w, 1, 1500 * MIB);
	w_quiet(&w, 1 * SEC, 290 * SEC);
	step = next_move(60 * SEC);
	check_int(step.migrate.to_node, 2);
	check_int(step.migrate.from_node, 0);
	w_stop(&w);
	start(act);
	w.snapshot.node_count = 3;
	w.nodes[2].has_cpu = false;
	i = guest("machine.slice/db.scope", 1000 * MIB, 900 * MIB, -1);
	w_allow(&w, i, "0-2");
	w.services[i].declared_bytes = 3 * (uint64_t)GIB;
	w_headroom(&w, 0, 1500 * MIB);
	w_headroom(&w, 1, 1500 * MIB);
	check_refused(REFUSE_NO_HOME);
	w_stop(&w);
}

TEST(a_home_stays_until_the_facts_speak_for_another_for_long)
{
	struct step step;
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	step = next_move(1 * SEC);
	/* They flicker, */
	for (int n = 0; n < 30; n++) {
		cpus[i].runs_on = n % 2;
		w_outcome(&w, step.id, OUTCOME_CANCELLED);
		step = next_move(60 * SEC);
		check_int(step.migrate.to_node, 1);
	}
	/* and for as long as it is moved nothing changes. */
	cpus[i].runs_on = 0;
	for (int n = 0; n < 1000; n++) {
		w_outcome(&w, step.id, OUTCOME_RUNNING);
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
	}
	/* Ten minutes later it does. */
	for (usec_t since = w.now; w.now < since + 590 * SEC;) {
		w_outcome(&w, step.id, OUTCOME_CANCELLED);
		step = next_move(60 * SEC);
		check(step.migrate.to_node == 1 || w.now >= since + 590 * SEC);
	}
	w_outcome(&w, step.id, OUTCOME_CANCELLED);
	step = next_move(60 * SEC);
	w_outcome(&w, step.id, OUTCOME_CANCELLED);
	step = next_move(60 * SEC);
	check_int(step.migrate.to_node, 0);
	check_int(step.migrate.bytes, 1000 * MIB);
	w_stop(&w);
}

TEST(a_home_without_room_is_another_one_after_a_while)
{
	struct step step;
	size_t i;

	start(act);
	w.snapshot.node_count = 3;
	i = guest("machine.slice/db.scope", 1000 * MIB, 900 * MIB, -1);
	w_allow(&w, i, "0-2");
	step = next_move(400 * SEC);
	check_int(step.migrate.to_node, 0);
	w_outcome(&w, step.id, OUTCOME_CANCELLED);
	w_headroom(&w, 0, 1 * GIB);
	w_headroom(&w, 1, 1 * GIB);
	w_quiet(&w, 1 * SEC, 590 * SEC);
	check_int(next_move(60 * SEC).migrate.to_node, 2);
	w_stop(&w);
}

TEST(crumbs_on_many_nodes_are_left)
{
	size_t i;

	start(act);
	w.snapshot.node_count = 3;
	i = guest("machine.slice/db.scope", 3 * MIB, 64 * MIB, 1);
	put(i, 2, 3 * MIB);
	w_allow(&w, i, "0-2");
	check_given(i, 1, 1 * SEC);
	w_quiet(&w, 1 * SEC, 300 * SEC);
	w_stop(&w);
}

TEST(a_home_that_is_given_stays)
{
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 0, 1000 * MIB, 1);
	check_given(i, 1, 1 * SEC);
	idset_clear(&cpus[i].pinned);
	cpus[i].runs_on = 0;
	w_quiet(&w, 1 * SEC, 3600 * SEC);
	w_stop(&w);
}

static const char *const relief = "[Rule dry]\nOn=node\nWhen=node.headroom < 1G\n"
				  "Until=node.headroom > 2G\nDo=migrate\nStepWait=1s\n"
				  "Cooldown=5s\n";

/* Bound to a node that runs dry it would be killed, with memory free on the other. */
TEST(who_is_bound_to_a_node_that_is_short_may_use_others_again)
{
	struct step step, undo;
	size_t i;

	start_with(act, relief);
	i = guest("machine.slice/db.scope", 0, 2000 * MIB, 1);
	check_given(i, 1, 1 * SEC);
	guest("machine.slice/other.scope", 1000 * MIB, 0, 0);
	check_given(1, 0, 10 * SEC);
	w_quiet(&w, 1 * SEC, 100 * SEC);
	w_headroom(&w, 1, 500 * MIB);
	w_tick(&w, 1 * SEC);
	/* At once, of that node only, and not the CPUs. */
	check_int(w.plan.step_count, 1);
	undo = w.plan.steps[0];
	check_int(undo.order, STEP_UNDO);
	check_int(undo.action, ACTION_HOLD);
	check_int(undo.mode, MODE_ENFORCE);
	check(undo.rule == RULE_NONE);
	check_str(undo.owner, "guests");
	check_int(undo.subject.scope, SCOPE_SERVICE);
	check_int(undo.subject.key, 100);
	check_int(undo.target.key, 100);
	check_int(undo.setting.on.id, SETTING_ALLOWED_NODES);
	check_int(undo.setting.on.key, 100);
	w_outcome(&w, undo.id, OUTCOME_DONE)->is_undo = true;
	idset_clear(&found_nodes[i]);
	w_allow(&w, i, "0-1");
	/* So that the rule may move it. */
	step = *next_step(60 * SEC);
	check_int(step.action, ACTION_MIGRATE);
	check_int(step.migrate.cause, MOVE_FOR_RELIEF);
	check_int(step.migrate.to_node, 0);
	w_moved(&w, &step, (int64_t)step.migrate.bytes, OUTCOME_DONE);
	w_headroom(&w, 1, 4 * GIB);
	w_tick(&w, 1 * SEC);
	/* It is gathered again when it is calm, and then bound. */
	w_quiet(&w, 1 * SEC, 590 * SEC);
	step = next_move(60 * SEC);
	check_int(step.migrate.cause, MOVE_TO_GATHER);
	check_int(step.migrate.to_node, 1);
	w_moved(&w, &step, (int64_t)step.migrate.bytes, OUTCOME_DONE);
	step = *next_step(60 * SEC);
	check_int(w.plan.step_count, 1);
	check_int(step.order, STEP_START);
	check_int(step.setting.on.id, SETTING_ALLOWED_NODES);
	check(idset_has(&step.setting.wanted.nodes, 1));
	take(i, &step);
	w_quiet(&w, 1 * SEC, 3600 * SEC);
	w_stop(&w);
}

static void take_over(void)
{
	struct engine *engine;

	check_int(engine_new(w.config, &engine), 0);
	check_int(engine_reserve(engine, W_NODES, W_SERVICES), 0);
	engine_take_over(engine, w.engine);
	engine_free(w.engine);
	w.engine = engine;
}

TEST(a_reload_does_not_forget_that_a_node_was_short)
{
	struct step undo;
	size_t i;

	start_with(act, relief);
	i = guest("machine.slice/db.scope", 0, 2000 * MIB, 1);
	check_given(i, 1, 1 * SEC);
	w_quiet(&w, 1 * SEC, 100 * SEC);
	w_headroom(&w, 1, 500 * MIB);
	w_tick(&w, 1 * SEC);
	undo = w.plan.steps[0];
	check_int(undo.order, STEP_UNDO);
	w_outcome(&w, undo.id, OUTCOME_DONE)->is_undo = true;
	idset_clear(&found_nodes[i]);
	w_allow(&w, i, "0-1");
	w_headroom(&w, 1, 4 * GIB);
	w_tick(&w, 1 * SEC);
	/* Once, and once more. */
	take_over();
	w_quiet(&w, 1 * SEC, 300 * SEC);
	take_over();
	w_quiet(&w, 1 * SEC, 280 * SEC);
	check(w_until_step(&w, 1 * SEC, 120 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].setting.on.id, SETTING_ALLOWED_NODES);
	w_stop(&w);
}

TEST(what_only_is_said_lifts_no_home)
{
	static const char *const cases[] = {
		"[Rule dry]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\n"
		"Do=migrate\nMode=dry-run\n",
		"[Rule dry]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\n"
		"Do=notify\n",
	};

	for (size_t c = 0; c < 2; c++) {
		size_t i;

		start_with(act, cases[c]);
		i = guest("machine.slice/db.scope", 0, 2000 * MIB, 1);
		check_given(i, 1, 1 * SEC);
		w_quiet(&w, 1 * SEC, 100 * SEC);
		w_headroom(&w, 1, 500 * MIB);
		for (int n = 0; n < 100; n++) {
			w_tick(&w, 1 * SEC);
			check(!w_find(&w, ACTION_HOLD, STEP_UNDO));
		}
		w_stop(&w);
	}
}

static void prefer(size_t i, size_t n, unsigned node, unsigned away, int64_t away_bytes,
		   int64_t home_bytes)
{
	preferences[i][n] =
		(struct preference){ node, away, (uint64_t)away_bytes, (uint64_t)home_bytes };
	w.services[i].preferences = preferences[i];
	w.services[i].preference_count = n + 1;
}

TEST(what_its_memory_prefers_comes_first)
{
	struct step step;
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 1000 * MIB, 500 * MIB, 0);
	prefer(i, 0, 1, 0, 900 * MIB, 500 * MIB);
	step = next_move(1 * SEC);
	check_int(step.migrate.to_node, 1);
	check_int(step.migrate.bytes, 1000 * MIB);
	check(!step.migrate.has_preferred);
	w_moved(&w, &step, 1000 * MIB, OUTCOME_DONE);
	check_given(i, 1, 60 * SEC);
	w_stop(&w);
}

static struct process monitor;
static struct idset monitor_bound;

TEST(backends_have_a_home_each)
{
	struct step step;
	char text[512];
	struct strbuf b = STRBUF(text);
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 1000 * MIB, 1000 * MIB, -1);
	prefer(i, 0, 0, 1, 300 * MIB, 700 * MIB);
	prefer(i, 1, 1, 0, 200 * MIB, 600 * MIB);
	monitor = (struct process){ .pid = 7, .bound = &monitor_bound, .bound_at = w.now };
	w.snapshot.processes = &monitor;
	w.snapshot.process_count = w.services[i].process_count = 1;
	step = next_move(1 * SEC);
	check_int(step.migrate.cause, MOVE_TO_GATHER);
	check(step.migrate.has_preferred);
	check_int(step.migrate.preferred, 0);
	check_int(step.migrate.from_node, 1);
	check_int(step.migrate.to_node, 0);
	check_int(step.migrate.bytes, 300 * MIB);
	actions[step.action].writes(&step, &b);
	check_contains(text, "of mappings that prefer node 0");
	w_moved(&w, &step, 300 * MIB, OUTCOME_DONE);
	/* What was found before says nothing any more. */
	w_quiet(&w, 1 * SEC, 120 * SEC);
	monitor.bound_at = w.now;
	prefer(i, 0, 0, 1, 0, 1000 * MIB);
	prefer(i, 1, 1, 0, 200 * MIB, 600 * MIB);
	step = next_move(60 * SEC);
	check_int(step.migrate.preferred, 1);
	check_int(step.migrate.from_node, 0);
	check_int(step.migrate.bytes, 200 * MIB);
	w_moved(&w, &step, 200 * MIB, OUTCOME_DONE);
	w_tick(&w, 1 * SEC);
	monitor.bound_at = w.now;
	prefer(i, 1, 1, 0, 0, 800 * MIB);
	/* No node is the home of all of it: nothing is set. */
	w_quiet(&w, 1 * SEC, 1000 * SEC);
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(who_is_bound_by_others_is_left)
{
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 1000 * MIB, 0, 0);
	w_allow(&w, i, "0");
	w.services[i].confined_by = CONFINED_BY_BACKEND;
	check_refused(REFUSE_OTHERS_NODES);
	w_stop(&w);
	/* By a set of nodes. */
	start(act);
	w.snapshot.node_count = 3;
	i = guest("machine.slice/db.scope", 1000 * MIB, 900 * MIB, 0);
	w.services[i].confined_by = CONFINED_BY_MAPPING;
	check_refused(REFUSE_OTHERS_NODES);
	w_stop(&w);
	/* libvirt's restrictive: below the scope, which has nothing set. */
	start(act);
	w.snapshot.node_count = 3;
	i = guest("machine.slice/db.scope", 1000 * MIB, 900 * MIB, 0);
	w.services[i].confined_by = CONFINED_BY_CPUSET;
	check_refused(REFUSE_OTHERS_NODES);
	w_stop(&w);
}

TEST(what_an_administrator_has_set_is_kept_and_gathered_in)
{
	struct step step;
	size_t i;

	start(act);
	w.snapshot.node_count = 3;
	i = guest("machine.slice/db.scope", 1000 * MIB, 900 * MIB, 0);
	check_int(idset_parse("0-1", &found_nodes[i]), 0);
	w.services[i].confined_by = CONFINED_BY_CPUSET;
	step = next_move(1 * SEC);
	check_int(step.migrate.to_node, 0);
	w_moved(&w, &step, 900 * MIB, OUTCOME_DONE);
	check_refused(REFUSE_OTHERS_NODES);
	w_stop(&w);
	/* Its CPUs, or some of them that are not those of whole nodes. */
	for (int n = 0; n < 2; n++) {
		start(act);
		i = guest("machine.slice/db.scope", 1000 * MIB, 0, 0);
		if (n == 0)
			check_int(idset_parse("1", &found_cpus[i]), 0);
		else
			found[i].cpu_nodes = NULL;
		check_refused(REFUSE_OTHERS_NODES);
		w_stop(&w);
	}
}

TEST(a_home_that_is_set_already_is_in_force)
{
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 20 * MIB, 1000 * MIB, -1);
	check_int(idset_parse("1", &found_nodes[i]), 0);
	check_int(idset_parse("1", &found_cpus[i]), 0);
	check_int(idset_parse("1", &cpus[i].pinned), 0);
	w.services[i].confined_by = CONFINED_BY_CPUSET;
	w_allow(&w, i, "1");
	/* Only the rest is swept in. */
	check_int(next_move(1 * SEC).migrate.cause, MOVE_TO_FOLLOW);
	check_int(w.plan.refusal_count, 0);
	w_stop(&w);
}

TEST(a_guest_that_is_held_waits)
{
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	w.services[i].hold = HOLD_OUTGOING_MIGRATION;
	check_refused(REFUSE_HELD);
	w.services[i].hold = HOLD_NONE;
	next_move(60 * SEC);
	/* It begins while it is moved. */
	w.services[i].hold = HOLD_OUTGOING_MIGRATION;
	w_tick(&w, 1 * SEC);
	w_tick(&w, 1 * SEC);
	check(w_find(&w, ACTION_MIGRATE, STEP_CANCEL));
	w_stop(&w);
}

TEST(where_it_may_live_is_waited_for)
{
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	w.services[i].allowed_known = false;
	check_refused(REFUSE_UNKNOWN_NODES);
	w.services[i].allowed_known = true;
	next_move(60 * SEC);
	w_stop(&w);
}

TEST(while_others_balance_nobody_is_placed)
{
	size_t i;

	for (int n = 0; n < 2; n++) {
		start(act);
		guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
		guest("machine.slice/web.scope", 300 * MIB, 1000 * MIB, 1);
		guest("machine.slice/at-home.scope", 0, 1000 * MIB, 1);
		w.snapshot.host.numa_balancing = n == 0;
		w.snapshot.host.numad_running = n == 1;
		/* Once for the host. */
		check_refused(REFUSE_BALANCING);
		w.snapshot.host.numa_balancing = w.snapshot.host.numad_running = false;
		(void)next_step(60 * SEC);
		w_stop(&w);
	}
	/* What was given stays. */
	start(act);
	i = guest("machine.slice/db.scope", 0, 1000 * MIB, 1);
	check_given(i, 1, 1 * SEC);
	w.snapshot.host.numa_balancing = true;
	w_quiet(&w, 1 * SEC, 1000 * SEC);
	w_stop(&w);
	/* What runs ends. */
	start(act);
	guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	next_move(1 * SEC);
	w.snapshot.host.numad_running = true;
	w_tick(&w, 1 * SEC);
	w_tick(&w, 1 * SEC);
	check(w_find(&w, ACTION_MIGRATE, STEP_CANCEL));
	w_stop(&w);
}

TEST(a_dry_run_says_each_thing_once)
{
	start(dry);
	guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 3);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check_int(w.plan.steps[0].mode, MODE_DRY_RUN);
	check_str(w.plan.steps[0].mode_from, "Mode= of the agent");
	check_int(w.plan.steps[1].setting.on.id, SETTING_ALLOWED_NODES);
	check_int(w.plan.steps[2].setting.on.id, SETTING_ALLOWED_CPUS);
	for (int n = 0; n < 300; n++) {
		w_resize(&w, 0, 0, (300 + n % 3) * MIB);
		w_tick(&w, 10 * SEC);
		check_int(w.plan.step_count + w.plan.note_count + w.plan.refusal_count, 0);
	}
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(what_is_only_said_to_be_moved_is_not_bound)
{
	start("Mode=enforce\nEnforceActions=hold\n");
	guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	check_int(next_move(1 * SEC).mode, MODE_DRY_RUN);
	w_quiet(&w, 1 * SEC, 1000 * SEC);
	w_stop(&w);
	/* What may be moved and not be bound is moved. */
	start("Mode=enforce\nEnforceActions=migrate\n");
	guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	struct step step = next_move(1 * SEC);
	check_int(step.mode, MODE_ENFORCE);
	w_moved(&w, &step, 300 * MIB, OUTCOME_DONE);
	(void)next_step(60 * SEC);
	check_int(w.plan.step_count, 2);
	check_int(w.plan.steps[0].action, ACTION_HOLD);
	check_int(w.plan.steps[0].mode, MODE_DRY_RUN);
	check_str(w.plan.steps[0].mode_from, "EnforceActions=");
	w_quiet(&w, 1 * SEC, 1000 * SEC);
	w_stop(&w);
}

TEST(a_plan_of_one_look_shows_it)
{
	size_t i;

	start(dry);
	w.snapshot.single = true;
	/* Nobody could tell where it runs. */
	i = guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, -1);
	w.services[i].cpus = NULL;
	found[i] = (struct service_settings){ 0 };
	i = guest("machine.slice/cells.scope", 600 * MIB, 600 * MIB, -1);
	prefer(i, 0, 0, 1, 300 * MIB, 300 * MIB);
	prefer(i, 1, 1, 0, 300 * MIB, 300 * MIB);
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 5);
	check_int(w.plan.steps[0].migrate.to_node, 1);
	check_int(w.plan.steps[3].migrate.preferred, 0);
	check_int(w.plan.steps[4].migrate.preferred, 1);
	w_stop(&w);
}

TEST(what_stands_in_the_way_is_said_again_to_who_reads_anew)
{
	start(act);
	guest("machine.slice/db.scope", 3000 * MIB, 3000 * MIB, 1);
	w_headroom(&w, 1, 3 * GIB);
	check_refused(REFUSE_NO_HOME);
	engine_note_read_again(w.engine);
	check_refused(REFUSE_NO_HOME);
	w_stop(&w);
}

TEST(another_service_begins_anew)
{
	struct step step;
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	step = next_move(1 * SEC);
	/* Restarted, on the other node. */
	w.services[i].inode = 150;
	cpus[i].runs_on = 0;
	put(i, 0, 800 * MIB);
	put(i, 1, 100 * MIB);
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].target.key, 150);
	check_int(w.plan.steps[0].migrate.to_node, 0);
	w_outcome(&w, step.id, OUTCOME_FAILED)->error = ESTALE;
	w_quiet(&w, 1 * SEC, 30 * SEC);
	w_stop(&w);
}

TEST(what_stays_is_left_for_ten_minutes)
{
	size_t tries = 0;

	start(act);
	guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	for (int t = 0; t < 590; t++) {
		w_tick(&w, 1 * SEC);
		check(w.plan.step_count <= 1);
		if (w.plan.step_count == 0)
			continue;
		tries++;
		w_outcome(&w, w.plan.steps[0].id, OUTCOME_FAILED)->error = EBUSY;
	}
	check_int(tries, 3);
	w_stop(&w);
}

/* Pinned by a device, say: said, and not tried again. */
TEST(what_does_not_move_is_remembered)
{
	struct outcome *o;
	struct step step;
	size_t said = 0;

	start(act);
	guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	step = next_move(1 * SEC);
	o = w_outcome(&w, step.id, OUTCOME_FAILED);
	o->error = EBUSY;
	o->pages = (struct page_accounts){ .pinned = 70000, .moved = 0 };
	for (int n = 0; n < 3000; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
		said += w_refused(&w, REFUSE_UNMOVABLE);
	}
	check_int(said, 1);
	w_stop(&w);
}

TEST(paused_it_ends_and_nothing_is_set)
{
	struct step step;
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	step = next_move(1 * SEC);
	w.services[i].paused = true;
	w_tick(&w, 1 * SEC);
	w_tick(&w, 1 * SEC);
	check(w_find(&w, ACTION_MIGRATE, STEP_CANCEL));
	w_outcome(&w, step.id, OUTCOME_CANCELLED);
	(void)next_step(60 * SEC);
	for (size_t n = 0; n < w.plan.step_count; n++) {
		check_int(w.plan.steps[n].mode, MODE_DRY_RUN);
		check_str(w.plan.steps[n].mode_from, line_paused_text);
	}
	w.services[i].paused = false;
	check_int(next_move(60 * SEC).mode, MODE_ENFORCE);
	w_stop(&w);
}

/* The places of nobody are read only, so that they take no memory. */
TEST(a_quiet_tick_looks_at_nobody)
{
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 0, 1000 * MIB, 1);
	check_given(i, 1, 1 * SEC);
	w_quiet(&w, 1 * SEC, 200 * SEC);
	w.snapshot.only_touched = true;
	w.snapshot.roll = 1;
	for (int n = 0; n < 50; n++) {
		w_tick(&w, 1 * SEC);
		check(w.engine->keeper.awake[0] == 0);
	}
	check_int(w.engine->away_end, 0);
	check(engine_due(w.engine) == USEC_INFINITY);
	for (size_t slot = 1; slot < W_SERVICES; slot++)
		check(!w.engine->keeper.places[slot].is_known);
	w_stop(&w);
	/* Bound by others: there is nothing to wait for. */
	start(act);
	i = guest("machine.slice/db.scope", 0, 1000 * MIB, 1);
	w_allow(&w, i, "1");
	w.services[i].confined_by = CONFINED_BY_BACKEND;
	w.snapshot.only_touched = true;
	for (int n = 0; n < 50; n++) {
		w_tick(&w, 1 * SEC);
		check(w.engine->keeper.awake[0] == 0);
	}
	check(engine_due(w.engine) == USEC_INFINITY);
	w_stop(&w);
}

TEST(what_another_manager_keeps_is_gathered_and_not_set)
{
	struct step step;
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	w.services[i].owner = OWNER_OTHER;
	step = next_move(1 * SEC);
	check_int(w_refused(&w, REFUSE_NOT_OURS), 1);
	w_moved(&w, &step, 300 * MIB, OUTCOME_DONE);
	for (int n = 0; n < 900; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.refusal_count, 0);
	}
	w_stop(&w);
}

TEST(nobody_is_moved_to_a_home_that_it_may_not_use_any_more)
{
	struct step step;
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 300 * MIB, 1000 * MIB, 1);
	step = next_move(1 * SEC);
	w_outcome(&w, step.id, OUTCOME_CANCELLED);
	w_tick(&w, 1 * SEC);
	/* An administrator binds its unit to the other one, and its pages do not follow. */
	check_int(idset_parse("0", &found_nodes[i]), 0);
	w.services[i].confined_by = CONFINED_BY_CPUSET;
	w_allow(&w, i, "0");
	step = next_move(60 * SEC);
	check_int(step.migrate.from_node, 1);
	check_int(step.migrate.to_node, 0);
	w_stop(&w);
}

static void check_given_back(size_t n, size_t i, enum setting_id id)
{
	check(n < w.plan.step_count);
	check_int(w.plan.steps[n].action, ACTION_HOLD);
	check_int(w.plan.steps[n].order, STEP_UNDO);
	check_int(w.plan.steps[n].target.key, 100 + (long long)i);
	check_int(w.plan.steps[n].setting.on.id, id);
}

TEST(a_home_that_is_left_is_given_back)
{
	size_t i;

	/* A second backend has come. */
	start(act);
	i = guest("machine.slice/db.scope", 0, 1000 * MIB, 1);
	check_given(i, 1, 1 * SEC);
	w_quiet(&w, 1 * SEC, 60 * SEC);
	prefer(i, 0, 0, 1, 0, 0);
	prefer(i, 1, 1, 0, 0, 1000 * MIB);
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 2);
	check_given_back(0, i, SETTING_ALLOWED_NODES);
	check_given_back(1, i, SETTING_ALLOWED_CPUS);
	idset_clear(&found_nodes[i]);
	idset_clear(&found_cpus[i]);
	w_quiet(&w, 1 * SEC, 1000 * SEC);
	w_stop(&w);
	/* Somebody else has bound it elsewhere: its CPUs are not left behind. */
	start(act);
	w.snapshot.node_count = 3;
	i = guest("machine.slice/db.scope", 0, 1000 * MIB, 1);
	w_allow(&w, i, "0-2");
	check_given(i, 1, 1 * SEC);
	w_quiet(&w, 1 * SEC, 60 * SEC);
	check_int(idset_parse("0,2", &found_nodes[i]), 0);
	w_allow(&w, i, "0,2");
	w_tick(&w, 1 * SEC);
	check(w.plan.step_count >= 2);
	check_given_back(1, i, SETTING_ALLOWED_CPUS);
	w_stop(&w);
}

TEST(who_could_not_be_looked_at_is_given_other_nodes_then)
{
	size_t i;

	start_with(act, relief);
	i = guest("machine.slice/db.scope", 0, 2000 * MIB, 1);
	check_given(i, 1, 1 * SEC);
	w_quiet(&w, 1 * SEC, 60 * SEC);
	w.services[i].settings = NULL;
	w_headroom(&w, 1, 500 * MIB);
	w_tick(&w, 1 * SEC);
	check(!w_find(&w, ACTION_HOLD, STEP_UNDO));
	w.services[i].settings = &found[i];
	w_tick(&w, 1 * SEC);
	check(w_find(&w, ACTION_HOLD, STEP_UNDO));
	w_stop(&w);
}

/* After a restart of the agent, with whatever would keep it from being bound now. */
TEST(who_was_bound_before_may_use_others_too_when_its_node_is_short)
{
	for (int n = 0; n < 3; n++) {
		size_t i;

		start_with(act, relief);
		i = guest("machine.slice/db.scope", n == 0 ? 300 * MIB : 0, 2000 * MIB, -1);
		check_int(idset_parse("1", &found_nodes[i]), 0);
		check_int(idset_parse("1", &found_cpus[i]), 0);
		check_int(idset_parse("1", &cpus[i].pinned), 0);
		w.services[i].confined_by = CONFINED_BY_CPUSET;
		w_allow(&w, i, "1");
		w.snapshot.host.numa_balancing = n == 1;
		if (n == 2)
			w_headroom(&w, 1, 500 * MIB);
		w_tick(&w, 1 * SEC);
		w_headroom(&w, 1, 500 * MIB);
		w_tick(&w, 1 * SEC);
		check(w_find(&w, ACTION_HOLD, STEP_UNDO));
		w_stop(&w);
	}
}

/* What it was given was given back by the pause, and its memory may be anywhere by now. */
TEST(after_a_pause_it_is_gathered_before_it_is_bound)
{
	struct step step;
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 0, 1000 * MIB, 1);
	check_given(i, 1, 1 * SEC);
	w_quiet(&w, 1 * SEC, 60 * SEC);
	w.services[i].paused = true;
	engine_note_paused(w.engine);
	w_tick(&w, 1 * SEC);
	idset_clear(&found_nodes[i]);
	idset_clear(&found_cpus[i]);
	idset_clear(&cpus[i].pinned);
	w_allow(&w, i, "0-1");
	for (int n = 0; n < 100; n++) {
		w_tick(&w, 1 * SEC);
		for (size_t s = 0; s < w.plan.step_count; s++)
			check_int(w.plan.steps[s].mode, MODE_DRY_RUN);
	}
	put(i, 0, 400 * MIB);
	put(i, 1, 600 * MIB);
	w.services[i].paused = false;
	engine_note_paused(w.engine);
	step = next_move(60 * SEC);
	check_int(step.mode, MODE_ENFORCE);
	check_int(step.migrate.to_node, 1);
	w_moved(&w, &step, 400 * MIB, OUTCOME_DONE);
	check_given(i, 1, 60 * SEC);
	w_stop(&w);
}

TEST(room_for_who_is_gone_is_free_again)
{
	struct step step;

	start(act);
	w_headroom(&w, 1, 3 * GIB);
	guest("machine.slice/db.scope", 1300 * MIB, 2000 * MIB, 1);
	guest("machine.slice/web.scope", 1300 * MIB, 2000 * MIB, 1);
	step = next_move(1 * SEC);
	w_outcome(&w, step.id, OUTCOME_RUNNING);
	w_quiet(&w, 1 * SEC, 1 * SEC);
	w_outcome(&w, step.id, OUTCOME_FAILED)->error = ESTALE;
	w.services[step.target.key - 100] = w.services[1 - (step.target.key - 100)];
	w.snapshot.service_count = 1;
	w.snapshot.roll++;
	check(next_move(60 * SEC).target.key != step.target.key);
	w_stop(&w);
}

/* What was found by inspection is gone by now. */
TEST(what_is_not_there_any_more_is_not_moved)
{
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 0, 1000 * MIB, -1);
	prefer(i, 0, 0, 1, 0, 100 * MIB);
	prefer(i, 1, 1, 0, 300 * MIB, 600 * MIB);
	w_quiet(&w, 1 * SEC, 900 * SEC);
	w_stop(&w);
}

/* Also by an agent before this one. What is damaged is believed for no longer than that. */
TEST(what_relief_has_brought_lately_is_not_gathered_yet)
{
	struct arrived arrived = { .service = 100, .node = 0 };
	struct step step;
	usec_t since;

	start(act);
	guest("machine.slice/db.scope", 600 * MIB, 1000 * MIB, 1);
	since = w.now;
	arrived.until = w.now + 599 * SEC;
	engine_set_arrivals(w.engine, &arrived, 1);
	step = next_move(700 * SEC);
	check(w.now >= since + 599 * SEC);
	check_int(step.migrate.from_node, 0);
	w_stop(&w);

	start(act);
	guest("machine.slice/db.scope", 600 * MIB, 1000 * MIB, 1);
	arrived.until = UINT64_MAX - 1;
	engine_set_arrivals(w.engine, &arrived, 1);
	next_move(1 * SEC);
	w_stop(&w);
}

/* Of what is in pools it is not known where it is: the rest is gathered, and nothing is set. */
TEST(a_guest_on_huge_pages_is_not_bound_away_from_them)
{
	struct step step;
	size_t i;

	start(act);
	i = guest("machine.slice/db.scope", 600 * MIB, 1000 * MIB, 1);
	w.services[i].is_pooled = true;
	w.services[i].declared_bytes = 64 * (uint64_t)GIB;
	step = next_move(1 * SEC);
	check_int(step.migrate.from_node, 0);
	check_int(step.migrate.to_node, 1);
	w_moved(&w, &step, 600 * MIB, OUTCOME_DONE);
	check_refused(REFUSE_NO_HOME);
	w_stop(&w);
}
