/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A dry run says what it would do, once, and keeps to what that would have changed. */

#include "test.h"

#include "world.h"

static struct world w;

static const char *const dry = "Mode=dry-run\nKillBudget=60/1h\n";

static const char *const node_rule = "[Rule n]\nOn=node\nWhen=node.headroom < 1G\n"
				     "Until=node.headroom > 2G\nCooldown=10s\n"
				     "Do=migrate\nDo=kill grace=1s\nStepWait=2s\n";

static void start_short(const char *agent, const char *rules)
{
	w_start(&w, agent, rules);
	w_service(&w, "machine.slice/db.scope", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_tick(&w, 100 * MS);
}

/* What the executor says of a dry-run step. */
static void answer(void)
{
	for (size_t i = 0; i < w.plan.step_count; i++) {
		struct outcome *o = w_outcome(&w, w.plan.steps[i].id, OUTCOME_DONE);

		o->simulated = true;
		o->done_bytes = (uint64_t)w.plan.steps[i].expected_gain;
	}
}

TEST(says_each_thing_once_and_does_not_march_on)
{
	start_short(dry, node_rule);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check_int(w.plan.steps[0].mode, MODE_DRY_RUN);
	check_contains(w.plan.steps[0].mode_from, "agent");
	check_int(w_notes(&w, NOTE_FIRED), 1);
	answer();
	for (int i = 0; i < 3000; i++) { /* five minutes */
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count + w.plan.note_count + w.plan.refusal_count, 0);
	}
	check(w_status(&w, "n", 0).state != RULE_IDLE);
	w_headroom(&w, 0, 3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	w_tick(&w, 100 * MS);
	check_int(w_status(&w, "n", 0).state, RULE_IDLE);
	/* The next episode is news again. */
	w_headroom(&w, 0, 800 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	w_stop(&w);
}

TEST(without_an_executor_it_is_the_same)
{
	start_short(dry, node_rule);
	w_quiet(&w, 100 * MS, 60 * SEC);
	w_stop(&w);
}

TEST(grows_in_silence_and_goes_on_only_when_used_up)
{
	w_start(&w, dry,
		"[Rule n]\nOn=node\nWhen=node.headroom < 3G\nUntil=node.headroom > 4G\n"
		"Cooldown=10s\nDo=migrate\nDo=kill grace=1s\nStepWait=2s\n");
	w_headroom(&w, 1, 8 * GIB);
	w_service(&w, "machine.slice/db.scope", 0, 3 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_headroom(&w, 0, 2900 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check(w.plan.steps[0].migrate.bytes < 1400 * (uint64_t)MIB);

	/* It would have to move more of the same guest: that is no news. */
	w_headroom(&w, 0, 1400 * MIB);
	w_quiet(&w, 100 * MS, 30 * SEC);

	/* All 3 GiB would not do. */
	w_headroom(&w, 0, -200 * MIB);
	check_int(w_until_step(&w, 100 * MS, 10 * SEC), 2100 * MS);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(the_next_candidate_is_news_and_then_the_next_line)
{
	w_start(&w, dry,
		"[Rule n]\nOn=node\nWhen=node.headroom < 3G\nUntil=node.headroom > 4G\n"
		"Cooldown=10s\nDo=migrate\nDo=kill grace=1s\nStepWait=2s\n");
	w_headroom(&w, 1, 8 * GIB);
	w_service(&w, "machine.slice/db.scope", 0, 1 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_headroom(&w, 0, 100 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].target.key, 100);
	check_int(w.plan.steps[0].migrate.bytes, 1 * GIB);

	/* Somebody else comes who could be moved: said as soon as seen. */
	w_service(&w, "machine.slice/late.scope", 0, 300 * MIB);
	check(w_until_step(&w, 100 * MS, SEC) != USEC_INFINITY);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].target.key, 103);

	/* 1.4 GiB would not do: if that were not enough, one kill. */
	check_int(w_until_step(&w, 100 * MS, 10 * SEC), 2 * SEC);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	check_int(w.plan.steps[0].ladder, 1);
	check_int(w.plan.steps[0].mode, MODE_DRY_RUN);

	/* And not another one, however long it lasts. */
	w_quiet(&w, 100 * MS, 120 * SEC);
	w_stop(&w);
}

TEST(a_simulated_kill_is_credited_to_its_own_metric_only)
{
	w_start(&w, dry,
		"[Rule h]\nOn=host\nWhen=mem.available < 1G\nUntil=mem.available > 2G\n"
		"Cooldown=10s\nDo=kill grace=1s\nDo=notify\nStepWait=2s\n"
		"[Rule p]\nOn=host\nWhen=psi.memory.full.avg10 > 20%\nCooldown=10s\n"
		"Do=kill grace=1s\nStepWait=2s\n");
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 2 * GIB);
	w_set(w.snapshot.host.readings, METRIC_PSI_MEMORY_FULL, 5000);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_str(w.config->rules[w.plan.steps[0].rule].name, "h");

	/* Pressure cannot be credited: p says its own kill, of somebody who is still "alive", and
	 * then no more; h is content and does not go on to its next line. */
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	check_int(w.plan.step_count, 1);
	check_str(w.config->rules[w.plan.steps[0].rule].name, "p");
	check(w.plan.steps[0].target.key == 101);
	for (int i = 0; i < 1200; i++) {
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count, 0);
		check_int(w_notes(&w, NOTE_EXHAUSTED), 0);
	}
	w_stop(&w);
}

TEST(time_to_empty_follows_the_credit)
{
	w_start(&w, dry,
		"[Rule n]\nOn=node\nWhen=node.headroom < 1G or node.time-to-empty < 10s\n"
		"Until=node.headroom > 2G and node.time-to-empty > 20s\nDo=migrate\n"
		"Do=kill grace=1s\nStepWait=2s\n");
	w_service(&w, "machine.slice/db.scope", 0, 6 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_headroom(&w, 1, 8 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_node_empty_in(&w, 0, 5 * (int64_t)SEC); /* 160 MiB/s: clear at 3.2 GiB */
	w_tick(&w, 100 * MS);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	/* The step grows until the time would be long enough, and there is no kill. */
	w_quiet(&w, 100 * MS, 60 * SEC);
	w_stop(&w);
}

TEST(a_credit_is_seen_by_other_dry_runs_of_the_node)
{
	start_short(dry, "[Rule a]\nOn=node\nPriority=1\nWhen=node.headroom < 1G\n"
			 "Until=node.headroom > 2G\nDo=migrate\n"
			 "[Rule b]\nOn=node\nPriority=2\nWhen=node.headroom < 1G\n"
			 "Until=node.headroom > 2G\nDo=kill grace=1s\n");
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	w_quiet(&w, 100 * MS, 60 * SEC);
	w_stop(&w);
}

TEST(a_credit_is_worth_no_more_than_is_left)
{
	start_short(dry, node_rule);
	/* The guest moves away by itself; the node is short for another reason now. */
	w_resize(&w, 0, 0, 0);
	w_headroom(&w, 0, 500 * MIB);
	check(w_until_step(&w, 100 * MS, 10 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	w_stop(&w);
}

TEST(notify_in_dry_run_is_said_once_an_episode)
{
	w_start(&w, dry,
		"[Rule h]\nOn=host\nWhen=mem.available < 1G\nUntil=mem.available > 2G\n"
		"Cooldown=5s\nDo=notify\n");
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	w_quiet(&w, 100 * MS, 120 * SEC);
	w_stop(&w);
}

/* Mixed: the move is only rehearsed, the kill is real. */
static const char *const kill_only = "Mode=enforce\nEnforceActions=kill notify\nKillBudget=60/1h\n";

TEST(a_rehearsed_move_does_not_keep_a_real_kill_away)
{
	start_short(kill_only, node_rule);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_MIGRATE);
	check_int(w.plan.steps[0].mode, MODE_DRY_RUN);
	check_contains(w.plan.steps[0].mode_from, "EnforceActions");
	/* The real node is still short, and the real kill comes when the move would have had its
	 * time, not before. */
	check_int(w_until_step(&w, 100 * MS, 10 * SEC), 2 * SEC);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	check_int(w.plan.steps[0].mode, MODE_ENFORCE);
	check(!w.plan.steps[0].mode_from);
	w_stop(&w);
}

TEST(used_up_is_not_said_of_what_a_rehearsal_would_clear)
{
	start_short("Mode=enforce\nEnforceActions=notify\n",
		    "[Rule n]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\n"
		    "Cooldown=10s\nDo=notify\nDo=migrate\nDo=kill grace=1s\nStepWait=1s\n");
	size_t moves = 0, kills = 0, alarms = 0;

	for (int i = 0; i < 600; i++) {
		for (size_t s = 0; s < w.plan.step_count; s++) {
			moves += w.plan.steps[s].action == ACTION_MIGRATE;
			kills += w.plan.steps[s].action == ACTION_KILL;
			if (w.plan.steps[s].action != ACTION_NOTIFY)
				continue;
			alarms++;
			w_outcome(&w, w.plan.steps[s].id, OUTCOME_DONE);
		}
		w_tick(&w, 100 * MS);
		check_int(w_notes(&w, NOTE_EXHAUSTED), 0);
	}
	check_int(moves, 1);
	check_int(kills, 0);
	check(alarms > 1); /* what is real goes on: once in a cooldown */
	w_stop(&w);

	/* A real kill in vain is said, whatever is rehearsed. */
	start_short(kill_only, node_rule);
	check(w_until_step(&w, 100 * MS, 10 * SEC) != USEC_INFINITY);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE)->signalled = 1;
	size_t said = 0;

	for (int i = 0; i < 30; i++) {
		w_tick(&w, 100 * MS);
		said += w_notes(&w, NOTE_EXHAUSTED);
	}
	check_int(said, 1);
	w_stop(&w);
}

TEST(nor_does_it_cause_one)
{
	/* The node recovers by itself: no kill. */
	start_short(kill_only, node_rule);
	w_headroom(&w, 0, 1500 * MIB);
	w_quiet(&w, 100 * MS, 30 * SEC);
	w_headroom(&w, 0, 3 * GIB);
	w_quiet(&w, 100 * MS, 30 * SEC);
	w_stop(&w);
}

TEST(a_real_move_and_a_rehearsed_kill)
{
	start_short("Mode=enforce\nEnforceActions=migrate\n", node_rule);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].mode, MODE_ENFORCE);
	struct step move = w.plan.steps[0];

	w_quiet(&w, 100 * MS, 10 * SEC);
	w_moved(&w, &move, (int64_t)move.migrate.bytes, OUTCOME_DONE);
	size_t kills = 0, moves = 0;

	for (int i = 0; i < 1000; i++) {
		w_tick(&w, 100 * MS);
		for (size_t s = 0; s < w.plan.step_count; s++) {
			struct step step = w.plan.steps[s];

			if (step.action == ACTION_KILL) {
				check_int(step.mode, MODE_DRY_RUN);
				kills++;
			} else {
				check_int(step.mode, MODE_ENFORCE);
				moves++;
				w_moved(&w, &step, (int64_t)step.migrate.bytes, OUTCOME_DONE);
			}
		}
	}
	check_int(kills, 1);
	check_int(moves, 1); /* what was left of the guest */
	w_stop(&w);
}

static const char *const mixed_policies =
	"[Policy trusted]\nMatch=machine.slice/ok-*.scope\nKind=vm\nNodes=relieve\nRank=100\n"
	"[Policy new]\nMatch=machine.slice/*.scope\nKind=vm\nNodes=relieve\nMode=dry-run\n"
	"[Policy builds]\nMatch=system.slice/ci-*.service\nKill=first\n";

TEST(the_policy_of_the_target_decides)
{
	w_start_with(&w, "Mode=enforce\n", mixed_policies, node_rule);
	w_service(&w, "machine.slice/ok-1.scope", 0, 600 * MIB);
	w_service(&w, "machine.slice/new.scope", 0, 2 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_tick(&w, 100 * MS);
	/* What may be moved is moved; what is missing beyond that is rehearsed. */
	check_int(w.plan.step_count, 2);
	check_int(w.plan.steps[0].target.key, 100);
	check_int(w.plan.steps[0].mode, MODE_ENFORCE);
	check_int(w.plan.steps[0].migrate.bytes, 600 * MIB);
	check_int(w.plan.steps[1].target.key, 101);
	check_int(w.plan.steps[1].mode, MODE_DRY_RUN);
	check_contains(w.plan.steps[1].mode_from, "policy");
	check_int(w.plan.steps[1].migrate.bytes, 805 * MIB);
	w_stop(&w);
}

TEST(what_one_kind_has_not_is_not_said_when_the_other_has)
{
	w_start_with(&w, "Mode=enforce\n", mixed_policies, node_rule);
	w_service(&w, "machine.slice/new.scope", 0, 2 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].mode, MODE_DRY_RUN);
	check_int(w.plan.refusal_count, 0); /* "nobody to move" would be wrong */
	w_stop(&w);
}

TEST(a_real_kill_needs_no_rehearsal_beside_it)
{
	w_start_with(&w, "Mode=enforce\n",
		     "[Policy real]\nMatch=system.slice/ci-*.service\nKill=first\n"
		     "[Policy new]\nMatch=system.slice/new-*.service\nKill=first\n"
		     "Mode=dry-run\n",
		     "[Rule h]\nOn=host\nWhen=mem.available < 1G\nUntil=mem.available > 2G\n"
		     "Do=kill grace=1s\n");
	w_service(&w, "system.slice/new-1.service", 0, 4 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].mode, MODE_ENFORCE);
	check_int(w.plan.steps[0].target.key, 101);
	check_int(w.plan.refusal_count, 0);
	w_stop(&w);
}

TEST(staging_the_most_careful_one_wins)
{
	static const struct {
		const char *agent, *rule, *from;
	} cases[] = {
		{ "Mode=enforce\n", "", NULL },
		{ "Mode=enforce\nEnforceActions=notify migrate\n", "", NULL },
		{ "Mode=enforce\nEnforceActions=kill\n", "", "EnforceActions" },
		{ "Mode=enforce\n", "Mode=dry-run\n", "rule" },
		{ "Mode=dry-run\nEnforceActions=notify\n", "Mode=enforce\n", "agent" },
		{ "", "Mode=enforce\n", "agent" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char rules[256];

		snprintf(rules, sizeof(rules),
			 "[Rule h]\nOn=host\n%sWhen=mem.available < 1G\nDo=notify\n",
			 cases[i].rule);
		w_start(&w, cases[i].agent, rules);
		w_available(&w, 500 * MIB);
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count, 1);
		check_int(w.plan.steps[0].mode, cases[i].from ? MODE_DRY_RUN : MODE_ENFORCE);
		if (cases[i].from)
			check_contains(w.plan.steps[0].mode_from, cases[i].from);
		else
			check(!w.plan.steps[0].mode_from);
		w_stop(&w);
	}
}

TEST(dry_run_and_real_decide_alike_at_the_same_time)
{
	/* The same machine twice. The real one carries its steps out as the other assumes. */
	static const char *const agents[] = { "Mode=dry-run\n", "Mode=enforce\n" };
	char story[2][2000] = { "", "" };

	for (int run = 0; run < 2; run++) {
		w_start(&w, agents[run], node_rule);
		w_service(&w, "machine.slice/db.scope", 0, 2 * GIB);
		w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
		for (int i = 0; i < 100; i++) {
			int64_t headroom = 4 * GIB - i * 100 * MIB;

			if (headroom < 800 * MIB)
				headroom = 800 * MIB;
			w_headroom(&w, 0, headroom + (int64_t)w.shares[0][1].movable_bytes);
			w_tick(&w, 100 * MS);
			for (size_t s = 0; s < w.plan.step_count; s++) {
				struct step step = w.plan.steps[s];
				size_t used = strlen(story[run]);

				snprintf(story[run] + used, sizeof(story[run]) - used,
					 "%d: %d of %s %" PRIu64 "\n", i, (int)step.action,
					 step.target.name, step.migrate.bytes);
				if (run == 1)
					w_moved(&w, &step, (int64_t)step.migrate.bytes,
						OUTCOME_DONE);
			}
		}
		w_stop(&w);
	}
	check(story[0][0] != '\0');
	check_str(story[1], story[0]);
}
