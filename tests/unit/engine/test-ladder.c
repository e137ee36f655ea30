/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From step to step, and who goes first. */

#include "test.h"

#include "world.h"

static struct world w;

static const char *const act = "Mode=enforce\nEnforceActions=\nKillBudget=60/1h\n";

static const char *const node_rule = "[Rule n]\nOn=node\nWhen=node.headroom < 1G\n"
				     "Until=node.headroom > 2G\nCooldown=30s\n"
				     "Do=migrate bytes=512M\nDo=kill grace=1s\nStepWait=2s\n";

static const char *const host_rule = "[Rule h]\nOn=host\nWhen=mem.available < 1G\n"
				     "Until=mem.available > 2G\nCooldown=30s\n"
				     "Do=kill grace=1s\nStepWait=2s\n";

/* A guest to move and a build to kill, on a node that is short. */
static void start_short(const char *rules)
{
	w_start(&w, act, rules);
	w_service(&w, "machine.slice/db.scope", 0, 3 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
}

static void done(const struct step *step)
{
	struct step copy = *step;

	if (copy.action == ACTION_MIGRATE)
		w_moved(&w, &copy, (int64_t)copy.migrate.bytes, OUTCOME_DONE);
	else
		w_outcome(&w, copy.id, OUTCOME_DONE)->signalled = 1;
}

/* The killed service leaves the snapshot. */
static void bury(size_t i)
{
	w.services[i] = w.services[--w.snapshot.service_count];
}

TEST(a_step_then_its_wait_then_the_next)
{
	start_short(node_rule);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check_int(w.plan.steps[0].target.key, 100);
	check_int(w.plan.steps[0].migrate.bytes, 512 * MIB);
	check_int(w_status(&w, "n", 0).state, RULE_RUNNING);
	struct step move = w.plan.steps[0];

	w_quiet(&w, 100 * MS, 5 * SEC); /* it runs as long as it runs */
	done(&move);
	w_tick(&w, 100 * MS);
	check_int(w_status(&w, "n", 0).state, RULE_WAITING);
	check_int(w_status(&w, "n", 0).ladder, 1);
	check_int(w_until_step(&w, 100 * MS, 10 * SEC), 2 * SEC);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	check_int(w.plan.steps[0].target.key, 101);
	check_int(w.plan.steps[0].ladder, 1);
	check_int(w_status(&w, "n", 0).ladder, 1);
	w_stop(&w);
}

TEST(the_next_step_needs_the_rule_to_fire)
{
	start_short(node_rule);
	done(&w.plan.steps[0]);
	w_headroom(&w, 0, 1500 * MIB); /* not short, not clear */
	w_quiet(&w, 100 * MS, 8 * SEC);
	check_int(w_status(&w, "n", 0).state, RULE_WAITING);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(after_a_long_quiet_the_ladder_starts_over)
{
	start_short(node_rule);
	done(&w.plan.steps[0]);
	w_headroom(&w, 0, 1500 * MIB);
	w_quiet(&w, 500 * MS, 40 * SEC);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 500 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	w_stop(&w);
}

TEST(a_step_that_met_its_gain_and_cleared_leaves_no_cooldown)
{
	start_short(node_rule);
	done(&w.plan.steps[0]);
	w_headroom(&w, 0, 3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	check_int(w_status(&w, "n", 0).state, RULE_IDLE);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check_int(w_notes(&w, NOTE_FIRED), 1);
	w_stop(&w);
}

TEST(an_exhausted_ladder_cools_down_and_starts_at_its_first_step)
{
	start_short(node_rule);
	done(&w.plan.steps[0]);
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	done(&w.plan.steps[0]);
	bury(1);
	w_quiet(&w, 100 * MS, 2 * SEC);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_EXHAUSTED), 1);
	check_int(w_status(&w, "n", 0).state, RULE_EXHAUSTED);
	check_int(w_status(&w, "n", 0).cooldown_until, w.now + 30 * SEC);
	check_int(w_until_step(&w, 100 * MS, 60 * SEC), 30 * SEC);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check_int(w_notes(&w, NOTE_FIRED), 0); /* still the same emergency */

	/* Used up again: that is no news. */
	done(&w.plan.steps[0]);
	for (int i = 0; i < 100; i++) {
		w_tick(&w, 100 * MS);
		check_int(w_notes(&w, NOTE_EXHAUSTED), 0);
	}
	check_int(w_status(&w, "n", 0).state, RULE_EXHAUSTED);
	w_stop(&w);
}

TEST(a_destructive_ladder_cools_down_though_it_cleared)
{
	w_start(&w, act, host_rule);
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 2 * GIB);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	done(&w.plan.steps[0]);
	bury(0);
	w_available(&w, 3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	check_int(w_status(&w, "h", 0).state, RULE_EXHAUSTED);
	w_available(&w, 500 * MIB);
	check_int(w_until_step(&w, 100 * MS, 60 * SEC), 30 * SEC);
	w_stop(&w);
}

TEST(a_failed_ladder_cools_down_though_it_cleared)
{
	start_short(node_rule);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_FAILED)->error = EPERM;
	w_headroom(&w, 0, 3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_status(&w, "n", 0).state, RULE_EXHAUSTED);
	w_headroom(&w, 0, 500 * MIB);
	w_quiet(&w, 100 * MS, 29 * SEC);
	w_stop(&w);
}

TEST(a_step_that_failed_before_it_did_anything_is_not_waited_for)
{
	start_short(node_rule);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_FAILED)->error = EPERM;
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(a_target_that_vanished_is_no_reason_to_kill)
{
	start_short(node_rule);
	w_service(&w, "machine.slice/web.scope", 0, 1 * GIB);
	for (int i = 0; i < 3; i++) {
		check_int(w.plan.step_count, 1);
		check_int(w.plan.steps[0].action, ACTION_MIGRATE);
		w_outcome(&w, w.plan.steps[0].id, OUTCOME_FAILED)->error = ESRCH;
		check(w_until_step(&w, 100 * MS, SEC) <= 500 * MS);
	}
	/* But not for ever. */
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_FAILED)->error = ESRCH;
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(a_line_without_candidates_is_passed_in_the_same_tick)
{
	w_start(&w, act, node_rule);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(nobody_at_all_is_said_once_and_does_not_spin)
{
	w_start(&w, act, node_rule);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	check_int(w_notes(&w, NOTE_FIRED), 1);
	check_int(w_notes(&w, NOTE_EXHAUSTED), 1);
	check_int(w_refused(&w, REFUSE_NO_CANDIDATE), 2);
	for (int i = 0; i < 700; i++) {
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count + w.plan.refusal_count + w.plan.note_count, 0);
	}
	/* The next episode says it again. */
	w_headroom(&w, 0, 3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	w_headroom(&w, 0, 500 * MIB);
	for (int i = 0; i < 400 && w.plan.refusal_count == 0; i++)
		w_tick(&w, 100 * MS);
	check_int(w_refused(&w, REFUSE_NO_CANDIDATE), 2);
	w_stop(&w);
}

TEST(a_rule_without_candidates_does_not_hide_the_next_one)
{
	w_start(&w, act,
		"[Rule a]\nOn=host\nPriority=1\nWhen=mem.available < 1G\nDo=kill\n"
		"[Rule b]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\n"
		"Do=migrate\n");
	w_service(&w, "machine.slice/db.scope", 0, 3 * GIB);
	w_available(&w, 500 * MIB);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	w_stop(&w);
}

TEST(order_in_conflict)
{
	w_start(&w, act,
		"[Rule destroys-first]\nOn=host\nPriority=1\nWhen=mem.available < 1G\nDo=kill\n"
		"[Rule z]\nOn=host\nPriority=2\nWhen=mem.available < 1G\nDo=notify\n"
		"[Rule b]\nOn=host\nPriority=3\nWhen=mem.available < 1G\nDo=notify\n"
		"[Rule a]\nOn=host\nPriority=3\nWhen=mem.available < 1G\nDo=notify\n"
		"[Rule destroys-too]\nOn=host\nPriority=0\nWhen=mem.available < 1G\nDo=kill\n");
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);

	static const char *const order[] = { "z", "a", "b", "destroys-too" };

	check_int(w.plan.step_count, 4);
	for (size_t i = 0; i < 4; i++)
		check_str(w.config->rules[w.plan.steps[i].rule].name, order[i]);
	check_int(w_refused(&w, REFUSE_ONE_DESTRUCTIVE), 1);
	w_stop(&w);
}

TEST(one_destructive_step_at_a_time)
{
	w_start(&w, act,
		"[Rule h]\nOn=host\nWhen=mem.available < 1G\nUntil=mem.available > 2G\nDo=kill\n"
		"[Rule n]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\nDo=kill\n");
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w_refused(&w, REFUSE_ONE_DESTRUCTIVE), 1);
	struct step kill = w.plan.steps[0];

	for (int i = 0; i < 50; i++) {
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count + w.plan.refusal_count, 0);
	}
	/* Its memory comes back after its end; only then is the other's turn, and it is not lost.
	 */
	done(&kill);
	bury(0);
	w_available(&w, 1015 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	check_int(w_until_step(&w, 100 * MS, 5 * SEC), 1 * SEC);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(one_kill_though_the_memory_comes_late)
{
	w_start(&w, act, host_rule);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	done(&w.plan.steps[0]);
	w_quiet(&w, 100 * MS, 1900 * MS);
	w_available(&w, 3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	check_int(w.plan.step_count, 0);
	w_stop(&w);
}

TEST(memory_that_recovers_spares_the_victim)
{
	w_start(&w, act, host_rule);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	uint64_t id = w.plan.steps[0].id;

	w_available(&w, 3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	check_int(w.plan.step_count, 0);
	check_int(w_until_step(&w, 100 * MS, 5 * SEC), 1 * SEC);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].order, STEP_CANCEL);
	check_int(w.plan.steps[0].id, id);

	/* Nobody died, so nothing has to cool. */
	w_outcome(&w, id, OUTCOME_CANCELLED);
	w_tick(&w, 100 * MS);
	w_tick(&w, 100 * MS);
	check_int(w_status(&w, "h", 0).state, RULE_IDLE);
	w_stop(&w);
}

TEST(a_kill_is_not_begun_again_and_again)
{
	/* Clear and short by turns, while the victim takes its time. */
	usec_t kills[ENGINE_KILLS_MAX];

	w_start(&w, act, host_rule);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	struct step kill = w.plan.steps[0];

	/* It goes on while the rule fires, cooling down or not. */
	w_available(&w, 3 * GIB);
	w_quiet(&w, 100 * MS, 300 * MS);
	check(w_status(&w, "h", 0).cooldown_until > w.now);
	w_available(&w, 500 * MIB);
	w_quiet(&w, 100 * MS, 5 * SEC);
	check_int(engine_get_kills(w.engine, kills), 1);
	done(&kill);
	bury(0);
	w_tick(&w, 100 * MS);
	check_int(engine_get_kills(w.engine, kills), 1);
	w_stop(&w);
}

/* The move has run for a while: 100 MiB/s, so much still to go, so much time. */
static void run_slowly(int64_t headroom, int64_t empty_in_usec)
{
	struct step move = w.plan.steps[0];
	struct outcome *o;

	w_headroom(&w, 0, headroom);
	w_node_empty_in(&w, 0, empty_in_usec);
	o = w_outcome(&w, move.id, OUTCOME_RUNNING);
	o->done_bytes = 12 * MIB;
	o->remaining_bytes = 500 * MIB;
	o->bytes_per_sec = 100 * MIB;
	w_tick(&w, 100 * MS);
}

TEST(overtaken_when_time_ends_before_the_step)
{
	start_short(node_rule);
	run_slowly(500 * MIB, 4 * (int64_t)SEC); /* five seconds are needed */
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].order, STEP_START);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	check_int(w.plan.steps[0].kill.grace_usec, 1 * SEC);
	check_int(w_status(&w, "n", 0).ladder, 1);
	w_quiet(&w, 100 * MS, 2 * SEC); /* one is enough; the move goes on */
	w_stop(&w);
}

TEST(not_overtaken_while_there_is_time)
{
	start_short(node_rule);
	run_slowly(500 * MIB, 6 * (int64_t)SEC);
	check_int(w.plan.step_count, 0);
	w_stop(&w);
	start_short(node_rule);
	w.nodes[0].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] = READING_FOREVER;
	w_quiet(&w, 100 * MS, 8 * SEC);
	w_stop(&w);
}

TEST(not_overtaken_when_it_outruns_the_fall)
{
	start_short(node_rule);
	/* 100 MiB last two seconds: 50 MiB/s are lost and 100 are gained. */
	run_slowly(100 * MIB, 2 * (int64_t)SEC);
	check_int(w.plan.step_count, 0);
	w_stop(&w);
}

TEST(a_stalled_step_is_overtaken)
{
	start_short(node_rule);
	w_node_empty_in(&w, 0, 3 * (int64_t)SEC);
	w_quiet(&w, 100 * MS, 900 * MS);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(overtaking_finds_nobody_and_the_step_goes_on)
{
	w_start(&w, act, node_rule);
	w_service(&w, "machine.slice/db.scope", 0, 3 * GIB);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	struct step move = w.plan.steps[0];

	run_slowly(500 * MIB, 1 * (int64_t)SEC);
	check_int(w.plan.step_count, 0);
	check_int(w_notes(&w, NOTE_EXHAUSTED), 0);
	check_int(w_refused(&w, REFUSE_POLICY_KEEP), 1);
	w_tick(&w, 100 * MS);
	check_int(w.plan.refusal_count, 0); /* said */
	check_int(w_status(&w, "n", 0).state, RULE_RUNNING);
	check_int(w_status(&w, "n", 0).ladder, 0);
	done(&move);
	w_tick(&w, 100 * MS);
	check_int(w_status(&w, "n", 0).state, RULE_WAITING);
	w_stop(&w);
}

TEST(an_overtaken_move_goes_on_beside_what_overtook_it)
{
	w_start(&w, act,
		"[Rule n]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\n"
		"Cooldown=30s\nDo=migrate\nDo=notify\nStepWait=2s\n");
	w_service(&w, "machine.slice/db.scope", 0, 5 * GIB);
	w_headroom(&w, 1, 7 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_tick(&w, 100 * MS);
	struct step move = w.plan.steps[0];
	struct outcome *o;

	/* Too slow for a moment: it is said. */
	w_headroom(&w, 0, 500 * MIB);
	w_node_empty_in(&w, 0, 1 * (int64_t)SEC);
	o = w_outcome(&w, move.id, OUTCOME_RUNNING);
	o->done_bytes = 12 * MIB;
	o->bytes_per_sec = 10 * MIB;
	w_tick(&w, 100 * MS);
	const struct step *said = w_find(&w, ACTION_NOTIFY, STEP_START);

	check(said);
	check(w_find(&w, ACTION_MIGRATE, STEP_RESIZE));
	move = *w_find(&w, ACTION_MIGRATE, STEP_RESIZE);
	w_outcome(&w, said->id, OUTCOME_DONE);
	w.nodes[0].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] = READING_FOREVER;

	/* The ladder is at its end, but while the move lives it is not used up, and the move goes
	 * from round to round: no cooldown stands between them. */
	size_t rounds = 0;

	for (int i = 0; i < 300; i++) {
		w_tick(&w, 100 * MS);
		if (i == 40)
			w_moved(&w, &move, (int64_t)move.migrate.bytes, OUTCOME_DONE);
		for (size_t s = 0; s < w.plan.step_count; s++) {
			struct step step = w.plan.steps[s];

			check_int(step.action, ACTION_MIGRATE);
			if (step.order == STEP_RESIZE) {
				move = step;
			} else {
				check_int(w_notes(&w, NOTE_EXHAUSTED), 0);
				rounds++;
				w_moved(&w, &step, (int64_t)step.migrate.bytes, OUTCOME_DONE);
			}
		}
		if (i <= 43)
			check(w_status(&w, "n", 0).state != RULE_EXHAUSTED);
	}
	check(rounds >= 2);
	check_int(w_status(&w, "n", 0).state, RULE_EXHAUSTED); /* the guest has no more to give */
	w_stop(&w);
}

/* The guest that was moved ended meanwhile, and another one takes what it had: the rest of the
 * world has not got used to being short. */
TEST(who_clears_while_an_overtaken_move_runs_does_not_cool_down)
{
	struct step move;
	struct outcome *o;

	start_short("[Rule n]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\n"
		    "Cooldown=30s\nDo=migrate\nDo=notify\nStepWait=2s\n");
	move = w.plan.steps[0];
	w_headroom(&w, 0, 500 * MIB);
	w_node_empty_in(&w, 0, 1 * (int64_t)SEC);
	o = w_outcome(&w, move.id, OUTCOME_RUNNING);
	o->done_bytes = 12 * MIB;
	o->bytes_per_sec = 10 * MIB;
	w_tick(&w, 100 * MS);
	check(w_find(&w, ACTION_NOTIFY, STEP_START));
	w_outcome(&w, w_find(&w, ACTION_NOTIFY, STEP_START)->id, OUTCOME_DONE);
	w.nodes[0].readings[metric_index(METRIC_NODE_TIME_TO_EMPTY)] = READING_FOREVER;
	w_headroom(&w, 0, 3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	check_int(w_status(&w, "n", 0).state, RULE_IDLE);
	w_moved(&w, &move, 0, OUTCOME_CANCELLED);
	w_tick(&w, 100 * MS);
	w_headroom(&w, 0, 800 * MIB);
	check(w_until_step(&w, 100 * MS, 1 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	w_stop(&w);
}

/* A move that was overtaken by a notice, both ended: what it claims to have moved, and what has
 * left the node by the samples. */
static void end_overtaken(int64_t account, int64_t gone)
{
	struct step move;
	struct outcome *o;

	start_short("[Rule n]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\n"
		    "Cooldown=30s\nDo=migrate\nDo=notify\nStepWait=500ms\n");
	move = w.plan.steps[0];
	w_node_empty_in(&w, 0, 5 * (int64_t)SEC); /* 100 MiB/s */
	o = w_outcome(&w, move.id, OUTCOME_RUNNING);
	o->bytes_per_sec = 10 * MIB;
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_NOTIFY);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
	w_moved(&w, &move, gone, OUTCOME_DONE);
	w.outcomes[1].done_bytes = (uint64_t)account;
	w_tick(&w, 100 * MS);
}

TEST(an_overtaken_move_that_did_not_work_is_not_repeated)
{
	end_overtaken(1740 * MIB, 1740 * MIB); /* all of it */
	check(w_until_step(&w, 100 * MS, 2 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	w_stop(&w);

	end_overtaken(500 * MIB, 500 * MIB);
	w_quiet(&w, 100 * MS, 2 * SEC);
	check_int(w_status(&w, "n", 0).state, RULE_EXHAUSTED);
	w_stop(&w);

	end_overtaken(1740 * MIB, 500 * MIB); /* less than it claims */
	w_quiet(&w, 100 * MS, 2 * SEC);
	check_int(w_status(&w, "n", 0).state, RULE_EXHAUSTED);
	w_stop(&w);
}

TEST(the_ladder_is_not_used_up_while_a_step_runs)
{
	start_short("[Rule n]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\n"
		    "Cooldown=30s\nDo=migrate bytes=512M\nDo=notify\nStepWait=1s\n");
	struct step move = w.plan.steps[0];

	run_slowly(500 * MIB, 1 * (int64_t)SEC);
	check_int(w.plan.steps[0].action, ACTION_NOTIFY);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
	for (int i = 0; i < 50; i++) {
		w_tick(&w, 100 * MS);
		check_int(w_notes(&w, NOTE_EXHAUSTED), 0);
	}
	done(&move);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_EXHAUSTED), 1);
	w_stop(&w);
}

TEST(an_unknown_home_is_waited_for_but_not_long)
{
	w_start(&w, act, node_rule);
	w_service(&w, "machine.slice/db.scope", 0, 3 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w.services[0].allowed_known = false;
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	check_int(w_refused(&w, REFUSE_UNKNOWN_NODES), 1);
	w_quiet(&w, 100 * MS, 1 * SEC);
	w.services[0].allowed_known = true;
	w_tick(&w, 100 * MS);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	w_stop(&w);

	/* Never found out: two seconds, StepWait, and on. */
	w_start(&w, act, node_rule);
	w_service(&w, "machine.slice/db.scope", 0, 3 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w.services[0].allowed_known = false;
	w_headroom(&w, 0, 500 * MIB);
	check_int(w_until_step(&w, 100 * MS, 5 * SEC), 2100 * MS);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);

	/* No time to wait. */
	w_start(&w, act, node_rule);
	w_service(&w, "machine.slice/db.scope", 0, 3 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w.services[0].allowed_known = false;
	w_headroom(&w, 0, 500 * MIB);
	w_node_empty_in(&w, 0, 500 * (int64_t)MS);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(a_step_never_heard_of_again_is_given_up)
{
	w_start(&w, act, host_rule);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	uint64_t id = w.plan.steps[0].id;

	check_int(w_until_step(&w, 500 * MS, 100 * SEC), 61 * SEC); /* its grace and a minute */
	check_int(w.plan.steps[0].order, STEP_CANCEL);
	check_int(w.plan.steps[0].id, id);
	check(w_until_step(&w, 500 * MS, 100 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	check_int(w.plan.steps[0].order, STEP_START);
	w_stop(&w);
}

TEST(a_zero_cooldown_does_not_spin)
{
	w_start(&w, act,
		"[Rule h]\nOn=host\nWhen=mem.available < 1G\nCooldown=0\nStepWait=0\n"
		"Do=kill grace=1s\n");
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	size_t tries = 0;

	for (int i = 0; i < 500; i++) {
		w_tick(&w, 20 * MS);
		tries += w.plan.step_count;
		for (size_t s = 0; s < w.plan.step_count; s++)
			w_outcome(&w, w.plan.steps[s].id, OUTCOME_FAILED)->error = EPERM;
	}
	check(tries >= 1 && tries <= 10); /* in ten seconds */
	w_stop(&w);
}

/* What is done at a death is done once for each, and the next death need not wait. */
TEST(a_ladder_that_is_gone_up_once)
{
	w_start(&w, act,
		"[Rule h]\nOn=host\nWhen=mem.available < 1G\nCooldown=0\nStepWait=2s\n"
		"Do=notify\nDo=kill grace=1s\n");
	w.config->rules[0].once = true;
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	for (int round = 0; round < 2; round++) {
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count, 1);
		check_int(w.plan.steps[0].action, ACTION_NOTIFY);
		w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
		check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
		check_int(w.plan.steps[0].action, ACTION_KILL);
		done(&w.plan.steps[0]);
		bury(0);
		/* It goes on firing, and somebody else would be there to kill. */
		w_quiet(&w, 100 * MS, 120 * SEC);
		check_int(w_status(&w, "h", 0).state, RULE_EXHAUSTED);
		w_available(&w, 2 * GIB);
		w_tick(&w, 100 * MS);
		check_int(w_notes(&w, NOTE_CLEARED), 1);
		check_int(w_status(&w, "h", 0).state, RULE_IDLE);
		w_available(&w, 500 * MIB);
	}
	w_stop(&w);
}

TEST(a_host_that_is_short_without_this_rule_is_left_alone)
{
	/* Pressure of one service at its own limit: no rule of the host's memory fires. */
	w_start(&w, act, host_rule);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_set(w.snapshot.host.readings, METRIC_PSI_MEMORY_FULL, 9900);
	w_available(&w, 10 * GIB);
	w_quiet(&w, 100 * MS, 10 * SEC);
	w_stop(&w);
}
