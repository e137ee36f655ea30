/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Something else is paused while rules run and policies hold: what changes, and what does not. */

#include "test.h"

#include "served.h"

#include "engine/line.h"

static struct world w;

static const char *const act = "Mode=enforce\nKillBudget=60/1h\n";

/* Both fire always, say so once an hour at most, and hold what they set. */
static const char *const two =
	"[Rule swap]\nOn=host\nWhen=mem.available < 9G\nUntil=mem.available > 10G\nCooldown=1h\n"
	"StepWait=100ms\nDo=sysctl vm.swappiness value=10\n"
	"[Rule cache]\nOn=host\nWhen=mem.available < 9G\nUntil=mem.available > 10G\nCooldown=1h\n"
	"StepWait=100ms\nDo=sysctl vm.vfs_cache_pressure value=50\n";

enum { RULE_SWAP, RULE_CACHE };

static struct reading *knob(enum setting_id id)
{
	return &w.snapshot.host.sysctls[id - SETTING_DIRTY];
}

static void start_with(const char *policies, const char *rules)
{
	w_start_with(&w, act, policies, rules);
	*knob(SETTING_SWAPPINESS) = reading_of(60);
	*knob(SETTING_VFS_CACHE_PRESSURE) = reading_of(100);
}

static void start(const char *rules)
{
	start_with(w_policies, rules);
}

static size_t serve(const char *path, int64_t bytes)
{
	return w_serve(&w, path, bytes);
}

static void write_to(const struct setting_target *on, int64_t value)
{
	struct reading now = value == SETTING_UNLIMITED ? READING_FOREVER : reading_of(value);

	if (on->id <= SETTING_MEMORY_SWAP_MAX)
		found[on->key - 100].memory[on->id] = now;
	else if (on->id == SETTING_SWAPPINESS || on->id == SETTING_VFS_CACHE_PRESSURE)
		*knob(on->id) = now;
}

/* What was started is done, and what was called off has ended; but for a freeze, which lasts. */
static void obey(void)
{
	for (size_t i = 0; i < w.plan.step_count; i++) {
		const struct step *step = &w.plan.steps[i];
		struct outcome *o;

		if (step->mode == MODE_DRY_RUN)
			continue;
		if (step->order == STEP_CANCEL) {
			w_outcome(&w, step->id, OUTCOME_CANCELLED);
			continue;
		}
		if (!actions[step->action].sets) {
			w_outcome(&w, step->id, OUTCOME_DONE);
			continue;
		}
		if (step->action == ACTION_FREEZE && step->order == STEP_START) {
			o = w_outcome(&w, step->id, OUTCOME_RUNNING);
			o->in_force_known = true;
			continue;
		}
		o = w_outcome(&w, step->id, OUTCOME_DONE);
		o->is_undo = step->order == STEP_UNDO;
		o->in_force = o->is_undo ? step->setting.was : step->setting.wanted;
		o->in_force_known = true;
		write_to(&step->setting.on, o->in_force.number);
	}
}

static size_t count(enum step_order order, enum mode mode)
{
	size_t n = 0;

	for (size_t i = 0; i < w.plan.step_count; i++)
		n += w.plan.steps[i].order == order && w.plan.steps[i].mode == mode;
	return n;
}

/* Ticks and obeys; how many steps of that kind there were. */
static size_t count_for(usec_t total, enum step_order order, enum mode mode)
{
	size_t n = 0;

	for (usec_t t = 0; t < total; t += 100 * MS) {
		w_tick(&w, 100 * MS);
		n += count(order, mode);
		obey();
	}
	return n;
}

static void pause_rule(size_t rule, bool paused)
{
	w.config->rules[rule].paused = paused;
	engine_note_paused(w.engine);
}

static void pause_service(size_t i, bool paused)
{
	w.services[i].paused = paused;
	w.config->some_service_paused = paused;
	engine_note_paused(w.engine);
}

static void check_knobs(int64_t swappiness, int64_t cache_pressure)
{
	check_int(knob(SETTING_SWAPPINESS)->value, swappiness);
	check_int(knob(SETTING_VFS_CACHE_PRESSURE)->value, cache_pressure);
}

TEST(a_rule_that_is_paused_gives_back_and_the_other_goes_on)
{
	struct rule_status before, after;

	start(two);
	check_int(count_for(2 * SEC, STEP_START, MODE_ENFORCE), 2);
	check_knobs(10, 50);
	before = w_status(&w, "cache", 0);
	check_int(before.state, RULE_EXHAUSTED);

	pause_rule(RULE_SWAP, true);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].order, STEP_UNDO);
	check_int(w.plan.steps[0].rule, RULE_SWAP);
	obey();
	check_knobs(60, 50);
	/* It rehearses, once what it had set is seen to be back. */
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	check_int(count_for(5 * SEC, STEP_START, MODE_DRY_RUN), 1);
	check_int(count_for(5 * SEC, STEP_START, MODE_ENFORCE), 0);
	check_knobs(60, 50);
	after = w_status(&w, "cache", 0);
	check_int(after.state, before.state);
	check_int(after.since_usec, before.since_usec);
	check_int(after.cooldown_until, before.cooldown_until);

	/* Resumed it acts at once, as what ended its ladder was taken back. */
	pause_rule(RULE_SWAP, false);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_START, MODE_ENFORCE), 1);
	check_int(w.plan.steps[0].setting.on.id, SETTING_SWAPPINESS);
	obey();
	check_int(count_for(5 * SEC, STEP_START, MODE_ENFORCE), 0);
	check_knobs(10, 50);
	w_stop(&w);
}

TEST(a_pause_that_ends_before_all_is_back_waits_for_it)
{
	start(two);
	count_for(2 * SEC, STEP_START, MODE_ENFORCE);
	pause_rule(RULE_SWAP, true);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_UNDO, MODE_ENFORCE), 1);
	const struct step undo = w.plan.steps[0];

	/* systemd is slow. What is in force is its own value, on its way back. */
	pause_rule(RULE_SWAP, false);
	for (int i = 0; i < 20; i++) {
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count + w.plan.refusal_count, 0);
	}
	w.plan.steps[0] = undo;
	w.plan.step_count = 1;
	obey();
	check_knobs(60, 50);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_START, MODE_ENFORCE), 1);
	obey();
	check_knobs(10, 50);
	w_stop(&w);
}

TEST(a_paused_host_gives_all_back_and_has_it_again)
{
	start(two);
	count_for(2 * SEC, STEP_START, MODE_ENFORCE);
	w.config->paused = true;
	engine_note_paused(w.engine);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_UNDO, MODE_ENFORCE), 2);
	obey();
	check_knobs(60, 100);
	check_int(count_for(5 * SEC, STEP_START, MODE_DRY_RUN), 2);
	w.config->paused = false;
	engine_note_paused(w.engine);
	check_int(count_for(2 * SEC, STEP_START, MODE_ENFORCE), 2);
	check_knobs(10, 50);
	w_stop(&w);
}

TEST(without_another_pause_nothing_changes)
{
	start(two);
	count_for(2 * SEC, STEP_START, MODE_ENFORCE);
	engine_note_paused(w.engine);
	for (int i = 0; i < 50; i++) {
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count + w.plan.note_count, 0);
	}
	check_knobs(10, 50);
	w_stop(&w);
}

/* What killed somebody stays in its cooldown, paused or not. */
TEST(a_cooldown_that_was_earned_goes_on)
{
	static const char *const rules = "[Rule k]\nOn=host\nWhen=mem.available < 2G\n"
					 "Until=mem.available > 4G\nCooldown=1min\nStepWait=1s\n"
					 "Do=kill policy\n";
	usec_t until;

	start(rules);
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-2.service", 0, 2 * GIB);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_START, MODE_ENFORCE), 1);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE)->signalled = 3;
	w_tick(&w, 100 * MS);
	w_available(&w, 5 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_CLEARED), 1);
	until = w_status(&w, "k", 0).cooldown_until;
	check(until > w.now + 50 * SEC);

	w_available(&w, 1 * GIB);
	for (int i = 0; i < 4; i++) {
		pause_rule(0, i % 2 == 0);
		check_int(count_for(5 * SEC, STEP_START, i % 2 ? MODE_ENFORCE : MODE_DRY_RUN), 0);
		check_int(w_status(&w, "k", 0).cooldown_until, until);
	}
	/* And it ends when it would have. */
	w_quiet(&w, 1 * SEC, until - w.now - 1 * SEC);
	check(w_until_step(&w, 500 * MS, 5 * SEC) != USEC_INFINITY);
	w_stop(&w);
}

/* It has killed, or it has not. */
TEST(a_kill_that_a_pause_cuts_short_earns_its_cooldown)
{
	static const char *const rules = "[Rule k]\nOn=host\nWhen=mem.available < 2G\n"
					 "Until=mem.available > 4G\nCooldown=1min\nStepWait=1s\n"
					 "Do=kill policy\n";

	for (int killed = 0; killed < 2; killed++) {
		struct outcome *o;

		start(rules);
		w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
		w_available(&w, 1 * GIB);
		w_tick(&w, 100 * MS);
		check_int(count(STEP_START, MODE_ENFORCE), 1);
		const uint64_t id = w.plan.steps[0].id;

		pause_rule(0, true);
		w_tick(&w, 100 * MS);
		check_int(count(STEP_CANCEL, MODE_ENFORCE), 1);
		check_int(count(STEP_START, MODE_DRY_RUN), 0);
		o = w_outcome(&w, id, killed ? OUTCOME_DONE : OUTCOME_CANCELLED);
		o->signalled = killed ? 3 : 0;
		w_tick(&w, 100 * MS);
		check((w_status(&w, "k", 0).cooldown_until > w.now + 50 * SEC) == killed);
		w_stop(&w);
	}
}

TEST(what_a_dry_run_let_cool_may_act_when_it_is_resumed)
{
	static const char *const rules = "[Rule k]\nOn=host\nWhen=mem.available < 2G\n"
					 "Until=mem.available > 4G\nCooldown=1h\nStepWait=1s\n"
					 "Do=notify\nDo=kill policy\n";

	start(rules);
	w_service(&w, "system.slice/ci-1.service", 0, 1 * GIB);
	pause_rule(0, true);
	w_available(&w, 1 * GIB);
	check_int(count_for(20 * SEC, STEP_START, MODE_DRY_RUN), 2);
	pause_rule(0, false);
	w_tick(&w, 100 * MS);
	/* From the first line, however far the dry run had come. */
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_NOTIFY);
	check_int(w.plan.steps[0].mode, MODE_ENFORCE);
	w_stop(&w);
}

TEST(a_step_that_runs_is_ended_with_its_rule_alone)
{
	static const char *const rules =
		"[Rule move]\nOn=node\nWhen=node.headroom < 1G\nUntil=node.headroom > 2G\n"
		"Do=migrate\n"
		"[Rule k]\nOn=host\nWhen=mem.available < 2G\nDo=kill policy\n";
	uint64_t move = 0;

	start(rules);
	w_service(&w, "machine.slice/db.scope", 0, 2 * GIB);
	w_service(&w, "system.slice/ci-1.service", 0, 2 * GIB);
	w_headroom(&w, 0, 800 * MIB);
	w_headroom(&w, 1, 8 * GIB);
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_START, MODE_ENFORCE), 2);
	for (size_t i = 0; i < 2; i++)
		if (w.plan.steps[i].action == ACTION_MIGRATE)
			move = w.plan.steps[i].id;
	pause_rule(0, true);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_CANCEL, MODE_ENFORCE), 1);
	for (size_t i = 0; i < w.plan.step_count; i++)
		if (w.plan.steps[i].order == STEP_CANCEL)
			check_int(w.plan.steps[i].id, move);
	w_stop(&w);
}

static const char *const cold = "[Policy cold]\nMatch=system.slice/cold*.service\nKill=first\n";

TEST(a_service_that_is_paused_is_let_go_and_its_neighbour_is_not)
{
	static const char *const rules =
		"[Rule f]\nOn=service\nPolicies=cold\n"
		"When=service.current > 0\nUntil=service.current == 0\n"
		"Cooldown=1h\nStepWait=100ms\nDo=freeze subject max=5min\n";

	start_with(cold, rules);
	serve("system.slice/cold1.service", 2 * GIB);
	serve("system.slice/cold2.service", 2 * GIB);
	check_int(count_for(2 * SEC, STEP_START, MODE_ENFORCE), 2);

	pause_service(0, true);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_CANCEL, MODE_ENFORCE), 1);
	check_int(w.plan.steps[0].target.key, 100);
	for (size_t i = 0; i < w.plan.step_count; i++)
		check_int(w.plan.steps[i].target.key, 100);
	obey();
	check_int(count_for(5 * SEC, STEP_START, MODE_DRY_RUN), 1);
	check_int(w_status(&w, "f", 101).state, RULE_EXHAUSTED);

	pause_service(0, false);
	check_int(count_for(1 * SEC, STEP_START, MODE_ENFORCE), 1);
	w_stop(&w);
}

TEST(what_a_rule_of_all_does_to_a_paused_service_is_ended)
{
	static const char *const rules =
		"[Rule low]\nOn=host\nWhen=mem.available < 2G\n"
		"Until=mem.available > 4G\nCooldown=1h\nStepWait=1s\n"
		"Do=freeze candidates max=5min\nDo=freeze candidates max=5min\n";
	struct rule_status before;

	start_with(cold, rules);
	serve("system.slice/cold1.service", 2 * GIB);
	serve("system.slice/cold2.service", 2 * GIB);
	w_available(&w, 1 * GIB);
	check_int(count_for(5 * SEC, STEP_START, MODE_ENFORCE), 2);
	before = w_status(&w, "low", 0);
	pause_service(1, true);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_CANCEL, MODE_ENFORCE), 1);
	check_int(count(STEP_UNDO, MODE_ENFORCE), 1);
	for (size_t i = 0; i < w.plan.step_count; i++)
		check_int(w.plan.steps[i].target.key, 101);
	obey();
	check_int(count_for(5 * SEC, STEP_CANCEL, MODE_ENFORCE), 0);
	/* To the rule it is as if that one had ended. */
	check_int(w_status(&w, "low", 0).since_usec, before.since_usec);
	w_stop(&w);
}

/* The mildest first, also where the dry run has said it, and come further since. */
TEST(a_rule_of_the_host_begins_again_with_who_is_resumed)
{
	static const char *const rules =
		"[Rule low]\nOn=host\nWhen=mem.available < 2G\nUntil=mem.available > 4G\n"
		"Cooldown=1min\nStepWait=10s\nDo=freeze candidates max=5min\n"
		"Do=sysctl vm.swappiness value=10\nDo=kill policy\n";

	start_with(cold, rules);
	serve("system.slice/cold1.service", 2 * GIB);
	pause_service(0, true);
	w_available(&w, 1 * GIB);
	check_int(count_for(2 * SEC, STEP_START, MODE_DRY_RUN), 1);
	check_int(count_for(13 * SEC, STEP_START, MODE_ENFORCE), 1);
	check_knobs(10, 100);
	pause_service(0, false);
	/* The next line would have been the kill. */
	check(w_until_step(&w, 100 * MS, 20 * SEC) < 20 * SEC);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].action, ACTION_FREEZE);
	check_int(w.plan.steps[0].mode, MODE_ENFORCE);
	/* What it has set for others stays. */
	check_knobs(10, 100);
	w_stop(&w);
}

static const char *const web = "[Policy web]\nMatch=system.slice/web*.service\nMemoryHigh=1G\n";

static struct reading *high(size_t i)
{
	return &found[i].memory[SETTING_MEMORY_HIGH];
}

TEST(what_a_policy_holds_is_said_and_asked_for_again)
{
	start_with(web, "");
	serve("system.slice/web1.service", 100 * MIB);
	serve("system.slice/web2.service", 100 * MIB);
	check_int(count_for(2 * SEC, STEP_START, MODE_ENFORCE), 2);

	pause_service(0, true);
	/* The executor gives it back, by the record. */
	check_int(count_for(1 * SEC, STEP_START, MODE_DRY_RUN), 0);
	*high(0) = READING_FOREVER;
	check_int(count_for(100 * SEC, STEP_START, MODE_DRY_RUN), 1);
	check_int(w_notes(&w, NOTE_FOREIGN), 0);
	pause_service(0, false);
	check_int(count_for(1 * SEC, STEP_START, MODE_ENFORCE), 1);
	check_int(high(0)->value, 1 * GIB);
	check_int(count_for(200 * SEC, STEP_START, MODE_ENFORCE), 0);
	w_stop(&w);
}

/* Its step has ended, and nobody has looked since. */
TEST(what_was_just_taken_over_is_no_foreign_value_when_it_goes_back)
{
	size_t notes = 0, said = 0;

	start_with(web, "");
	serve("system.slice/web1.service", 100 * MIB);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_START, MODE_ENFORCE), 1);
	struct outcome *o = w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);

	o->in_force = w.plan.steps[0].setting.wanted;
	o->in_force_known = true;
	w_tick(&w, 100 * MS);
	pause_service(0, true);
	for (int i = 0; i < 200; i++) {
		w_tick(&w, 1 * SEC);
		notes += w.plan.note_count;
		said += count(STEP_START, MODE_DRY_RUN);
	}
	check_int(notes, 0);
	check_int(said, 1);
	w_stop(&w);
}

/* Taken, and something else is in force: asked for again like all else, and said once. */
TEST(what_was_of_no_effect_is_asked_for_again_and_not_said)
{
	for (int round = 0; round < 2; round++) {
		struct outcome *o;

		if (round == 0) {
			start_with(web, "");
			serve("system.slice/web1.service", 100 * MIB);
		} else {
			pause_service(0, true);
			check_int(count_for(10 * SEC, STEP_START, MODE_ENFORCE), 0);
			pause_service(0, false);
		}
		w_tick(&w, 100 * MS);
		check_int(count(STEP_START, MODE_ENFORCE), 1);
		o = w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
		o->in_force.number = 2 * GIB;
		o->in_force_known = true;
		*high(0) = reading_of(2 * GIB);
		w_tick(&w, 100 * MS);
		check_int(w_notes(&w, NOTE_INEFFECTIVE), round == 0);
		check_int(w.plan.step_count, 0);
	}
	w_stop(&w);
}

/* What is found is what it wants, but nobody holds it any more. */
TEST(what_is_still_on_its_way_back_is_asked_for_all_the_same)
{
	start_with(web, "");
	serve("system.slice/web1.service", 100 * MIB);
	check_int(count_for(2 * SEC, STEP_START, MODE_ENFORCE), 1);
	pause_service(0, true);
	check_int(count_for(1 * SEC, STEP_START, MODE_DRY_RUN), 0);
	pause_service(0, false);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_START, MODE_ENFORCE), 1);
	obey();
	check_int(count_for(200 * SEC, STEP_START, MODE_ENFORCE), 0);
	check_int(w_notes(&w, NOTE_FOREIGN), 0);
	w_stop(&w);
}

TEST(a_pause_respects_what_somebody_else_has_set)
{
	size_t notes = 0;

	start_with(web, "");
	serve("system.slice/web1.service", 100 * MIB);
	serve("system.slice/web2.service", 100 * MIB);
	count_for(2 * SEC, STEP_START, MODE_ENFORCE);
	*high(0) = reading_of(3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_FOREIGN), 1);
	pause_service(1, true);
	*high(1) = READING_FOREVER;
	for (int i = 0; i < 100; i++) {
		w_tick(&w, 1 * SEC);
		notes += w_notes(&w, NOTE_FOREIGN);
		check_int(count(STEP_START, MODE_ENFORCE), 0);
	}
	check_int(notes, 0);

	/* Until the configuration is read anew, though it is the same. */
	engine_note_read_again(w.engine);
	w_tick(&w, 100 * MS);
	check_int(count(STEP_START, MODE_ENFORCE), 1);
	check_int(w.plan.steps[0].target.key, 100);
	check_int(w.plan.steps[0].setting.was.number, 3 * GIB);
	w_stop(&w);
}

TEST(reading_the_same_again_leaves_remedies_in_force)
{
	start(two);
	count_for(2 * SEC, STEP_START, MODE_ENFORCE);
	engine_note_read_again(w.engine);
	for (int i = 0; i < 50; i++) {
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count + w.plan.note_count, 0);
	}
	check_knobs(10, 50);
	w_stop(&w);
}
