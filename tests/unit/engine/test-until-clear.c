/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A line without a fixed amount: as much as it takes, for as long as it takes, and no longer. */

#include "test.h"

#include "world.h"

static struct world w;

static const char *const act = "Mode=enforce\nEnforceActions=\n";

static const char *const rule = "[Rule n]\nOn=node\nWhen=node.headroom < 1G\n"
				"Until=node.headroom > 2G\nCooldown=30s\nDo=migrate\n"
				"Do=kill\nStepWait=2s\n";

static void start_short(void)
{
	w_start(&w, act, rule);
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
}

TEST(asks_for_the_deficit_and_a_margin)
{
	start_short();
	/* More than 2048 - 800 = 1248 MiB and an eighth, in whole MiB. */
	check_int(w.plan.steps[0].migrate.bytes, 1405 * MIB);
	w_stop(&w);
}

TEST(grows_while_it_runs_and_never_for_noise)
{
	start_short();
	struct step move = w.plan.steps[0];

	/* 400 MiB are moved, and the node shows it: nothing to say. */
	w_moved(&w, &move, 400 * MIB, OUTCOME_RUNNING);
	w_headroom(&w, 0, 1200 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	w_headroom(&w, 0, 1150 * MIB); /* a little more is missing */
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);

	w_headroom(&w, 0, 800 * MIB); /* somebody took 400 MiB meanwhile */
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].order, STEP_RESIZE);
	check_int(w.plan.steps[0].id, move.id);
	check_int(w.plan.steps[0].migrate.bytes, (1405 + 400) * MIB);
	check_int(w.plan.refusal_count, 0);
	w_tick(&w, 100 * MS); /* ordered once */
	check_int(w.plan.step_count, 0);
	w_stop(&w);
}

TEST(grows_in_the_gap_between_when_and_until_too)
{
	start_short();
	struct step move = w.plan.steps[0];

	w_moved(&w, &move, 1000 * MIB, OUTCOME_RUNNING);
	w_headroom(&w, 0, 1100 * MIB); /* When= is false, Until= not true, and 1066 are missing */
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].order, STEP_RESIZE);
	/* What keeps it from being clear is the reason now. */
	check_int(w.plan.steps[0].evidence_count, 1);
	check_int(w.plan.steps[0].evidence[0].threshold.value, 2 * GIB);
	check_str(w.plan.steps[0].evidence[0].comparison, "<=");
	w_stop(&w);
}

TEST(a_second_service_helps_when_the_first_is_used_up)
{
	w_start(&w, act, rule);
	w_service(&w, "machine.slice/db.scope", 0, 1500 * MIB);
	w_headroom(&w, 0, 800 * MIB);
	w_tick(&w, 100 * MS);
	w_service(&w, "machine.slice/late.scope", 0, 1 * GIB);
	w_headroom(&w, 0, 200 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 2);
	check_int(w.plan.steps[0].order, STEP_RESIZE);
	check_int(w.plan.steps[0].migrate.bytes, 1500 * MIB);
	check_int(w.plan.steps[1].order, STEP_START);
	check_int(w.plan.steps[1].target.key, 101);
	w_stop(&w);
}

/* Who does not move has cost time, and nobody else the chance to help. */
TEST(another_one_is_tried_when_the_first_does_not_move)
{
	struct step move;

	w_start(&w, act, rule);
	w_service(&w, "machine.slice/pinned.scope", 0, 4 * GIB);
	w_service(&w, "machine.slice/other.scope", 0, 2 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	move = w.plan.steps[0];
	check_int(move.target.key, 100);
	w_moved(&w, &move, 4096, OUTCOME_DONE);
	for (int i = 0; i < 50 && w.plan.steps[0].target.key != 101; i++)
		w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check_int(w.plan.steps[0].target.key, 101);
	check_int(w_status(&w, "n", 0).ladder, 0);
	/* Nobody is left after that one: the harder line has its turn. */
	move = w.plan.steps[0];
	w_moved(&w, &move, 0, OUTCOME_DONE);
	w_tick(&w, 100 * MS);
	for (int i = 0; i < 50 && w_status(&w, "n", 0).ladder == 0; i++) {
		for (size_t k = 0; k < w.plan.step_count; k++)
			check(w.plan.steps[k].action != ACTION_MIGRATE);
		w_tick(&w, 100 * MS);
	}
	check(w_status(&w, "n", 0).ladder > 0 || w_status(&w, "n", 0).state == RULE_EXHAUSTED);
	w_stop(&w);
}

TEST(is_cancelled_when_clear)
{
	start_short();
	struct step move = w.plan.steps[0];

	w_moved(&w, &move, 700 * MIB, OUTCOME_RUNNING);
	w_headroom(&w, 0, 3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].order, STEP_CANCEL);
	check_int(w.plan.steps[0].id, move.id);
	check_str(w.plan.steps[0].target.name, "db.scope");
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	check_int(w_status(&w, "n", 0).state, RULE_IDLE);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	w_moved(&w, &move, 0, OUTCOME_CANCELLED);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count + w.plan.note_count, 0); /* no verdict on what was stopped */
	w_stop(&w);
}

TEST(fires_again_while_its_cancelled_step_still_ends)
{
	start_short();
	struct step move = w.plan.steps[0];

	w_headroom(&w, 0, 3 * GIB);
	w_tick(&w, 100 * MS);
	w_headroom(&w, 0, 800 * MIB);
	w_tick(&w, 100 * MS);
	/* The only guest is busy with being let go: that is no reason to kill. */
	check_int(w.plan.step_count, 0);
	check_int(w_refused(&w, REFUSE_BUSY), 1);
	w_quiet(&w, 100 * MS, 3 * SEC);
	w_outcome(&w, move.id, OUTCOME_CANCELLED);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check(w.plan.steps[0].id != move.id);
	w_stop(&w);
}

TEST(goes_on_for_as_long_as_it_works)
{
	start_short();
	/* Whatever is moved off is taken again at once: 1.4 GiB a round, 4 GiB to give. */
	size_t moves = 0, kills = 0;
	int64_t moved = 0;

	for (int i = 0; i < 300 && kills == 0; i++) {
		for (size_t s = 0; s < w.plan.step_count; s++) {
			struct step step = w.plan.steps[s];

			if (step.action == ACTION_KILL) {
				kills++;
				continue;
			}
			check_int(step.order, STEP_START);
			moves++;
			moved += (int64_t)step.migrate.bytes;
			w_moved(&w, &step, (int64_t)step.migrate.bytes, OUTCOME_DONE);
		}
		/* The other node does not fill up: what it has, it has. */
		w_headroom(&w, 1, 4 * GIB);
		w_tick(&w, 100 * MS);
	}
	check_int(moves, 3);
	check_int(moved, 4 * GIB);
	check_int(kills, 1); /* and only then */
	w_stop(&w);
}

TEST(a_round_that_gained_less_than_half_is_the_last)
{
	start_short();
	struct step move = w.plan.steps[0];

	w_moved(&w, &move, 400 * MIB, OUTCOME_DONE);
	w_outcome(&w, move.id, OUTCOME_DONE);
	check(w_until_step(&w, 100 * MS, 10 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(keeps_moving_while_the_node_falls_though_the_bytes_are_there)
{
	w_start(&w, act,
		"[Rule n]\nOn=node\nWhen=node.headroom < 1G or node.time-to-empty < 20s\n"
		"Until=node.headroom > 2G and node.time-to-empty > 60s\nDo=migrate\nDo=kill\n"
		"StepWait=2s\n");
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_headroom(&w, 0, 2500 * MIB);
	w_node_empty_in(&w, 0, 10 * (int64_t)SEC); /* 250 MiB/s */
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check_int(w.plan.steps[0].migrate.bytes, 500 * MIB); /* two seconds of it */
	struct step move = w.plan.steps[0];

	w_moved(&w, &move, 500 * MIB, OUTCOME_DONE);
	check(w_until_step(&w, 100 * MS, SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	w_stop(&w);
}

TEST(two_rules_of_one_node_do_not_move_it_twice)
{
	w_start(&w, act,
		"[Rule a]\nOn=node\nPriority=1\nWhen=node.headroom < 1G\n"
		"Until=node.headroom > 2G\nDo=migrate\n"
		"[Rule b]\nOn=node\nPriority=2\nWhen=node.headroom < 900M\n"
		"Until=node.headroom > 2G\nDo=migrate\nDo=kill\nStepWait=2s\n");
	w_service(&w, "machine.slice/db.scope", 0, 2 * GIB);
	w_service(&w, "machine.slice/web.scope", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_str(w.config->rules[w.plan.steps[0].rule].name, "a");
	struct step move = w.plan.steps[0];

	/* b waits for a's relief; it neither moves more nor walks on to the kill. */
	w_quiet(&w, 100 * MS, 5 * SEC);
	w_moved(&w, &move, 100 * MIB, OUTCOME_RUNNING);
	w_headroom(&w, 0, 900 * MIB);
	w_quiet(&w, 100 * MS, 5 * SEC);
	w_stop(&w);
}

TEST(a_node_in_trouble_is_no_destination)
{
	w_start(&w, act, rule);
	w.snapshot.node_count = 3;
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w_service(&w, "machine.slice/web.scope", 1, 4 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_headroom(&w, 1, 1500 * MIB); /* below its own clear level, though not short */
	w_headroom(&w, 2, 2100 * MIB); /* 52 MiB above it */
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].migrate.to_node, 2);
	check(w.plan.steps[0].migrate.bytes <= 52 * (uint64_t)MIB);
	w_stop(&w);
}

TEST(both_nodes_short_and_nothing_goes_back_and_forth)
{
	w_start(&w, act, rule);
	w_service(&w, "machine.slice/db.scope", 0, 3 * GIB);
	w_service(&w, "machine.slice/web.scope", 1, 3 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_headroom(&w, 1, 800 * MIB);
	for (int i = 0; i < 6000; i++) { /* ten minutes */
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count, 0);
	}
	w_stop(&w);
}

TEST(what_was_moved_does_not_make_its_new_home_fire)
{
	/* The whole loop, with a node that shrinks by what it takes. */
	w_start(&w, act, rule);
	w_service(&w, "machine.slice/db.scope", 0, 6 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_headroom(&w, 1, 3 * GIB);
	int64_t moved = 0;

	for (int i = 0; i < 6000; i++) {
		w_tick(&w, 100 * MS);
		for (size_t s = 0; s < w.plan.step_count; s++) {
			struct step step = w.plan.steps[s];

			check_int(step.migrate.from_node, 0);
			moved += (int64_t)step.migrate.bytes;
			w_moved(&w, &step, (int64_t)step.migrate.bytes, OUTCOME_DONE);
			w_headroom(&w, 1, 3 * GIB - moved);
			/* Node 0 never recovers: somebody eats it all. */
		}
	}
	check(moved > 900 * MIB && moved <= 1 * GIB);
	check_int(w_status(&w, "n", 1).state, RULE_IDLE);
	w_stop(&w);
}

TEST(a_full_node_that_nobody_is_confined_to_is_left_alone)
{
	/* One node is nearly full, but nobody is confined to it. */
	w_start(&w, act,
		"[Rule n]\nOn=node\nWhen=node.headroom < 1G\nWhen=node.confined > 0\n"
		"Until=node.headroom > 2G\nDo=migrate\n");
	w_service(&w, "machine.slice/db.scope", 0, 3 * GIB);
	w_headroom(&w, 0, 100 * MIB);
	w_set(w.nodes[0].readings, METRIC_NODE_CONFINED, 0);
	w_quiet(&w, 100 * MS, 10 * SEC);
	/* Now somebody is; the host as a whole has plenty. */
	w_set(w.nodes[0].readings, METRIC_NODE_CONFINED, 1);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	w_stop(&w);
}

TEST(without_a_step_wait_the_line_still_comes_before_the_next)
{
	w_start(&w, act,
		"[Rule n]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\n"
		"Do=migrate\nDo=kill\nStepWait=0\n");
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_tick(&w, 20 * MS);
	struct step move = w.plan.steps[0];

	w_moved(&w, &move, (int64_t)move.migrate.bytes, OUTCOME_DONE);
	check(w_until_step(&w, 20 * MS, SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	w_stop(&w);
}

TEST(gained_is_what_is_seen_and_not_what_is_claimed)
{
	start_short();
	struct step move = w.plan.steps[0];

	/* All is moved by its account, but the guest has taken most of it back: half-hearted, so
	 * the next line is due, though the guest has more to give. */
	w_moved(&w, &move, 500 * MIB, OUTCOME_DONE);
	w.outcomes[0].done_bytes = move.migrate.bytes;
	check(w_until_step(&w, 100 * MS, 10 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(until_a_sample_comes_the_claim_counts)
{
	for (int half = 0; half < 2; half++) {
		start_short();
		struct step move = w.plan.steps[0];
		usec_t sampled_at = w.now;
		struct outcome *o = w_outcome(&w, move.id, OUTCOME_DONE);
		const struct step *next = NULL;

		o->done_bytes = half ? move.migrate.bytes / 2 : move.migrate.bytes / 2 - MIB;
		for (int i = 0; i < 60 && !next; i++) {
			w.now += 100 * MS;
			w.services[0].sampled_at = sampled_at;
			engine_tick(w.engine, &w.snapshot, w.outcomes, w.outcome_count, w.now,
				    &w.plan);
			w.outcome_count = 0;
			next = w.plan.step_count > 0 ? &w.plan.steps[0] : NULL;
		}
		check(next);
		check_int(next->action, half ? ACTION_MIGRATE : ACTION_KILL);
		w_stop(&w);
	}
}

TEST(a_round_that_failed_is_the_last)
{
	start_short();
	struct step move = w.plan.steps[0];

	w_moved(&w, &move, 1300 * MIB, OUTCOME_FAILED);
	w.outcomes[0].error = EPERM;
	check(w_until_step(&w, 100 * MS, 10 * SEC) == 2100 * MS);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(a_step_that_was_stopped_from_outside_says_nothing)
{
	start_short();
	struct step move = w.plan.steps[0];

	w_moved(&w, &move, 1300 * MIB, OUTCOME_CANCELLED);
	w_tick(&w, 100 * MS);
	check_int(w.plan.note_count, 0);
	check_int(w_status(&w, "n", 0).state, RULE_WAITING);
	check_int(w_until_step(&w, 100 * MS, 10 * SEC), 2 * SEC);
	w_stop(&w);
}

TEST(an_old_sample_still_holds_what_was_moved)
{
	start_short();
	struct step move = w.plan.steps[0];
	usec_t sampled_at = w.services[0].sampled_at;
	struct outcome *o = w_outcome(&w, move.id, OUTCOME_RUNNING);

	/* 400 of 1405 MiB are moved; by the sample of before all 4 GiB are there. */
	o->done_bytes = 400 * MIB;
	w.services[0].sampled_at = sampled_at;
	w_resize(&w, 0, 0, 1600 * MIB);
	w_headroom(&w, 0, 100 * MIB);
	w.now += 100 * MS;
	engine_tick(w.engine, &w.snapshot, w.outcomes, w.outcome_count, w.now, &w.plan);
	w.outcome_count = 0;
	/* 1600 less what is still to move and what is gone already. */
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].order, STEP_RESIZE);
	check_int(w.plan.steps[0].migrate.bytes, 1600 * MIB);
	w_stop(&w);
}

TEST(what_another_rule_calls_trouble_is_no_destination)
{
	w_start(&w, act,
		"[Rule n]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\nDo=migrate\n"
		"[Rule early]\nOn=node\nWhen=node.headroom < 3G\nUntil=node.headroom > 3500M\n"
		"For=1h\nDo=migrate\n");
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_headroom(&w, 1, 2900 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	check(w_refused(&w, REFUSE_NO_ROOM) > 0);
	w_stop(&w);
}

TEST(a_node_that_runs_dry_itself_is_no_destination)
{
	w_start(&w, act,
		"[Rule n]\nOn=node\nWhen=node.headroom < 1G\n"
		"Until=node.headroom > 2G and node.time-to-empty > 60s\nDo=migrate\n");
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_node_empty_in(&w, 1, 30 * (int64_t)SEC);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	w_stop(&w);
}
