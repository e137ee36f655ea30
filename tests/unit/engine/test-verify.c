/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Was it worth it, and what follows from that. */

#include "test.h"

#include "world.h"

#include <errno.h>

static struct world w;

static const char *const act = "Mode=enforce\nEnforceActions=\nKillBudget=60/1h\n";

static const char *const rule = "[Rule n]\nOn=node\nWhen=node.headroom < 1G\n"
				"Until=node.headroom > 2G\nCooldown=0\n"
				"Do=migrate bytes=1G\nStepWait=1s\n";

static struct step move;

static void start_move(void)
{
	w_start(&w, act, rule);
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	move = w.plan.steps[0];
}

/* Ends the move with so much done by its account and so much gone from the node by the samples. */
static void end_move(int64_t account, int64_t gone)
{
	struct outcome *o = w_outcome(&w, move.id, OUTCOME_DONE);

	o->done_bytes = (uint64_t)account;
	w_resize(&w, 0, 0, 4 * GIB - gone);
	w_set(w.services[0].readings, METRIC_SERVICE_CURRENT, 4 * GIB);
}

/* Ticks for half a second; how often was it said to be without effect? */
static size_t verdicts(void)
{
	size_t count = 0;

	for (int i = 0; i < 5; i++) {
		w_tick(&w, 100 * MS);
		count += w_notes(&w, NOTE_NO_EFFECT);
	}
	return count;
}

TEST(met_partly_met_and_without_effect)
{
	start_move();
	end_move(1 * GIB, 512 * MIB);
	check_int(verdicts(), 0);
	w_stop(&w);

	start_move();
	end_move(1 * GIB, 103 * MIB);
	check_int(verdicts(), 0);
	w_stop(&w);

	start_move();
	end_move(1 * GIB, 102 * MIB); /* below a tenth */
	check_int(verdicts(), 1);
	w_stop(&w);
}

TEST(the_verdict_names_its_numbers)
{
	start_move();
	end_move(1 * GIB, 50 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.note_count, 0); /* not before it has settled */
	w_tick(&w, 100 * MS);
	check_int(w.plan.note_count, 0);
	w_tick(&w, 100 * MS);
	check_int(w.plan.note_count, 1);
	check_int(w.plan.notes[0].kind, NOTE_NO_EFFECT);
	check_int(w.plan.notes[0].step, move.id);
	check_int(w.plan.notes[0].expected, 1 * GIB);
	check_int(w.plan.notes[0].gained, 50 * MIB);
	check_int(w.plan.notes[0].subject.key, 0);
	w_stop(&w);
}

TEST(what_was_gained_is_told)
{
	start_move();
	end_move(1 * GIB, 900 * MIB);
	w_tick(&w, 100 * MS);
	w_tick(&w, 100 * MS);
	check_int(w.plan.note_count, 0);
	w_tick(&w, 100 * MS);
	check_int(w.plan.note_count, 1);
	check_int(w.plan.notes[0].kind, NOTE_GAINED);
	check_int(w.plan.notes[0].step, move.id);
	check_int(w.plan.notes[0].expected, 1 * GIB);
	check_int(w.plan.notes[0].gained, 900 * MIB);
	w_stop(&w);
}

TEST(the_growth_of_the_starved_hides_no_gain)
{
	start_move();
	end_move(1 * GIB, 1 * GIB);
	w_headroom(&w, 0, 100 * MIB); /* all of it is eaten, and more */
	check_int(verdicts(), 0);
	w_stop(&w);
}

TEST(the_account_alone_is_enough_for_nothing_moved)
{
	start_move();
	end_move(0, 0);
	w.outcomes[0].pages.pinned = 1 << 18;
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_NO_EFFECT), 1);
	w_stop(&w);
}

/* Services are not sampled for a while: what they show is from before, and says nothing. */
static void ticks_without_sample(int count)
{
	usec_t old = w.now;

	while (count-- > 0) {
		w.now += 100 * MS;
		w.services[0].sampled_at = old;
		engine_tick(w.engine, &w.snapshot, w.outcomes, w.outcome_count, w.now, &w.plan);
		w.outcome_count = 0;
		check_int(w_notes(&w, NOTE_NO_EFFECT), 0);
	}
}

TEST(only_a_later_sample_counts)
{
	start_move();
	end_move(1 * GIB, 0);
	ticks_without_sample(90);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_NO_EFFECT), 1);
	w_stop(&w);

	/* No sample for too long: the account is taken. */
	start_move();
	end_move(1 * GIB, 0);
	ticks_without_sample(150);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_NO_EFFECT), 0);
	w_stop(&w);
}

/* Time until the guest is moved again, with a rule that would every two seconds. */
static usec_t until_moved_again(usec_t at_most)
{
	return w_until_step(&w, 500 * MS, at_most);
}

TEST(no_effect_bars_the_target_for_ten_minutes)
{
	start_move();
	end_move(0, 0);
	w_tick(&w, 500 * MS);
	usec_t took = until_moved_again(1200 * SEC);

	check(took >= 600 * SEC && took <= 602 * SEC);
	check_int(w.plan.steps[0].target.key, 100);
	w_stop(&w);
}

TEST(met_does_not_bar)
{
	start_move();
	end_move(1 * GIB, 1 * GIB);
	check(until_moved_again(10 * SEC) <= 5 * SEC);
	w_stop(&w);
}

TEST(a_change_of_size_by_a_fifth_lifts_the_bar)
{
	static const struct {
		int64_t size;
		bool lifts;
	} cases[] = {
		{ 4 * GIB + 4 * GIB / 5, true },
		{ 4 * GIB + 4 * GIB / 5 - MIB, false },
		{ 4 * GIB - 4 * GIB / 5 - MIB, true },
		{ 4 * GIB - 4 * GIB / 5 + MIB, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start_move();
		end_move(0, 0);
		check(until_moved_again(60 * SEC) == USEC_INFINITY);
		w_set(w.services[0].readings, METRIC_SERVICE_CURRENT, cases[i].size);
		check((until_moved_again(60 * SEC) != USEC_INFINITY) == cases[i].lifts);
		w_stop(&w);
	}
}

TEST(a_change_of_what_holds_it_lifts_the_bar)
{
	start_move();
	w.services[0].hold = HOLD_PINNED;
	end_move(0, 0);
	check(until_moved_again(60 * SEC) == USEC_INFINITY);
	w.services[0].hold = HOLD_NONE;
	check(until_moved_again(60 * SEC) != USEC_INFINITY);
	w_stop(&w);
}

TEST(a_bar_is_for_one_action_and_one_target)
{
	start_move();
	w_service(&w, "machine.slice/web.scope", 0, 2 * GIB);
	end_move(0, 0);
	check(until_moved_again(10 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].target.key, 101);
	w_stop(&w);
}

TEST(failed_without_a_byte_bars_unless_nobody_was_to_blame)
{
	start_move();
	w_outcome(&w, move.id, OUTCOME_FAILED)->error = EPERM;
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_NO_EFFECT), 1);
	check(until_moved_again(60 * SEC) == USEC_INFINITY);
	w_stop(&w);

	start_move();
	w_outcome(&w, move.id, OUTCOME_FAILED)->error = EBUSY;
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_NO_EFFECT), 0);
	check(until_moved_again(60 * SEC) != USEC_INFINITY);
	w_stop(&w);
}

TEST(a_target_that_went_away_gets_no_verdict)
{
	start_move();
	end_move(1 * GIB, 1 * GIB);
	w.snapshot.service_count = 0;
	check_int(verdicts(), 0);
	w_stop(&w);
}

static const char *const kill_rule = "[Rule h]\nOn=host\nWhen=mem.available < 1G\n"
				     "Until=mem.available > 2G\nCooldown=0\n"
				     "Do=kill grace=1s\nStepWait=1s\n";

static void start_kill(void)
{
	w_start(&w, act, kill_rule);
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_service(&w, "system.slice/batch-1.service", 0, 1 * GIB);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.steps[0].target.key, 100);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE)->signalled = 3;
}

TEST(a_killed_service_that_is_gone_has_given_all)
{
	start_kill();
	w.services[0] = w.services[1];
	w.snapshot.service_count = 1;
	w_available(&w, 400 * MIB); /* the hog took it all the same */
	for (int i = 0; i < 15; i++) {
		w_tick(&w, 100 * MS);
		check_int(w_notes(&w, NOTE_NO_EFFECT), 0);
	}
	w_stop(&w);
}

TEST(a_service_that_is_back_at_once_is_not_killed_again)
{
	start_kill();
	check(w_until_step(&w, 100 * MS, 60 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].target.key, 101);
	w_stop(&w);
}

static const char *const compact_rule = "[Rule n]\nOn=node\nWhen=node.unusable.order3 > 50%\n"
					"Until=node.unusable.order3 < 20%\nCooldown=2s\n"
					"Do=compact order=3\nStepWait=1s\n";

static void start_compaction(void)
{
	w_start(&w, act, compact_rule);
	w_set(w.nodes[0].readings, METRIC_NODE_UNUSABLE_ORDER_3, 8000);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_COMPACT);
	/* It counts no bytes. */
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
}

static size_t no_effects(usec_t total)
{
	size_t count = 0;

	for (usec_t t = 0; t < total; t += 100 * MS) {
		w_tick(&w, 100 * MS);
		count += w_notes(&w, NOTE_NO_EFFECT);
	}
	return count;
}

TEST(what_counts_no_bytes_is_judged_by_the_machine)
{
	start_compaction();
	check_int(no_effects(500 * MS), 0); /* it is let settle */
	w_set(w.nodes[0].readings, METRIC_NODE_UNUSABLE_ORDER_3, 3000);
	check_int(no_effects(5 * SEC), 0);
	w_stop(&w);
}

/* A tick in which the free lists are not read: they are as they were `since`. */
static size_t no_effect_without_lists(usec_t since)
{
	w.now += 100 * MS;
	w.snapshot.blocks_at = since;
	engine_tick(w.engine, &w.snapshot, w.outcomes, w.outcome_count, w.now, &w.plan);
	w.outcome_count = 0;
	return w_notes(&w, NOTE_NO_EFFECT);
}

TEST(free_lists_of_before_say_nothing_of_a_compaction)
{
	usec_t old;

	start_compaction();
	w_tick(&w, 100 * MS);
	old = w.now;
	for (int i = 0; i < 80; i++)
		check_int(no_effect_without_lists(old), 0);
	/* They are read, and are as bad as before. */
	check_int(no_effect_without_lists(w.now), 1);
	w_stop(&w);

	start_compaction();
	w_tick(&w, 100 * MS);
	old = w.now;
	for (int i = 0; i < 80; i++)
		check_int(no_effect_without_lists(old), 0);
	w_set(w.nodes[0].readings, METRIC_NODE_UNUSABLE_ORDER_3, 1000);
	check_int(no_effects(20 * SEC), 0);
	w_stop(&w);
}

TEST(a_node_that_nothing_came_of_is_barred_and_no_other)
{
	start_compaction();
	check_int(no_effects(3 * SEC), 1);
	/* However often the ladder starts over. */
	w_quiet(&w, 100 * MS, 60 * SEC);
	w_set(w.nodes[1].readings, METRIC_NODE_UNUSABLE_ORDER_3, 8000);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].subject.key, 1);
	/* Ten minutes, as for everybody. */
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
	w_set(w.nodes[1].readings, METRIC_NODE_UNUSABLE_ORDER_3, 1000);
	check(w_until_step(&w, 1 * SEC, 600 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].subject.key, 0);
	w_stop(&w);
}

TEST(compaction_is_credited_with_no_memory)
{
	w_start(&w, "Mode=dry-run\nKillBudget=60/1h\n",
		"[Rule a]\nOn=node\nPriority=1\nWhen=node.unusable.order3 > 50%\n"
		"Until=node.unusable.order3 < 20%\nDo=compact order=3\n"
		"[Rule b]\nOn=node\nPriority=2\nWhen=node.headroom < 1G\n"
		"Until=node.headroom > 2G\nDo=migrate bytes=until-clear\n");
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w_set(w.nodes[0].readings, METRIC_NODE_UNUSABLE_ORDER_3, 8000);
	w_headroom(&w, 0, 900 * MIB);
	w_set(w.nodes[0].readings, METRIC_NODE_FREE, 3 * GIB);
	w_tick(&w, 100 * MS);
	check(w_find(&w, ACTION_COMPACT, STEP_START));
	const struct step *step = w_find(&w, ACTION_MIGRATE, STEP_START);

	check(step && step->migrate.bytes > 1 * GIB);
	w_stop(&w);
}

/* What a pool gets back its node loses: the rule would fire again. */
TEST(huge_pages_go_back_when_their_node_can_spare_them)
{
	static const char *const shrink = "[Rule n]\nOn=node\nWhen=node.headroom < 1G\n"
					  "Until=node.headroom > 2G\nCooldown=0\n"
					  "Do=hugetlb-shrink bytes=until-clear\nStepWait=1s\n";
	uint64_t taken_bytes;

	w_start(&w, act, shrink);
	w.nodes[0].huge_page_bytes = 2 * MIB;
	w.nodes[0].huge_pages = 1024;
	w.nodes[0].huge_pages_free = 800;
	w_headroom(&w, 0, 900 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	taken_bytes = (1024 - (uint64_t)w.plan.steps[0].setting.wanted.number) * 2 * MIB;
	check(taken_bytes > 1 * GIB);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
	w.nodes[0].huge_pages = (uint64_t)w.plan.steps[0].setting.wanted.number;
	w_headroom(&w, 0, 2 * GIB + 100 * MIB);
	for (int i = 0; i < 20; i++) {
		w_tick(&w, 100 * MS);
		check(!w_find(&w, ACTION_HUGETLB_SHRINK, STEP_UNDO));
	}
	check_int(w_status(&w, "n", 0).state, RULE_IDLE);
	/* In need again it is one and the same claim. */
	w_headroom(&w, 0, 900 * MIB);
	w_tick(&w, 100 * MS);
	check(w_find(&w, ACTION_HUGETLB_SHRINK, STEP_START) ||
	      w_find(&w, ACTION_HUGETLB_SHRINK, STEP_RESIZE) || w.plan.refusal_count > 0);
	for (size_t k = 0; k < w.plan.step_count; k++)
		w_outcome(&w, w.plan.steps[k].id, OUTCOME_DONE);
	w_headroom(&w, 0, (int64_t)(2 * GIB + 3 * taken_bytes));
	for (int i = 0; i < 20 && !w_find(&w, ACTION_HUGETLB_SHRINK, STEP_UNDO); i++)
		w_tick(&w, 100 * MS);
	check(w_find(&w, ACTION_HUGETLB_SHRINK, STEP_UNDO));
	w_outcome(&w, w_find(&w, ACTION_HUGETLB_SHRINK, STEP_UNDO)->id, OUTCOME_DONE);
	w_tick(&w, 100 * MS);
	check(!w_find(&w, ACTION_HUGETLB_SHRINK, STEP_UNDO));
	w_stop(&w);
}

/* The rule clears by the first of the pages: the others are not taken back half-way. */
TEST(huge_pages_that_still_go_do_not_come_back_at_once)
{
	static const char *const shrink = "[Rule n]\nOn=node\nWhen=node.headroom < 1G\n"
					  "Until=node.headroom > 2G\nCooldown=0\n"
					  "Do=hugetlb-shrink bytes=until-clear\nStepWait=1s\n";
	struct step step;

	w_start(&w, act, shrink);
	w.nodes[0].huge_page_bytes = 2 * MIB;
	w.nodes[0].huge_pages = 1024;
	w.nodes[0].huge_pages_free = 800;
	w_headroom(&w, 0, 900 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	step = w.plan.steps[0];
	w_headroom(&w, 0, 2 * GIB + 100 * MIB);
	for (int i = 0; i < 20; i++) {
		w_outcome(&w, step.id, OUTCOME_RUNNING);
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count, 0);
	}
	check_int(w_status(&w, "n", 0).state, RULE_IDLE);
	w_outcome(&w, step.id, OUTCOME_DONE);
	w.nodes[0].huge_pages = (uint64_t)step.setting.wanted.number;
	w_quiet(&w, 100 * MS, 20 * SEC);
	/* Which is no reason to look again before the node has changed. */
	check(engine_is_at_rest(w.engine));
	w_headroom(&w, 0, 7 * GIB);
	w_tick(&w, 100 * MS);
	check(w_find(&w, ACTION_HUGETLB_SHRINK, STEP_UNDO));
	w_stop(&w);
}

TEST(a_setting_that_frees_is_judged_by_what_it_freed)
{
	static const char *const shrink = "[Rule n]\nOn=node\nWhen=node.headroom < 1G\n"
					  "Until=node.headroom > 2G\nCooldown=0\n"
					  "Do=hugetlb-shrink bytes=until-clear\nStepWait=1s\n";

	for (int works = 0; works < 2; works++) {
		w_start(&w, act, shrink);
		w.nodes[0].huge_page_bytes = 2 * MIB;
		w.nodes[0].huge_pages = 1024;
		w.nodes[0].huge_pages_free = 800;
		w_headroom(&w, 0, 900 * MIB);
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count, 1);
		check_int(w.plan.steps[0].action, ACTION_HUGETLB_SHRINK);
		w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
		if (works)
			w.nodes[0].huge_pages = (uint64_t)w.plan.steps[0].setting.wanted.number;
		check_int(no_effects(2 * SEC), !works);
		w_stop(&w);
	}
}

/* The guest that the next step's unit is about; -1: there is none for half a minute. */
static int next_evacuated(void)
{
	if (w_until_step(&w, 100 * MS, 30 * SEC) == USEC_INFINITY)
		return -1;
	check_int(w.plan.steps[0].action, ACTION_START_UNIT);
	return (int)w.plan.steps[0].target.key - 100;
}

TEST(a_guest_that_could_not_be_taken_away_is_not_asked_for_again_at_once)
{
	w_start(&w, act,
		"[Rule n]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\n"
		"Cooldown=0\nDo=start-unit evacuate@%guest.service\nStepWait=1s\n");
	w.snapshot.host.has_systemd = true;
	for (size_t i = 0; i < 2; i++) {
		size_t guest = w_service(&w, i ? "machine.slice/b.scope" : "machine.slice/a.scope",
					 0, (int64_t)(4 - i) * GIB);

		w.services[guest].guest = GUEST_QEMU;
	}
	w_headroom(&w, 0, 500 * MIB);
	check_int(next_evacuated(), 0);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_FAILED)->error = EREMOTEIO;
	check_int(next_evacuated(), 1);
	/* Where the reason is not the guest's, it is asked for again. */
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_FAILED)->error = EAGAIN;
	check_int(next_evacuated(), 1);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_FAILED)->error = EREMOTEIO;
	check_int(next_evacuated(), -1);
	/* Ten minutes, as for everybody. */
	check(w_until_step(&w, 1 * SEC, 600 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].target.key, 100);
	w_stop(&w);
}
