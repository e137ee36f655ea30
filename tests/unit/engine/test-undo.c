/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the steps of rules set is given back: when, once, and nothing is forgotten. */

#include "test.h"

#include "served.h"

static struct world w;

static const char *const act = "Mode=enforce\nKillBudget=60/1h\n";

static const char *const tight = "[Rule tight]\nOn=host\nWhen=mem.available < 2G\n"
				 "Until=mem.available > 4G\nCooldown=20s\nStepWait=1s\n"
				 "Do=sysctl vm.swappiness value=10\nDo=notify\n";

static struct reading *knob(enum setting_id id)
{
	return &w.snapshot.host.sysctls[id - SETTING_DIRTY];
}

static void start(const char *agent, const char *rules)
{
	w_start(&w, agent, rules);
	*knob(SETTING_SWAPPINESS) = reading_of(60);
}

static size_t serve(const char *path, int64_t bytes)
{
	size_t i = w_serve(&w, path, bytes);

	found[i].score_known = true;
	return i;
}

static size_t count(enum step_order order)
{
	size_t n = 0;

	for (size_t i = 0; i < w.plan.step_count; i++)
		n += w.plan.steps[i].order == order;
	return n;
}

/* Everything that was started ends well, and what was given back is back. */
static void obey(void)
{
	for (size_t i = 0; i < w.plan.step_count; i++) {
		const struct step *step = &w.plan.steps[i];

		if (step->order == STEP_START && step->mode == MODE_ENFORCE)
			w_outcome(&w, step->id, OUTCOME_DONE);
		else if (step->order == STEP_UNDO)
			w_outcome(&w, step->id, OUTCOME_DONE)->is_undo = true;
	}
}

TEST(clearing_gives_back)
{
	start(act, tight);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_SYSCTL);
	uint64_t id = w.plan.steps[0].id;

	obey();
	*knob(SETTING_SWAPPINESS) = reading_of(10);
	for (int i = 0; i < 50; i++) { /* neither the next line nor the end of the ladder does */
		w_available(&w, i < 30 ? 1 * GIB : 3 * GIB);
		w_tick(&w, 100 * MS);
		check_int(count(STEP_UNDO), 0);
		obey();
	}
	w_available(&w, 5 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	check_int(w.plan.step_count, 1);
	const struct step *undo = &w.plan.steps[0];

	check_int(undo->order, STEP_UNDO);
	check_int(undo->action, ACTION_SYSCTL);
	check_int(undo->mode, MODE_ENFORCE);
	check_int(undo->rule, 0);
	check_int(undo->subject.scope, SCOPE_HOST);
	check_int(undo->setting.on.id, SETTING_SWAPPINESS);
	check_int(undo->setting.wanted.number, 10);
	check_int(undo->setting.was.number, 60);
	check(undo->setting.was_known);
	check(undo->id > id);
	check_str(undo->target.path, "");

	/* Once; and there is no rest until it is back. */
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	check(!engine_is_at_rest(w.engine));
	w_outcome(&w, undo->id, OUTCOME_DONE)->is_undo = true;
	for (int i = 0; i < 300; i++) {
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count, 0);
	}
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(word_that_never_comes_is_waited_for_a_while)
{
	start(act, tight);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	obey();
	w_tick(&w, 100 * MS);
	w_available(&w, 5 * GIB);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_UNDO), 1);
	for (int i = 0; i < 60; i++) {
		w_tick(&w, 1 * SEC);
		check_int(count(STEP_UNDO), 0);
	}
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(what_still_runs_is_called_off_first)
{
	start(act, tight);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	uint64_t id = w.plan.steps[0].id;

	w_available(&w, 5 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 2);
	check_int(w.plan.steps[0].order, STEP_CANCEL);
	check_int(w.plan.steps[0].id, id);
	check_int(w.plan.steps[1].order, STEP_UNDO);
	w_stop(&w);
}

TEST(what_failed_is_not_given_back)
{
	start(act, tight);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_FAILED)->error = EPERM;
	w_tick(&w, 100 * MS);
	w_available(&w, 5 * GIB);
	for (int i = 0; i < 20; i++) {
		w_tick(&w, 100 * MS);
		check_int(count(STEP_UNDO), 0);
	}
	w_stop(&w);
}

TEST(a_later_step_that_fails_leaves_the_earlier_to_be_given_back)
{
	start(act, "[Rule tight]\nOn=host\nWhen=mem.available < 2G\nUntil=mem.available > 4G\n"
		   "StepWait=1s\nDo=sysctl vm.swappiness step=-50%\n"
		   "Do=sysctl vm.swappiness step=-50%\n");
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	obey();
	*knob(SETTING_SWAPPINESS) = reading_of(30);
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].setting.wanted.number, 15);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_FAILED)->error = EPERM;
	w_tick(&w, 100 * MS);
	w_available(&w, 5 * GIB);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_UNDO), 1);
	const struct step *undo = &w.plan.steps[w.plan.step_count - 1];

	check_int(undo->setting.was.number, 60);
	check_int(undo->setting.wanted.number, 30);
	w_stop(&w);
}

TEST(two_steps_on_one_knob_are_one_to_give_back)
{
	start(act, "[Rule tight]\nOn=host\nWhen=mem.available < 2G\nUntil=mem.available > 4G\n"
		   "StepWait=1s\nDo=sysctl vm.swappiness step=-50%\n"
		   "Do=sysctl vm.swappiness step=-50%\n"
		   "Do=sysctl vm.vfs_cache_pressure value=200\n");
	*knob(SETTING_VFS_CACHE_PRESSURE) = reading_of(100);
	w_available(&w, 1 * GIB);
	for (int i = 0; i < 50; i++) {
		w_tick(&w, 100 * MS);
		obey();
		/* The snapshot lags: the second step goes on from the first all the same. */
		const struct step *step = w_find(&w, ACTION_SYSCTL, STEP_START);

		check(!step || step->setting.on.id != SETTING_SWAPPINESS ||
		      step->setting.wanted.number == (step->ladder == 0 ? 30 : 15));
	}
	w_available(&w, 5 * GIB);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_UNDO), 2);
	check_int(w.plan.steps[0].setting.on.id, SETTING_SWAPPINESS);
	check_int(w.plan.steps[0].setting.was.number, 60);
	check_int(w.plan.steps[1].setting.on.id, SETTING_VFS_CACHE_PRESSURE);
	check_int(w.plan.steps[1].setting.was.number, 100);
	w_stop(&w);
}

TEST(rules_give_back_each_their_own)
{
	start(act, "[Rule a]\nOn=host\nPriority=1\nWhen=mem.available < 2G\n"
		   "Until=mem.available > 4G\nDo=sysctl vm.swappiness value=20\n"
		   "[Rule b]\nOn=host\nPriority=2\nWhen=mem.available < 1G\n"
		   "Until=mem.available > 3G\nDo=sysctl vm.swappiness value=10\n");
	w_available(&w, 500 * MIB);
	/* The milder one first; the other waits for that moment and does not pass its line over. */
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_str(w.config->rules[w.plan.steps[0].rule].name, "a");
	check_int(w_refused(&w, REFUSE_BUSY), 1);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count + w.plan.refusal_count, 0);
	w_outcome(&w, 1, OUTCOME_DONE);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_str(w.config->rules[w.plan.steps[0].rule].name, "b");
	obey();
	w_tick(&w, 100 * MS);
	w_available(&w, 3500 * MIB);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_UNDO), 1);
	check_str(w.config->rules[w.plan.steps[0].rule].name, "b");
	obey();
	w_available(&w, 5 * GIB);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_UNDO), 1);
	check_str(w.config->rules[w.plan.steps[0].rule].name, "a");
	w_stop(&w);
}

TEST(out_of_sight_for_ten_seconds_gives_back)
{
	start(act, tight);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	obey();
	w.snapshot.host.readings[metric_index(METRIC_MEM_AVAILABLE)] = READING_NONE;
	for (int i = 0; i < 100; i++) {
		w_tick(&w, 100 * MS);
		check_int(count(STEP_UNDO), 0);
		obey();
	}
	w_tick(&w, 100 * MS);
	w_tick(&w, 100 * MS);
	check(w_status(&w, "tight", 0).state == RULE_EXHAUSTED ||
	      w_status(&w, "tight", 0).state == RULE_IDLE);
	w_stop(&w);

	start(act, tight);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	obey();
	w_tick(&w, 100 * MS);
	w.snapshot.host.readings[metric_index(METRIC_MEM_AVAILABLE)] = READING_NONE;
	size_t undone = 0;

	for (int i = 0; i < 110; i++) {
		w_tick(&w, 100 * MS);
		undone += count(STEP_UNDO);
	}
	check_int(undone, 1);
	w_stop(&w);
}

static const char *const each = "[Rule each]\nOn=service\nPolicies=builds\n"
				"When=mem.available < 2G\nUntil=mem.available > 4G\n"
				"StepWait=1s\nCooldown=10s\nDo=oom-score adjust=500\n";

TEST(a_subject_that_goes_is_let_go)
{
	start(act, each);
	serve("system.slice/ci-1.service", 300 * MIB);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_OOM_SCORE);
	obey();
	w_tick(&w, 100 * MS);
	w.snapshot.service_count = 0;
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_SUBJECT_GONE), 1);
	check_int(count(STEP_UNDO), 1);
	check_int(w.plan.steps[0].subject.key, 100);
	check_int(w.plan.steps[0].target.key, 100);
	check_str(w.plan.steps[0].target.name, "ci-1.service");
	w_stop(&w);
}

TEST(a_target_that_goes_is_let_go_though_the_rule_holds)
{
	start(act, "[Rule crowd]\nOn=host\nWhen=mem.available < 2G\nUntil=mem.available > 4G\n"
		   "Cooldown=60s\nDo=oom-score candidates adjust=500\n");
	serve("system.slice/ci-1.service", 300 * MIB);
	serve("system.slice/ci-2.service", 300 * MIB);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_START), 2);
	obey();
	w_tick(&w, 100 * MS);
	w.snapshot.service_count = 1;
	w_tick(&w, 100 * MS);
	check_int(count(STEP_UNDO), 1);
	check_int(w.plan.steps[0].target.key, 101);
	obey();
	w_available(&w, 5 * GIB);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_UNDO), 1);
	check_int(w.plan.steps[0].target.key, 100);
	check_str(w.plan.steps[0].target.path, "system.slice/ci-1.service");
	w_stop(&w);
}

TEST(more_than_a_plan_holds_is_given_back_in_turn)
{
	bool undone[W_SERVICES] = { false };
	size_t total = 0;

	start(act, each);
	for (int i = 0; i < 60; i++)
		serve("system.slice/ci-1.service", 300 * MIB);
	w_available(&w, 1 * GIB);
	for (int i = 0; i < 50; i++) {
		w_tick(&w, 100 * MS);
		obey();
	}
	w_available(&w, 5 * GIB);
	for (int i = 0; i < 5; i++) {
		w_tick(&w, 100 * MS);
		for (size_t s = 0; s < w.plan.step_count; s++) {
			const struct step *step = &w.plan.steps[s];

			check_int(step->order, STEP_UNDO);
			check(!undone[step->target.key - 100]);
			undone[step->target.key - 100] = true;
			total++;
		}
	}
	check_int(total, 60);
	w_stop(&w);
}

TEST(a_dry_run_has_nothing_to_give_back)
{
	start("Mode=dry-run\n", tight);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].mode, MODE_DRY_RUN);
	/* Said once; the next line waits as if it had been done. */
	check_int(w_until_step(&w, 100 * MS, 5 * SEC), 1 * SEC);
	check_int(w.plan.steps[0].action, ACTION_NOTIFY);
	w_quiet(&w, 100 * MS, 60 * SEC);
	w_available(&w, 5 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	check(w_notes(&w, NOTE_CLEARED) == 1);
	w_stop(&w);
}

TEST(a_dry_run_goes_on_from_what_it_has_said)
{
	start("Mode=dry-run\n", "[Rule tight]\nOn=host\nWhen=mem.available < 2G\n"
				"Until=mem.available > 4G\nStepWait=1s\n"
				"Do=sysctl vm.swappiness step=-50%\n"
				"Do=sysctl vm.swappiness step=-50%\n");
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.steps[0].setting.wanted.number, 30);
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].setting.wanted.number, 15);
	w_stop(&w);
}

static const char *const frozen = "[Rule hold]\nOn=service\nPolicies=builds\n"
				  "When=mem.available < 2G\nUntil=mem.available > 4G\n"
				  "StepWait=2s\nCooldown=60s\nDo=freeze max=30s\nDo=notify\n"
				  "Do=thaw\n";

TEST(a_ladder_goes_on_while_it_holds_something_frozen)
{
	start(act, frozen);
	serve("system.slice/ci-1.service", 300 * MIB);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_FREEZE);
	uint64_t id = w.plan.steps[0].id;
	struct outcome *o = w_outcome(&w, id, OUTCOME_RUNNING);

	o->in_force.number = 1;
	o->in_force_known = true;
	usec_t took = w_until_step(&w, 100 * MS, 10 * SEC);

	check(took >= 2 * SEC && took <= 2500 * MS);
	check_int(w.plan.steps[0].action, ACTION_NOTIFY);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
	check(w_until_step(&w, 100 * MS, 10 * SEC) != USEC_INFINITY);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].order, STEP_CANCEL);
	check_int(w.plan.steps[0].id, id);
	w_outcome(&w, id, OUTCOME_CANCELLED);
	w_tick(&w, 100 * MS);
	/* With its step it was given back. */
	check_int(count(STEP_UNDO), 0);
	w_available(&w, 5 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	w_stop(&w);
}

TEST(what_is_frozen_for_long_is_not_given_up)
{
	start(act, "[Rule hold]\nOn=service\nPolicies=builds\nWhen=mem.available < 2G\n"
		   "Until=mem.available > 4G\nCooldown=1h\nDo=freeze max=5min\n");
	serve("system.slice/ci-1.service", 300 * MIB);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	for (int i = 0; i < 290; i++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
	}
	w_available(&w, 5 * GIB);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_CANCEL), 1);
	check_int(count(STEP_UNDO), 1);
	w_stop(&w);
}

TEST(a_stop_is_no_kill)
{
	/* One destructive step at a time all the same. */
	start("Mode=enforce\nKillBudget=0/1h\n",
	      "[Rule a]\nOn=service\nPolicies=builds\nWhen=mem.available < 2G\n"
	      "Until=mem.available > 4G\nDo=stop-unit\n"
	      "[Rule k]\nOn=host\nWhen=mem.available < 2G\nUntil=mem.available > 4G\n"
	      "Do=kill grace=1s\n");
	serve("system.slice/ci-1.service", 300 * MIB);
	serve("system.slice/ci-2.service", 300 * MIB);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_STOP_UNIT);
	check(w_refused(&w, REFUSE_ONE_DESTRUCTIVE) >= 1);
	check_int(w_refused(&w, REFUSE_BUDGET), 1);
	usec_t kills[ENGINE_KILLS_MAX];

	check_int(engine_get_kills(w.engine, kills), 0);
	w_stop(&w);
}

#define HIGH "[Policy builds]\nMatch=system.slice/ci-*.service\nKind=batch\nKill=first\n"

TEST(policies_wait_for_rules_and_call_nothing_foreign)
{
	size_t i;

	w_start_with(&w, act, HIGH "MemoryHigh=4G\n",
		     "[Rule runaway]\nOn=service\nPolicies=builds\nWhen=mem.available < 2G\n"
		     "Until=mem.available > 4G\nCooldown=10s\nDo=limit down\n");
	i = serve("system.slice/ci-1.service", 3 * GIB);
	w.snapshot.host.swap_present = true;
	w_set(w.snapshot.host.readings, METRIC_SWAP_FREE, 8 * GIB);
	found[i].memory[SETTING_MEMORY_HIGH] = reading_of(4 * GIB);
	w_quiet(&w, 100 * MS, 2 * SEC);

	w_available(&w, 1 * GIB);
	check(w_until_step(&w, 100 * MS, 5 * SEC) != USEC_INFINITY);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_LIMIT);
	int64_t low = w.plan.steps[0].setting.wanted.number;

	check(low < 4 * GIB);
	obey();
	found[i].memory[SETTING_MEMORY_HIGH] = reading_of(low);
	for (int n = 0; n < 50; n++) {
		w_tick(&w, 100 * MS);
		check(!w_find(&w, ACTION_HOLD, STEP_START));
		check_int(w_notes(&w, NOTE_FOREIGN), 0);
		obey();
	}
	w_available(&w, 5 * GIB);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_UNDO), 1);
	obey();
	/* Back, and the snapshot lags. */
	for (int n = 0; n < 100; n++) {
		if (n == 40)
			found[i].memory[SETTING_MEMORY_HIGH] = reading_of(4 * GIB);
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
		check_int(w_notes(&w, NOTE_FOREIGN) + w_notes(&w, NOTE_INEFFECTIVE), 0);
	}
	/* But what is changed then is. */
	found[i].memory[SETTING_MEMORY_HIGH] = reading_of(1 * GIB);
	w_tick(&w, 1 * SEC);
	check_int(w_notes(&w, NOTE_FOREIGN), 1);
	w_stop(&w);
}
