/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kills among others: one at a time, measured, and what comes of those that fail. */

#include "test.h"

#include "world.h"

#include <errno.h>

static struct world w;

static const char *const act = "Mode=enforce\n";

/* As the shipped rule has it: a second victim a second after the first. */
static const char *const twice = "[Rule h]\nOn=host\nWhen=mem.available < 1G\nFor=100ms\n"
				 "Cooldown=10s\nStepWait=1s\nDo=kill policy\nDo=kill policy\n"
				 "Do=notify\n";

static void start_candidates(const char *rules)
{
	w_start(&w, act, rules);
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_service(&w, "system.slice/batch-1.service", 0, 1 * GIB);
}

static void start(const char *rules)
{
	start_candidates(rules);
	w_available(&w, 500 * MIB);
}

static struct step first_kill(void)
{
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	return w.plan.steps[0];
}

/* The processes are gone; their memory need not be back. */
static void has_died(const struct step *kill)
{
	w_outcome(&w, kill->id, OUTCOME_DONE)->signalled = 3;
	for (size_t i = 0; i < w.snapshot.service_count; i++)
		if (service_key(&w.services[i]) == kill->target.key)
			w_resize(&w, i, 0, 0);
}

TEST(memory_that_comes_two_seconds_late_costs_one_life)
{
	struct step kill;

	start(twice);
	kill = first_kill();
	has_died(&kill);
	w_quiet(&w, 100 * MS, 2 * SEC);
	w_available(&w, 2500 * MIB);
	w_quiet(&w, 100 * MS, 5 * SEC);
	w_stop(&w);
}

TEST(memory_that_never_comes_is_waited_for_a_while)
{
	struct step kill;
	usec_t waited;

	start(twice);
	kill = first_kill();
	has_died(&kill);
	waited = w_until_step(&w, 100 * MS, 10 * SEC);
	check(waited >= 3 * SEC && waited <= 3500 * MS);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	check_int(w.plan.steps[0].target.key, 101);
	w_stop(&w);
}

TEST(less_than_half_back_is_still_waited_for)
{
	struct step kill;

	start(twice);
	kill = first_kill();
	has_died(&kill);
	w_available(&w, 1000 * MIB); /* of the 2 GiB; and below the threshold */
	w_quiet(&w, 100 * MS, 2500 * MS);
	check(w_until_step(&w, 100 * MS, 2 * SEC) != USEC_INFINITY);
	w_stop(&w);
}

TEST(half_of_it_back_is_back)
{
	struct step kill;
	usec_t waited;

	start("[Rule h]\nOn=host\nWhen=mem.available < 8G\nCooldown=10s\nStepWait=1s\n"
	      "Do=kill\nDo=kill\n");
	kill = first_kill();
	has_died(&kill);
	w_available(&w, 1600 * MIB);
	waited = w_until_step(&w, 100 * MS, 10 * SEC);
	check(waited >= 1 * SEC && waited <= 1200 * MS);
	w_stop(&w);
}

static const char *const two_rules =
	"[Rule a]\nOn=node\nPriority=1\nWhen=node.headroom < 1G\nCooldown=10s\nDo=kill\n"
	"[Rule b]\nOn=node\nPriority=2\nWhen=node.headroom < 1G\nCooldown=10s\nDo=kill\n";

static void start_node(void)
{
	start_candidates(two_rules);
	w_headroom(&w, 0, 500 * MIB);
}

TEST(at_the_min_watermark_the_next_one_goes_at_once)
{
	struct step kill;

	start_node();
	kill = first_kill();
	w_quiet(&w, 100 * MS, 2 * SEC);
	has_died(&kill);
	w_headroom(&w, 0, 0);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].target.key, 101);
	w_stop(&w);
}

TEST(but_not_while_the_first_one_lives)
{
	start_node();
	first_kill();
	w_headroom(&w, 0, 0);
	w_quiet(&w, 100 * MS, 5 * SEC);
	w_stop(&w);
}

TEST(who_is_empty_before_does_not_wait)
{
	struct step kill;
	usec_t waited;

	start_node();
	kill = first_kill();
	has_died(&kill);
	w_node_empty_in(&w, 0, 2 * (int64_t)SEC);
	waited = w_until_step(&w, 100 * MS, 10 * SEC);
	check(waited >= 1 * SEC && waited <= 1200 * MS);
	w_stop(&w);
}

/* In uninterruptible sleep: said by its one outcome, and then the ladder goes on. */
TEST(one_that_cannot_die_is_followed_by_the_next_step)
{
	struct step kill;
	size_t said = 0;
	bool next = false;

	start(twice);
	kill = first_kill();
	w_quiet(&w, 100 * MS, 15 * SEC);
	w_outcome(&w, kill.id, OUTCOME_FAILED)->error = ETIMEDOUT;
	for (int i = 0; i < 30; i++) {
		w_tick(&w, 100 * MS);
		said += w_notes(&w, NOTE_NO_EFFECT);
		for (size_t s = 0; s < w.plan.step_count; s++) {
			check(w.plan.steps[s].target.key != kill.target.key);
			next = true;
		}
	}
	check_int(said, 1);
	check(next);
	w_stop(&w);
}

TEST(one_that_may_not_be_killed_is_not_tried_again_and_again)
{
	size_t tries = 0;

	w_start(&w, act,
		"[Rule h]\nOn=host\nWhen=mem.available < "
		"1G\nCooldown=1s\nStepWait=100ms\nDo=kill\n");
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_available(&w, 500 * MIB);
	for (int i = 0; i < 3000; i++) {
		w_tick(&w, 100 * MS);
		for (size_t s = 0; s < w.plan.step_count; s++, tries++)
			w_outcome(&w, w.plan.steps[s].id, OUTCOME_FAILED)->error = EPERM;
	}
	check_int(tries, 1);
	w_stop(&w);
}

TEST(who_may_not_be_killed_is_followed_by_the_next)
{
	struct step kill;

	start(twice);
	kill = first_kill();
	w_outcome(&w, kill.id, OUTCOME_FAILED)->error = EPERM;
	check(w_until_step(&w, 100 * MS, 20 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].action, ACTION_KILL);
	check_int(w.plan.steps[0].target.key, 101);
	w_stop(&w);
}

/* Pressure is an average: ten seconds after the kill it still stands where it stood. */
TEST(a_lagging_average_costs_one_life)
{
	struct step kill;

	w_start(&w, act,
		"[Rule h]\nOn=host\nWhen=psi.memory.full.avg10 > 20%\nCooldown=15s\nDo=kill\n");
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	w_set(w.snapshot.host.readings, METRIC_PSI_MEMORY_FULL, 9000);
	kill = first_kill();
	has_died(&kill);
	w_available(&w, 11 * GIB);
	w_quiet(&w, 100 * MS, 14500 * MS);
	/* And is looked at again when that is over. */
	check(w_until_step(&w, 100 * MS, 20 * SEC) != USEC_INFINITY);
	w_stop(&w);
}

/* It was restarted, or is gone: nobody's fault, and nobody was hit. */
TEST(a_stale_victim_is_no_kill)
{
	static const int errors[] = { ESTALE, ENOENT, ENODEV };
	usec_t kills[ENGINE_KILLS_MAX];

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct step kill;

		start(twice);
		kill = first_kill();
		w_outcome(&w, kill.id, OUTCOME_FAILED)->error = errors[i];
		w_tick(&w, 100 * MS);
		check_int(engine_get_kills(w.engine, kills), 0);
		check_int(w_notes(&w, NOTE_NO_EFFECT), 0);
		w_stop(&w);
	}
}

TEST(nobody_is_said_once_an_episode)
{
	size_t said = 0;

	w_start(&w, act,
		"[Rule h]\nOn=host\nWhen=mem.available < 1G\nUntil=mem.available > "
		"2G\nCooldown=1s\n"
		"StepWait=100ms\nDo=kill\n");
	w_service(&w, "machine.slice/db.scope", 0, 4 * GIB);
	w_available(&w, 500 * MIB);
	for (int episode = 1; episode <= 2; episode++) {
		for (int i = 0; i < 600; i++) {
			w_tick(&w, 100 * MS);
			check_int(w.plan.step_count, 0);
			said += w.plan.refusal_count;
		}
		check_int(said, (size_t)episode);
		w_available(&w, 3 * GIB);
		w_tick(&w, 100 * MS);
		w_available(&w, 500 * MIB);
	}
	w_stop(&w);
}

/* Two rules, one victim: the second finds it under way, and when it is gone looks for another. */
TEST(the_same_victim_is_not_killed_twice)
{
	start_node();
	struct step kill = first_kill();

	w_quiet(&w, 100 * MS, 3 * SEC);
	has_died(&kill);
	w.services[0] = w.services[1];
	w.snapshot.service_count = 1;
	w_headroom(&w, 0, 3 * GIB);
	w_quiet(&w, 100 * MS, 20 * SEC);
	w_stop(&w);
}

/* A threshold that waits for two minutes and one that does not. */
TEST(soft_and_hard_thresholds)
{
	struct step kill;

	w_start(&w, act,
		"[Rule soft]\nOn=host\nWhen=mem.available < 2G\nFor=2min\nCooldown=5min\nDo=kill\n"
		"[Rule hard]\nOn=host\nWhen=mem.available < 1G\nCooldown=5min\nDo=kill\n");
	w_service(&w, "system.slice/ci-1.service", 0, 3 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 2 * GIB);
	w_available(&w, 3 * GIB);
	w_quiet(&w, 1 * SEC, 600 * SEC);
	w_available(&w, 1500 * MIB);
	w_quiet(&w, 1 * SEC, 119 * SEC);
	check(w_until_step(&w, 1 * SEC, 3 * SEC) != USEC_INFINITY);
	check_int(w.plan.step_count, 1);
	kill = w.plan.steps[0];
	has_died(&kill);
	w_quiet(&w, 1 * SEC, 60 * SEC);
	w_available(&w, 500 * MIB);
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 1);
	check_str(w.config->rules[w.plan.steps[0].rule].name, "hard");
	kill = w.plan.steps[0];
	has_died(&kill);
	w_available(&w, 2 * GIB);
	w_quiet(&w, 1 * SEC, 400 * SEC);
	w_stop(&w);
}
