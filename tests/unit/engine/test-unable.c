/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An agent that cannot move memory where it runs recommends what it would do. */

#include "test.h"

#include "world.h"

static struct world w;

static const char *const act = "Mode=enforce\nEnforceActions=\n";

static const char *const rule = "[Rule n]\nOn=node\nWhen=node.headroom < 1G\n"
				"Until=node.headroom > 2G\nCooldown=0\n"
				"Do=migrate bytes=1G\nDo=notify\nStepWait=1s\n";

static void start(const char *agent)
{
	w_start(&w, agent, rule);
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w_headroom(&w, 0, 500 * MIB);
}

TEST(moves_are_dry_runs_and_say_why)
{
	static const struct {
		enum move_ability moves;
		const char *why;
	} cases[] = {
		{ MOVES_UNKNOWN_TO_KERNEL, "no move_pages in this kernel" },
		{ MOVES_FORBIDDEN, "move_pages is not permitted" },
		{ MOVES_NEED_PTRACE, "no CAP_SYS_PTRACE" },
		{ MOVES_NEED_NICE, "no CAP_SYS_NICE" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct step *step;

		start(act);
		w.snapshot.host.moves = cases[i].moves;
		w_tick(&w, 100 * MS);
		step = w_find(&w, ACTION_MIGRATE, STEP_START);
		check(step);
		check_int(step->mode, MODE_DRY_RUN);
		check_str(step->mode_from, cases[i].why);
		w_stop(&w);
	}
}

TEST(other_actions_act)
{
	const struct step *notify = NULL;

	start(act);
	w.snapshot.host.moves = MOVES_FORBIDDEN;
	for (int i = 0; i < 100 && !notify; i++) {
		w_tick(&w, 100 * MS);
		notify = w_find(&w, ACTION_NOTIFY, STEP_START);
	}
	check(notify);
	check_int(notify->mode, MODE_ENFORCE);
	check(!notify->mode_from);
	w_stop(&w);
}

TEST(it_is_said_once)
{
	size_t said = 0;

	start(act);
	w.snapshot.host.moves = MOVES_NEED_NICE;
	for (int i = 0; i < 300; i++) {
		w_tick(&w, 100 * MS);
		said += w_find(&w, ACTION_MIGRATE, STEP_START) != NULL;
	}
	check_int(said, 1);
	w_stop(&w);
}

TEST(once_it_can_it_does)
{
	const struct step *step = NULL;

	start(act);
	w.snapshot.host.moves = MOVES_FORBIDDEN;
	w_tick(&w, 100 * MS);
	w_headroom(&w, 0, 4 * GIB);
	for (int i = 0; i < 400; i++)
		w_tick(&w, 100 * MS);
	w.snapshot.host.moves = MOVES_WORK;
	w_headroom(&w, 0, 500 * MIB);
	for (int i = 0; i < 100 && !step; i++) {
		w_tick(&w, 100 * MS);
		step = w_find(&w, ACTION_MIGRATE, STEP_START);
	}
	check(step);
	check_int(step->mode, MODE_ENFORCE);
	w_stop(&w);
}

TEST(what_the_operator_said_comes_first)
{
	const struct step *step;

	start("Mode=dry-run\n");
	w.snapshot.host.moves = MOVES_FORBIDDEN;
	w_tick(&w, 100 * MS);
	step = w_find(&w, ACTION_MIGRATE, STEP_START);
	check(step);
	check_str(step->mode_from, "Mode= of the agent");
	w_stop(&w);
}

TEST(nodes_outside_of_its_own_are_no_destination)
{
	const struct step *step;

	start(act);
	w.snapshot.node_count = 3;
	w_headroom(&w, 1, 6 * GIB);
	idset_add(&w.snapshot.host.own_nodes, 0);
	idset_add(&w.snapshot.host.own_nodes, 2);
	w_tick(&w, 100 * MS);
	step = w_find(&w, ACTION_MIGRATE, STEP_START);
	check(step);
	check_int(step->mode, MODE_ENFORCE);
	check_int(step->migrate.to_node, 2);
	w_stop(&w);

	start(act);
	idset_add(&w.snapshot.host.own_nodes, 0);
	w_tick(&w, 100 * MS);
	check(!w_find(&w, ACTION_MIGRATE, STEP_START));
	check_int(w_refused(&w, REFUSE_AGENT_BOUND), 1);
	w_stop(&w);
}
