/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A canary that is let go of, in the life of a rule. */

#include "test.h"

#include "canary-status.h"
#include "world.h"

static struct world w;

enum { CANARIES = 4 };

static struct canary_status canaries[CANARIES];
static char names[CANARIES][32];

static const char *const act = "Mode=enforce\nKillBudget=1/10min\n";

#define SECTION "[Canary early]\nSize=1G\nNode=each\n"

static const char *const rule = SECTION
	"[Rule n]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\nCooldown=10s\n"
	"StepWait=1s\nDo=kill canary\nDo=kill policy\nDo=notify\n";

static void add_canary(unsigned number, int64_t bytes, bool is_armed)
{
	struct canary_status *canary = &canaries[w.snapshot.canary_count++];
	char path[64];

	snprintf(names[number], sizeof(names[number]), "early:node0");
	*canary = canary_made(7000 + number, names[number], "oomwarden-canary-early:node0.service",
			      0, bytes);
	if (!is_armed)
		return;
	snprintf(path, sizeof(path), "system.slice/oomwarden-canary-early:node%u.service", number);
	canary_hold(canary, service_key(&w.services[w_service(&w, path, 0, bytes)]));
}

static void start(const char *agent, const char *rules)
{
	w_start(&w, agent, rules);
	memset(canaries, 0, sizeof(canaries));
	w.snapshot.canaries = canaries;
	w_headroom(&w, 0, 500 * MIB);
}

static void has_died(const struct step *step)
{
	w_outcome(&w, step->id, OUTCOME_DONE)->signalled = 1;
	for (size_t i = 0; i < w.snapshot.canary_count; i++)
		if (canaries[i].service == step->target.key)
			canary_die(&canaries[i], false);
	for (size_t i = 0; i < w.snapshot.service_count; i++)
		if (service_key(&w.services[i]) == step->target.key)
			w.services[i].policy = -1;
}

TEST(one_after_the_other_until_it_is_clear)
{
	usec_t kills[ENGINE_KILLS_MAX];
	struct step step;

	start(act, rule);
	for (unsigned i = 0; i < 3; i++)
		add_canary(i, (256 + i) * MIB, true);
	w_service(&w, "system.slice/batch-1.service", 0, 2 * GIB);
	for (unsigned i = 0; i < 2; i++) {
		check(w_until_step(&w, 100 * MS, 2 * SEC) != USEC_INFINITY);
		check_int(w.plan.step_count, 1);
		step = w.plan.steps[0];
		check(step.kill.is_canary);
		check_int(step.target.key, 102 - i); /* the largest first */
		has_died(&step);
	}
	w_headroom(&w, 0, 3 * GIB);
	w_quiet(&w, 100 * MS, 20 * SEC);
	check_int(engine_get_kills(w.engine, kills), 0); /* whatever KillBudget= says */
	check_int(w_status(&w, "n", 0).state, RULE_IDLE);
	w_stop(&w);
}

TEST(when_all_are_gone_the_ladder_goes_on)
{
	usec_t kills[ENGINE_KILLS_MAX];
	struct step step;

	start(act, rule);
	add_canary(0, 256 * MIB, true);
	w_service(&w, "system.slice/batch-1.service", 0, 2 * GIB);
	w_tick(&w, 100 * MS);
	step = w.plan.steps[0];
	check(step.kill.is_canary);
	has_died(&step);
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	check_int(w.plan.step_count, 1);
	check(!w.plan.steps[0].kill.is_canary);
	check_str(w.plan.steps[0].target.path, "system.slice/batch-1.service");
	check_int(engine_get_kills(w.engine, kills), 1);
	w_stop(&w);
}

TEST(beside_a_kill_that_is_under_way)
{
	start(act,
	      SECTION "[Rule a]\nOn=host\nPriority=1\nWhen=mem.available < 1G\nDo=kill policy\n"
		      "[Rule b]\nOn=node\nPriority=2\nWhen=node.headroom < 1G\nDo=kill canary\n");
	add_canary(0, 256 * MIB, true);
	w_service(&w, "system.slice/batch-1.service", 0, 2 * GIB);
	w_headroom(&w, 0, 2 * GIB);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check(!w.plan.steps[0].kill.is_canary);
	w_headroom(&w, 0, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check(w.plan.steps[0].kill.is_canary);
	check_int(w_refused(&w, REFUSE_ONE_DESTRUCTIVE), 0);
	w_stop(&w);
}

TEST(two_rules_do_not_take_the_same)
{
	start(act,
	      SECTION "[Rule a]\nOn=host\nPriority=1\nWhen=mem.available < 1G\nDo=kill canary\n"
		      "[Rule b]\nOn=node\nPriority=2\nWhen=node.headroom < 1G\nDo=kill canary\n");
	add_canary(0, 256 * MIB, true);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	w_stop(&w);
}

/* Who stands in for a canary is a victim: by the budget, and one at a time. */
TEST(a_stand_in_counts)
{
	usec_t kills[ENGINE_KILLS_MAX];
	size_t steps = 0, refused = 0;

	start(act, SECTION "[Rule n]\nOn=node\nWhen=node.headroom < 1G\nCooldown=1s\nStepWait=1s\n"
			   "Do=kill canary\n");
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 1 * GIB);
	for (int i = 0; i < 300; i++) {
		w_tick(&w, 100 * MS);
		refused += w_refused(&w, REFUSE_BUDGET);
		for (size_t s = 0; s < w.plan.step_count; s++, steps++) {
			struct step step = w.plan.steps[s];

			check(!step.kill.is_canary);
			has_died(&step);
		}
	}
	check_int(steps, 1);
	check_int(engine_get_kills(w.engine, kills), 1);
	check_int(refused, 1);
	w_stop(&w);
}

TEST(a_dry_run_says_each_once_and_then_the_next_line)
{
	size_t canary_steps = 0, others = 0;

	start("Mode=dry-run\n", rule);
	add_canary(0, 256 * MIB, false);
	w_service(&w, "system.slice/batch-1.service", 0, 4 * GIB);
	for (int i = 0; i < 100; i++) {
		w_tick(&w, 100 * MS);
		for (size_t s = 0; s < w.plan.step_count; s++) {
			check_int(w.plan.steps[s].mode, MODE_DRY_RUN);
			if (w.plan.steps[s].action != ACTION_KILL)
				continue;
			canary_steps += w.plan.steps[s].kill.is_canary;
			others += !w.plan.steps[s].kill.is_canary;
			/* What the first gains is counted, and is not enough. */
			check(others == 0 || canary_steps == 1);
		}
	}
	check_int(canary_steps, 1);
	check_int(others, 1);
	w_stop(&w);
}

TEST(a_dry_run_credits_what_one_would_hold)
{
	size_t steps = 0;

	start("Mode=dry-run\n", rule);
	add_canary(0, 2 * GIB, false);
	w_service(&w, "system.slice/batch-1.service", 0, 4 * GIB);
	for (int i = 0; i < 100; i++) {
		w_tick(&w, 100 * MS);
		steps += w.plan.step_count;
	}
	check_int(steps, 1);
	w_stop(&w);
}

TEST(without_canaries_the_line_says_nothing)
{
	w_start_with(&w, act, "[Policy web]\nMatch=system.slice/web*.service\nKill=never\n",
		     "[Rule h]\nOn=host\nWhen=mem.available < 1G\nDo=kill canary\nDo=notify\n");
	w_service(&w, "system.slice/web.service", 0, 4 * GIB);
	w_available(&w, 500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.refusal_count, 0);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_NOTIFY);
	w_stop(&w);
}
