/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Policies hold: what is asked for, when, how often, and when no more. */

#include "test.h"

#include "served.h"

static struct world w;

static const char *const act = "Mode=enforce\n";

#define WEB "[Policy web]\nMatch=system.slice/web*.service\nKill=never\n"

static void start(const char *agent, const char *policies)
{
	w_start_with(&w, agent, policies, "");
}

static size_t serve(const char *path)
{
	return w_serve(&w, path, 100 * MIB);
}

static void scores(size_t i, int least, int most)
{
	found[i].score_known = true;
	found[i].score_least = (int16_t)least;
	found[i].score_most = (int16_t)most;
}

/* Every step ends well, and the cgroup then holds what was wanted. */
static size_t obey(void)
{
	size_t count = 0;

	for (size_t n = 0; n < w.plan.step_count; n++) {
		const struct step *step = &w.plan.steps[n];
		const struct step_setting *s = &step->setting;
		size_t i = (size_t)step->target.key - 100;
		struct outcome *o;

		if (step->order != STEP_START || step->mode != MODE_ENFORCE)
			continue;
		o = w_outcome(&w, step->id, OUTCOME_DONE);
		o->in_force = s->wanted;
		o->in_force_known = true;
		count++;
		if (s->on.id <= SETTING_MEMORY_SWAP_MAX)
			found[i].memory[s->on.id] = s->wanted.number == SETTING_UNLIMITED
							    ? READING_FOREVER
							    : reading_of(s->wanted.number);
		else if (s->on.id == SETTING_OOM_SCORE_ADJ)
			scores(i, (int)s->wanted.number, (int)s->wanted.number);
	}
	return count;
}

static void fail(int error)
{
	for (size_t n = 0; n < w.plan.step_count; n++)
		w_outcome(&w, w.plan.steps[n].id, OUTCOME_FAILED)->error = error;
}

/* Ticks of `each` for `total`; everything that is asked for is done. Returns how much that was. */
static size_t obey_for(usec_t each, usec_t total)
{
	size_t count = 0;

	for (usec_t t = each; t <= total; t += each) {
		w_tick(&w, each);
		count += obey();
	}
	return count;
}

TEST(asks_for_what_is_not_so)
{
	start(act, WEB "MemoryHigh=1G\n");
	serve("system.slice/web1.service");
	serve("system.slice/other.service");
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	const struct step *step = &w.plan.steps[0];

	check_int(step->order, STEP_START);
	check_int(step->action, ACTION_HOLD);
	check_int(step->mode, MODE_ENFORCE);
	check(step->rule == RULE_NONE);
	check(step->id != 0);
	check_int(step->subject.scope, SCOPE_SERVICE);
	check_int(step->subject.key, 100);
	check_str(step->target.path, "system.slice/web1.service");
	check_int(step->target.policy, 0);
	check_int(step->setting.on.id, SETTING_MEMORY_HIGH);
	check_int(step->setting.on.key, 100);
	check_int(step->setting.wanted.number, 1 * GIB);
	check(step->setting.was_known);
	check(step->setting.was.number == SETTING_UNLIMITED);
	check_int(step->setting.owner, OWNER_SYSTEMD);
	check_str(step->owner, "web");
	check(!step->is_again);
	check(!engine_is_at_rest(w.engine));

	/* While it runs it is not asked for again. */
	w_quiet(&w, 100 * MS, 5 * SEC);
	w.plan.steps[0] = *step;
	w_stop(&w);
}

TEST(once_it_is_in_force_there_is_nothing_to_do)
{
	start(act, WEB "MemoryHigh=1G\nMemoryMax=2G\nMemoryMin=0\n");
	serve("system.slice/web1.service");
	check_int(obey_for(100 * MS, 120 * SEC), 2);
	check(engine_is_at_rest(w.engine));
	check_int(w_notes(&w, NOTE_FOREIGN) + w_notes(&w, NOTE_INEFFECTIVE), 0);
	w_stop(&w);
}

TEST(what_is_so_already_is_left_alone)
{
	start(act, WEB "MemoryMax=2G\n");
	size_t i = serve("system.slice/web1.service");

	found[i].memory[SETTING_MEMORY_MAX] = reading_of(2 * GIB);
	w_quiet(&w, 100 * MS, 5 * SEC);
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(policies_without_settings_cost_nothing)
{
	start(act, WEB);
	serve("system.slice/web1.service");
	w_quiet(&w, 100 * MS, 2 * SEC);
	check(engine_is_at_rest(w.engine));
	check(engine_due(w.engine) == USEC_INFINITY);
	w_stop(&w);
}

TEST(a_dry_run_says_it_once)
{
	for (size_t c = 0; c < ARRAY_SIZE(dry_ways); c++) {
		char policies[256];
		size_t i;

		snprintf(policies, sizeof(policies), WEB "MemoryHigh=1G\nMemoryMax=2G\n%s",
			 dry_ways[c].policy);
		start(dry_ways[c].agent, policies);
		i = serve("system.slice/web1.service");
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count, 2);
		check_int(w.plan.steps[0].mode, MODE_DRY_RUN);
		check_str(w.plan.steps[0].mode_from, dry_ways[c].from);
		for (int n = 0; n < 100; n++) {
			/* Nor when it comes and goes by itself. */
			found[i].memory[SETTING_MEMORY_MAX] =
				n % 3 ? READING_FOREVER : reading_of(2 * GIB);
			w_tick(&w, 1 * SEC);
			check_int(w.plan.step_count + w.plan.note_count, 0);
		}
		check(engine_is_at_rest(w.engine));
		w_stop(&w);
	}
}

TEST(a_foreign_value_is_respected_until_the_service_is_another)
{
	start(act, WEB "MemoryHigh=1G\n");
	size_t i = serve("system.slice/web1.service");

	check_int(obey_for(100 * MS, 1 * SEC), 1);
	found[i].memory[SETTING_MEMORY_HIGH] = reading_of(3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_FOREIGN), 1);
	check(w.plan.notes[0].rule == RULE_NONE);
	check_int(w.plan.notes[0].setting, SETTING_MEMORY_HIGH);
	check_int(w.plan.notes[0].policy, 0);
	check_int(w.plan.notes[0].subject.key, 100);
	check_int(w.plan.notes[0].expected, 1 * GIB);
	check_int(w.plan.notes[0].gained, 3 * GIB);
	check_int(w.plan.step_count, 0);

	/* Once, whatever it becomes, and not fought. */
	for (int n = 0; n < 200; n++) {
		found[i].memory[SETTING_MEMORY_HIGH] = reading_of((2 + n % 3) * GIB);
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.note_count, 0);
	}
	check(engine_is_at_rest(w.engine));

	/* Restarted: another cgroup, which has its policy from the start. */
	w.services[i].inode = 150;
	found[i].memory[SETTING_MEMORY_HIGH] = READING_FOREVER;
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].setting.on.key, 150);
	w_stop(&w);
}

static void write_limit(size_t i, uint64_t device, struct reading write)
{
	found[i].io[0] = (struct io_limit){ device, write };
}

/* The record knew it from before; what there is says the snapshot. */
TEST(a_foreign_value_is_told_as_it_is)
{
	start(act, WEB "MemoryHigh=1G\n");
	size_t i = serve("system.slice/web1.service");

	found[i].memory[SETTING_MEMORY_HIGH] = reading_of(3 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	fail(EALREADY);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_FOREIGN), 1);
	check_int(w.plan.notes[0].gained, 3 * GIB);
	check_int(w.plan.notes[0].expected, 1 * GIB);
	w_stop(&w);
}

TEST(a_limit_of_writing_is_seen_as_any_other)
{
	const uint64_t disk = 8 << 8;
	int64_t wanted;
	size_t i;

	start(act, WEB "IOWriteBandwidthMax=/dev/sda 10M\n");
	w.config->policies.policies[0].settings[0].device_number = disk;
	i = serve("system.slice/web1.service");
	write_limit(i, disk, READING_FOREVER);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].setting.on.detail, disk);
	check(w.plan.steps[0].setting.was_known);
	check(w.plan.steps[0].setting.was.number == SETTING_UNLIMITED);
	wanted = w.plan.steps[0].setting.wanted.number;
	check_int(obey(), 1);
	write_limit(i, disk, reading_of(wanted));
	check_int(obey_for(SEC, 120 * SEC), 0);
	check_int(w_notes(&w, NOTE_FOREIGN) + w_notes(&w, NOTE_INEFFECTIVE), 0);
	/* Somebody else sets it. */
	write_limit(i, disk, reading_of(MIB));
	w_tick(&w, SEC);
	check_int(w_notes(&w, NOTE_FOREIGN), 1);
	check_int(obey_for(SEC, 120 * SEC), 0);
	w_stop(&w);
	/* What is so already is left alone. */
	start(act, WEB "IOWriteBandwidthMax=/dev/sda 10M\n");
	w.config->policies.policies[0].settings[0].device_number = disk;
	i = serve("system.slice/web1.service");
	write_limit(i, disk, reading_of(wanted));
	check_int(obey_for(SEC, 120 * SEC), 0);
	w_stop(&w);
}

TEST(reading_the_configuration_anew_asks_again)
{
	start(act, WEB "MemoryHigh=1G\n");
	size_t i = serve("system.slice/web1.service");

	check_int(obey_for(100 * MS, 1 * SEC), 1);
	found[i].memory[SETTING_MEMORY_HIGH] = reading_of(3 * GIB);
	w_quiet(&w, 1 * SEC, 10 * SEC);
	/* As a reload does. */
	uint64_t last = engine_last_step(w.engine);

	engine_free(w.engine);
	check_int(engine_new(w.config, &w.engine), 0);
	check_int(engine_reserve(w.engine, W_NODES, W_SERVICES), 0);
	engine_set_last_step(w.engine, last);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].setting.wanted.number, 1 * GIB);
	check_int(w.plan.steps[0].id, last + 1);
	w_stop(&w);
}

TEST(a_value_of_before_is_not_foreign)
{
	/* An administrator's 4 GiB was there first: the policy is newer. */
	start(act, WEB "MemoryHigh=1G\n");
	size_t i = serve("system.slice/web1.service");

	found[i].memory[SETTING_MEMORY_HIGH] = reading_of(4 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].setting.was.number, 4 * GIB);
	w_stop(&w);
}

TEST(a_part_of_something_that_grows_is_asked_for_anew)
{
	start(act, WEB "MemoryHigh=25%\n");
	serve("system.slice/web1.service");
	w_tick(&w, 100 * MS);
	check_int(w.plan.steps[0].setting.wanted.number, 4 * GIB);
	obey();
	check_int(obey_for(1 * SEC, 10 * SEC), 0);
	w_set(w.snapshot.host.readings, METRIC_MEM_TOTAL, 32 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].setting.wanted.number, 8 * GIB);
	check_int(w_notes(&w, NOTE_FOREIGN), 0);
	w_stop(&w);
}

TEST(what_has_no_value_yet_waits_for_it)
{
	start(act, "[Policy guests]\nMatch=machine.slice/*.scope\nKind=vm\n"
		   "MemoryMax=120% declared\n");
	size_t i = serve("machine.slice/db.scope");

	w.services[i].guest = GUEST_QEMU;
	w_quiet(&w, 1 * SEC, 60 * SEC);
	check(engine_is_at_rest(w.engine));
	w.services[i].declared_bytes = 2 * (uint64_t)GIB;
	check(w_until_step(&w, 1 * SEC, 40 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].setting.wanted.number, 2 * GIB / 10 * 12 / 4096 * 4096);
	w_stop(&w);
}

TEST(a_failure_is_tried_again_after_ever_longer_times)
{
	size_t asked = 0;

	start(act, WEB "MemoryMax=50M\n");
	serve("system.slice/web1.service"); /* uses 100 MiB: the worker refuses */
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check(!w.plan.steps[0].is_again);
	fail(EBUSY);
	for (int t = 0; t < 3600; t++) {
		w_tick(&w, 1 * SEC);
		check(w.plan.step_count <= 1);
		if (w.plan.step_count == 0)
			continue;
		asked++;
		check(w.plan.steps[0].is_again);
		fail(EBUSY);
	}
	/* Doubled from a second to ten minutes. */
	check(asked >= 10 && asked <= 16);
	check_int(w_notes(&w, NOTE_INEFFECTIVE), 0);
	check(engine_due(w.engine) > w.now && engine_due(w.engine) <= w.now + 600 * SEC);

	/* It fits now. */
	size_t done = obey_for(1 * SEC, 700 * SEC);

	check_int(done, 1);
	w_stop(&w);
}

TEST(a_step_that_nobody_hears_of_again_is_tried_again)
{
	start(act, WEB "MemoryMax=50M\n");
	serve("system.slice/web1.service");
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check(w_until_step(&w, 1 * SEC, 300 * SEC) >= 60 * SEC);
	check_int(w.plan.step_count, 1);
	w_stop(&w);
}

TEST(a_value_that_is_refused_is_said_and_not_tried_for_ever)
{
	start(act, WEB "MemoryMax=50M\n");
	serve("system.slice/web1.service");
	w_tick(&w, 100 * MS);
	fail(EINVAL);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_INEFFECTIVE), 1);
	check(w.plan.notes[0].why);
	w_quiet(&w, 1 * SEC, 120 * SEC);
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(taken_but_read_back_otherwise_is_ineffective)
{
	start(act, WEB "MemoryHigh=1G\n");
	serve("system.slice/web1.service");
	w_tick(&w, 100 * MS);
	struct outcome *o = w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);

	o->in_force.number = SETTING_UNLIMITED;
	o->in_force_known = true;
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_INEFFECTIVE), 1);
	check_int(w_notes(&w, NOTE_FOREIGN), 0);
	check_int(w.plan.notes[0].expected, 1 * GIB);
	check(w.plan.notes[0].why);
	for (int n = 0; n < 300; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.note_count, 0);
	}
	w_stop(&w);
}

/* A worker leaves a limit where use could be brought to; why is said, and it is not given up. */
TEST(a_limit_below_what_can_be_reclaimed_is_tried_again)
{
	size_t asked = 0, notes = 0;

	start(act, WEB "MemoryHigh=50M\n");
	size_t i = serve("system.slice/web1.service"); /* uses 100 MiB */

	w_tick(&w, 100 * MS);
	for (int t = 0; t < 3600; t++) {
		for (size_t n = 0; n < w.plan.step_count; n++) {
			struct outcome *o = w_outcome(&w, w.plan.steps[n].id, OUTCOME_DONE);

			check(w.plan.steps[n].is_again == (asked > 0));
			asked++;
			o->in_force.number = 100 * MIB;
			o->in_force_known = true;
			found[i].memory[SETTING_MEMORY_HIGH] = reading_of(100 * MIB);
		}
		w_tick(&w, 1 * SEC);
		check(w.plan.step_count <= 1);
		check_int(w_notes(&w, NOTE_FOREIGN), 0);
		notes += w_notes(&w, NOTE_INEFFECTIVE);
		if (w_notes(&w, NOTE_INEFFECTIVE) > 0)
			check_contains(w.plan.notes[0].why, "uses more");
	}
	check_int(notes, 1);
	/* Doubled from a second to ten minutes. */
	check(asked >= 10 && asked <= 16);
	/* It uses less now. */
	w_resize(&w, i, 0, 20 * MIB);
	check_int(obey_for(1 * SEC, 700 * SEC), 1);
	check_int(obey_for(1 * SEC, 700 * SEC), 0);
	w_stop(&w);
}

TEST(a_limit_below_its_own_protection_says_so)
{
	start(act, WEB "MemoryHigh=50M\n");
	size_t i = serve("system.slice/web1.service");

	w_resize(&w, i, 0, 20 * MIB);
	found[i].memory[SETTING_MEMORY_LOW] = reading_of(80 * MIB); /* the unit's own */
	w_tick(&w, 100 * MS);
	struct outcome *o = w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);

	o->in_force.number = 80 * MIB;
	o->in_force_known = true;
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_INEFFECTIVE), 1);
	check_contains(w.plan.notes[0].why, "MemoryLow=");
	w_stop(&w);
}

TEST(what_the_kernel_rounds_to_pages_is_in_force)
{
	start(act, WEB "MemoryHigh=1G\n");
	size_t i = serve("system.slice/web1.service");

	w_tick(&w, 100 * MS);
	struct outcome *o = w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);

	o->in_force.number = 1 * GIB - 4095;
	o->in_force_known = true;
	found[i].memory[SETTING_MEMORY_HIGH] = reading_of(1 * GIB - 4095);
	for (int n = 0; n < 100; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.note_count, 0);
	}
	w_stop(&w);
}

TEST(taken_and_never_seen_is_ineffective)
{
	start(act, WEB "MemoryHigh=1G\n");
	serve("system.slice/web1.service");
	w_tick(&w, 100 * MS);
	w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);
	size_t notes = 0;

	for (int n = 0; n < 30; n++) { /* slow rounds: not at once */
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.note_count, 0);
	}
	for (int n = 0; n < 60; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count, 0);
		notes += w_notes(&w, NOTE_INEFFECTIVE);
	}
	check_int(notes, 1);
	w_stop(&w);
}

TEST(a_snapshot_that_lags_behind_the_step_is_no_foreign_value)
{
	start(act, WEB "MemoryHigh=1G\n");
	size_t i = serve("system.slice/web1.service");

	w_tick(&w, 100 * MS);
	obey();
	found[i].memory[SETTING_MEMORY_HIGH] = READING_FOREVER; /* read before */
	for (int n = 0; n < 50; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.note_count, 0);
	}
	found[i].memory[SETTING_MEMORY_HIGH] = reading_of(1 * GIB);
	for (int n = 0; n < 100; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.note_count, 0);
	}
	w_stop(&w);
}

TEST(version_1_has_no_high_and_no_protection)
{
	start(act, WEB "MemoryHigh=1G\nMemoryMin=10M\nMemoryLow=20M\nMemorySwapMax=1G\n"
		       "OOMGroup=yes\nMemoryMax=2G\n");
	size_t i = serve("system.slice/web1.service");

	w.snapshot.host.memory_is_v1 = true;
	for (int id = 0; id <= SETTING_MEMORY_SWAP_MAX; id++)
		found[i].memory[id] = READING_NONE;
	found[i].memory[SETTING_MEMORY_MAX] = READING_FOREVER;
	found[i].oom_group = READING_NONE;
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].setting.on.id, SETTING_MEMORY_MAX);
	check_int(w_notes(&w, NOTE_INEFFECTIVE), 5);
	for (size_t n = 0; n < w.plan.note_count; n++)
		check(w.plan.notes[n].why);
	obey();
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count + w.plan.note_count, 0);
	w_stop(&w);
}

TEST(what_version_1_has_not_need_not_be_taken_away)
{
	start(act, WEB "MemoryHigh=infinity\nMemoryMin=0\nMemorySwapMax=infinity\nOOMGroup=no\n");
	size_t i = serve("system.slice/web1.service");

	w.snapshot.host.memory_is_v1 = true;
	for (int id = 0; id <= SETTING_MEMORY_SWAP_MAX; id++)
		found[i].memory[id] = READING_NONE;
	found[i].oom_group = READING_NONE;
	for (int n = 0; n < 5; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.note_count, 0);
	}
	w_stop(&w);
}

TEST(without_accounting_no_file_is_there_and_it_is_tried)
{
	start(act, WEB "MemoryHigh=1G\nMemoryMax=2G\n");
	size_t i = serve("system.slice/web1.service");

	for (int id = 0; id <= SETTING_MEMORY_SWAP_MAX; id++)
		found[i].memory[id] = READING_NONE;
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 2);
	check(!w.plan.steps[0].setting.was_known);
	w_stop(&w);
}

TEST(protection_below_a_slice_that_has_none_is_ineffective)
{
	start(act, WEB "MemoryMin=64M\n");
	size_t i = serve("system.slice/web1.service");

	w_tick(&w, 100 * MS);
	check_int(obey(), 1);
	w_set(w.services[i].readings, METRIC_SERVICE_MIN, 0);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_INEFFECTIVE), 1);
	check_contains(w.plan.notes[0].why, "slice");
	for (int n = 0; n < 100; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.note_count, 0);
	}
	w_stop(&w);

	start(act, WEB "MemoryMin=64M\n");
	i = serve("system.slice/web1.service");
	w_tick(&w, 100 * MS);
	check_int(obey(), 1);
	w_set(w.services[i].readings, METRIC_SERVICE_MIN, 64 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.note_count, 0);
	w_stop(&w);
}

TEST(new_processes_get_the_score_of_their_service)
{
	start(act, WEB "OOMScoreAdjust=300\n");
	size_t i = serve("system.slice/web1.service");

	w_quiet(&w, 1 * SEC, 3 * SEC); /* it has no processes that are known */
	scores(i, 0, 0);
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].setting.wanted.number, 300);
	check_int(w.plan.steps[0].setting.was.number, 0);
	obey();
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 0);
	/* One more, much later. */
	obey_for(10 * SEC, 600 * SEC);
	scores(i, 0, 300);
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.note_count, 0);
	check_int(w.plan.steps[0].setting.was.number, 0);
	w_stop(&w);
}

TEST(processes_that_keep_coming_are_no_storm)
{
	size_t asked = 0;

	start(act, WEB "OOMScoreAdjust=300\n");
	size_t i = serve("system.slice/web1.service");

	for (int t = 0; t < 600; t++) {
		scores(i, 0, 300);
		w_tick(&w, 1 * SEC);
		check(w.plan.step_count <= 1);
		check_int(w.plan.note_count, 0);
		asked += obey();
	}
	/* 1, 2, 4, ... 60 s: about 15 times in ten minutes, and it goes on. */
	check(asked >= 9 && asked <= 20);
	w_stop(&w);
}

TEST(protected_and_foreign_cgroups_are_refused_once)
{
	static const struct {
		bool self;
		enum cgroup_owner owner;
		enum refusal why;
	} cases[] = {
		{ true, OWNER_SYSTEMD, REFUSE_PROTECTED },
		{ false, OWNER_OTHER, REFUSE_NOT_OURS },
	};

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		start(act, WEB "MemoryHigh=1G\nMemoryMax=2G\nOOMScoreAdjust=-500\n");
		size_t i = serve("system.slice/web1.service");

		w.services[i].is_self = cases[c].self;
		w.services[i].owner = cases[c].owner;
		scores(i, 0, 0);
		w_tick(&w, 100 * MS);
		check_int(w.plan.step_count, 0);
		check_int(w.plan.refusal_count, 1);
		check_int(w.plan.refusals[0].why, cases[c].why);
		check(w.plan.refusals[0].rule == RULE_NONE);
		check_int(w.plan.refusals[0].ladder, SETTING_MEMORY_HIGH);
		check_int(w.plan.refusals[0].subject.key, 100);
		for (int n = 0; n < 100; n++) {
			w_tick(&w, 1 * SEC);
			check_int(w.plan.step_count + w.plan.refusal_count, 0);
		}
		w_stop(&w);
	}
}

TEST(what_is_protected_may_be_given_something)
{
	start(act, WEB "MemoryMin=64M\nMemoryMax=2G\nOOMScoreAdjust=-500\n");
	size_t i = serve("system.slice/web1.service");

	w.services[i].protected_unit = true;
	scores(i, 0, 0);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 2);
	check_int(w.plan.steps[0].setting.on.id, SETTING_MEMORY_MIN);
	check_int(w.plan.steps[1].setting.on.id, SETTING_OOM_SCORE_ADJ);
	check_int(w_refused(&w, REFUSE_PROTECTED), 1);
	check_int(w.plan.refusals[0].ladder, SETTING_MEMORY_MAX);
	obey();
	for (int n = 0; n < 100; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.refusal_count, 0);
	}
	w_stop(&w);

	start(act, WEB "OOMScoreAdjust=500\n");
	i = serve("system.slice/web1.service");
	w.services[i].protected_unit = true;
	scores(i, 0, 0);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	check_int(w_refused(&w, REFUSE_PROTECTED), 1);
	w_stop(&w);
}

TEST(no_limit_around_what_is_protected)
{
	start(act, "[Policy "
		   "web]\nMatch=a.slice/web.slice\nMatch=a.slice/web.slice/*.service\nKill=never\n"
		   "MemoryMax=2G\nMemoryLow=64M\n");
	serve("a.slice/web.slice");
	size_t inner = serve("a.slice/web.slice/sshd.service");

	w.services[inner].protected_unit = true;
	w_tick(&w, 100 * MS);
	check_int(w_refused(&w, REFUSE_PROTECTED), 2);
	for (size_t n = 0; n < w.plan.step_count; n++)
		check_int(w.plan.steps[n].setting.on.id, SETTING_MEMORY_LOW);
	check_int(w.plan.step_count, 2);
	w_stop(&w);
}

#define AROUND "[Policy around]\nMatch=a.slice/web.slice\nKill=never\nMemoryMax=2G\n"
#define INSIDE                                                                             \
	"[Policy inside]\nMatch=a.slice/web.slice/db*.service\nKill=never\nMemoryLow=1G\n" \
	"[Policy part]\nMatch=a.slice/web.slice/db*.service/*\nKill=never\nMemoryMin=1G\n"

/* How often the limit of the slice is asked for, and given back, in that time. */
static void count_limits(usec_t total, unsigned *ret_asked, unsigned *ret_returned)
{
	*ret_asked = *ret_returned = 0;
	for (usec_t t = 0; t < total; t += SEC) {
		w_tick(&w, SEC);
		for (size_t n = 0; n < w.plan.step_count; n++) {
			if (w.plan.steps[n].setting.on.id != SETTING_MEMORY_MAX)
				continue;
			*ret_asked += w.plan.steps[n].order == STEP_START;
			*ret_returned += w.plan.steps[n].order == STEP_UNDO;
		}
		(void)obey();
	}
}

TEST(no_limit_crosses_what_another_policy_protects)
{
	unsigned asked, returned;
	size_t last;

	start(act, AROUND INSIDE);
	serve("a.slice/web.slice");
	serve("a.slice/web.slice/db1.service");
	serve("a.slice/web.slice/db1.service/part"); /* of what that has */
	serve("a.slice/web.slice/db2.service");
	last = serve("a.slice/web.slice/db3.service");
	w.snapshot.service_count = last;
	count_limits(60 * SEC, &asked, &returned);
	check_int(asked, 1);
	check_int(returned, 0);
	/* One more has more than there is. */
	w.snapshot.service_count = last + 1;
	count_limits(60 * SEC, &asked, &returned);
	check_int(asked, 0);
	check_int(returned, 1);
	/* And goes. */
	found[0].memory[SETTING_MEMORY_MAX] = READING_FOREVER;
	count_limits(120 * SEC, &asked, &returned);
	check_int(asked + returned, 0);
	w.snapshot.service_count = last;
	count_limits(120 * SEC, &asked, &returned);
	check_int(asked, 1);
	check_int(returned, 0);
	w_stop(&w);

	/* From the start: it is said. */
	start(act, AROUND INSIDE);
	serve("a.slice/web.slice");
	for (int i = 1; i <= 3; i++) {
		char path[48];

		snprintf(path, sizeof(path), "a.slice/web.slice/db%d.service", i);
		serve(path);
	}
	w_tick(&w, SEC);
	check_int(w_refused(&w, REFUSE_CROSSES), 1);
	check_int(w.plan.refusals[0].ladder, SETTING_MEMORY_MAX);
	for (size_t n = 0; n < w.plan.step_count; n++)
		check_int(w.plan.steps[n].setting.on.id, SETTING_MEMORY_LOW);
	w_stop(&w);
}

TEST(all_of_it_protected_is_what_it_uses)
{
	start(act, AROUND "[Policy inside]\nMatch=a.slice/web.slice/db*.service\nKill=never\n"
			  "MemoryMin=infinity\n");
	serve("a.slice/web.slice");
	size_t inner = serve("a.slice/web.slice/db.service");

	w_resize(&w, inner, 0, 3 * GIB);
	w_tick(&w, SEC);
	check_int(w_refused(&w, REFUSE_CROSSES), 1);
	w_resize(&w, inner, 0, 1 * GIB);
	(void)obey();
	check(w_until_step(&w, 1 * SEC, 60 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].setting.on.id, SETTING_MEMORY_MAX);
	w_stop(&w);
}

/* Two paths, of which both may be on one. */
TEST(of_one_disk_the_lower_limit_holds)
{
	const uint64_t disk = 8 << 8;

	start(act, WEB "IOWriteBandwidthMax=/srv 20M\nIOWriteBandwidthMax=/var 10M\n");
	w.config->policies.policies[0].settings[0].device_number = disk;
	w.config->policies.policies[0].settings[1].device_number = disk;
	size_t i = serve("system.slice/web1.service");

	write_limit(i, disk, READING_FOREVER);
	for (int t = 0; t < 200; t++) {
		w_tick(&w, 1 * SEC);
		for (size_t n = 0; n < w.plan.step_count; n++) {
			check_int(w.plan.steps[n].setting.wanted.number, 10 * MIB);
			write_limit(i, disk, reading_of(10 * MIB));
		}
		check_int(w_notes(&w, NOTE_FOREIGN) + w_notes(&w, NOTE_INEFFECTIVE), 0);
		(void)obey();
	}
	w_stop(&w);
}

TEST(who_owns_it_has_to_be_known)
{
	start(act, WEB "MemoryHigh=1G\n");
	size_t i = serve("system.slice/web1.service");

	w.services[i].owner = OWNER_UNKNOWN;
	w_quiet(&w, 1 * SEC, 5 * SEC);
	w.services[i].owner = OWNER_NOBODY;
	w_tick(&w, 1 * SEC);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].setting.owner, OWNER_NOBODY);
	w_stop(&w);
}

TEST(no_limit_comes_down_while_a_met_one_would_panic)
{
	start(act, WEB "MemoryMax=2G\nMemoryLow=10M\n");
	size_t i = serve("system.slice/web1.service");

	w.snapshot.host.panic_on_oom = true;
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].setting.on.id, SETTING_MEMORY_LOW);
	check_int(w_refused(&w, REFUSE_PANIC), 1);
	obey();
	for (int n = 0; n < 100; n++) {
		w_tick(&w, 1 * SEC);
		check_int(w.plan.step_count + w.plan.refusal_count, 0);
	}
	/* Up it may go. */
	found[i].memory[SETTING_MEMORY_MAX] = reading_of(1 * GIB);
	check(w_until_step(&w, 1 * SEC, 60 * SEC) != USEC_INFINITY);
	check_int(w.plan.steps[0].setting.on.id, SETTING_MEMORY_MAX);
	w_stop(&w);

	start(act, WEB "MemoryMax=2G\n");
	serve("system.slice/web1.service");
	w.snapshot.host.panic_on_oom = true;
	w_quiet(&w, 1 * SEC, 10 * SEC);
	w.snapshot.host.panic_on_oom = false;
	check(w_until_step(&w, 1 * SEC, 60 * SEC) != USEC_INFINITY);
	w_stop(&w);
}

TEST(nodes_are_held_where_they_are_there)
{
	start(act, "[Policy web]\nMatch=system.slice/web*.service\nKill=never\nNodes=1\n");
	size_t i = serve("system.slice/web1.service");

	/* Its memory is there already: nothing has to follow. */
	w_resize(&w, i, 0, 0);
	w_resize(&w, i, 1, 100 * MIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].setting.on.id, SETTING_ALLOWED_NODES);
	check(idset_has(&w.plan.steps[0].setting.wanted.nodes, 1));
	check_int(idset_count(&w.plan.steps[0].setting.wanted.nodes), 1);
	struct outcome *o = w_outcome(&w, w.plan.steps[0].id, OUTCOME_DONE);

	o->in_force_known = true;
	idset_add(&o->in_force.nodes, 1);
	idset_add(&found_nodes[i], 1);
	w_quiet(&w, 1 * SEC, 100 * SEC);
	idset_add(&found_nodes[i], 0);
	w_tick(&w, 1 * SEC);
	check_int(w_notes(&w, NOTE_FOREIGN), 1);
	w_stop(&w);

	start(act, "[Policy web]\nMatch=system.slice/web*.service\nKill=never\nNodes=1,7\n");
	serve("system.slice/web1.service");
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0);
	check_int(w_notes(&w, NOTE_INEFFECTIVE), 1);
	check(w.plan.notes[0].why);
	w_stop(&w);
}

TEST(a_few_at_a_time_and_everybody_in_turn)
{
	bool asked[W_SERVICES] = { false };
	size_t running = 0, most = 0, count = 0;

	start(act, WEB "MemoryHigh=1G\n");
	for (int i = 0; i < 60; i++)
		serve("system.slice/web1.service");
	for (int t = 0; t < 100 && count < 60; t++) {
		uint64_t ids[32];
		size_t started = 0;

		w_tick(&w, 100 * MS);
		for (size_t n = 0; n < w.plan.step_count; n++) {
			size_t i = (size_t)w.plan.steps[n].target.key - 100;

			check(!asked[i]); /* those that fail are not in the way of the others */
			asked[i] = true;
			ids[started++] = w.plan.steps[n].id;
		}
		count += started;
		running += started;
		most = running > most ? running : most;
		/* Half of them end, all of these badly. */
		for (size_t n = 0; n < started && w.now % 200000 == 0; n++) {
			w_outcome(&w, ids[n], OUTCOME_FAILED)->error = EPERM;
			running--;
		}
		if (w.outcome_count == 0)
			for (size_t n = 0; n < started; n++) {
				w_outcome(&w, ids[n], OUTCOME_DONE);
				running--;
			}
		check(engine_left(w.engine) == 0 || !engine_is_at_rest(w.engine));
	}
	check_int(count, 60);
	check(most <= 8);
	w_stop(&w);
}

TEST(slow_steps_are_not_piled_up)
{
	size_t running = 0;

	start(act, WEB "MemoryHigh=1G\n");
	for (int i = 0; i < 60; i++)
		serve("system.slice/web1.service");
	for (int t = 0; t < 50; t++)
		running += w_tick(&w, 100 * MS)->step_count;
	check_int(running, 8);
	check(!engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(of_one_sample_all_is_said_that_has_room)
{
	start("Mode=dry-run\n", WEB "MemoryHigh=1G\n");
	for (int i = 0; i < 60; i++)
		serve("system.slice/web1.service");
	w.snapshot.single = true;
	w_tick(&w, 0);
	check_int(w.plan.step_count, PLAN_STEPS_MAX);
	check_int(engine_left(w.engine), 60 - PLAN_STEPS_MAX);
	w_stop(&w);
}

TEST(only_those_that_were_touched_are_looked_at)
{
	static uint32_t touched[4];

	start(act, WEB "MemoryHigh=1G\n");
	size_t a = serve("system.slice/web1.service");
	size_t b = serve("system.slice/web2.service");

	w.snapshot.roll = 1;
	w.snapshot.only_touched = true;
	w.snapshot.touched = touched;
	check_int(obey_for(100 * MS, 2 * SEC), 2); /* who comes is looked at */
	found[a].memory[SETTING_MEMORY_HIGH] = reading_of(2 * GIB);
	found[b].memory[SETTING_MEMORY_HIGH] = reading_of(2 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_FOREIGN), 0);
	touched[0] = (uint32_t)b;
	w.snapshot.touched_count = 1;
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_FOREIGN), 1);
	check_int(w.plan.notes[0].subject.key, 100 + b);
	/* And now and then everybody, in case a word was missed. */
	size_t notes = 0;

	w.snapshot.touched_count = 0;
	for (int t = 0; t < 70; t++) {
		w_tick(&w, 1 * SEC);
		notes += w_notes(&w, NOTE_FOREIGN);
	}
	check_int(notes, 1);
	w_stop(&w);
}

TEST(an_outcome_after_the_service_has_gone_is_nobodys)
{
	start(act, WEB "MemoryHigh=1G\n");
	serve("system.slice/web1.service");
	w_tick(&w, 100 * MS);
	uint64_t id = w.plan.steps[0].id;

	/* Its slot is another's before the step has ended. */
	w.services[0].inode = 500;
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].target.key, 500);
	w_outcome(&w, id, OUTCOME_FAILED)->error = EINVAL;
	w_tick(&w, 100 * MS);
	check_int(w.plan.note_count, 0);
	w_outcome(&w, id + 1, OUTCOME_DONE);
	found[0].memory[SETTING_MEMORY_HIGH] = reading_of(1 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w.plan.note_count + w.plan.step_count, 0);
	check(engine_is_at_rest(w.engine));

	/* And it goes altogether. */
	w.services[0].inode = 501;
	found[0].memory[SETTING_MEMORY_HIGH] = READING_FOREVER;
	w_tick(&w, 100 * MS);
	id = w.plan.steps[0].id;
	w.snapshot.service_count = 0;
	w_tick(&w, 100 * MS);
	w_outcome(&w, id, OUTCOME_DONE);
	w_tick(&w, 100 * MS);
	check(engine_is_at_rest(w.engine));
	w_stop(&w);
}

TEST(growing_keeps_what_is_known)
{
	start(act, WEB "MemoryHigh=1G\n");
	engine_free(w.engine);
	check_int(engine_new(w.config, &w.engine), 0);
	check_int(engine_reserve(w.engine, 2, 1), 0);
	size_t i = serve("system.slice/web1.service");

	check_int(obey_for(100 * MS, 1 * SEC), 1);
	serve("system.slice/web2.service");
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 0); /* no room for it yet */
	check_int(engine_reserve(w.engine, 2, 40), 0);
	w_tick(&w, 100 * MS);
	check_int(w.plan.step_count, 1);
	check_int(w.plan.steps[0].target.key, 101);
	found[i].memory[SETTING_MEMORY_HIGH] = reading_of(2 * GIB);
	w_tick(&w, 100 * MS);
	check_int(w_notes(&w, NOTE_FOREIGN), 1);
	w_stop(&w);
}

TEST(in_trouble_rules_have_the_workers)
{
	w_start_with(&w, act, WEB "MemoryHigh=1G\n",
		     "[Rule low]\nOn=host\nWhen=mem.available < 2G\nUntil=mem.available > 4G\n"
		     "Do=notify\n");
	for (int i = 0; i < 20; i++)
		serve("system.slice/web1.service");
	w_available(&w, 1 * GIB);
	w_tick(&w, 100 * MS);
	check(w_find(&w, ACTION_NOTIFY, STEP_START));
	check_int(w.plan.step_count, 2);
	w_outcome(&w, w_find(&w, ACTION_NOTIFY, STEP_START)->id, OUTCOME_DONE);
	for (int n = 0; n < 10; n++) {
		w_tick(&w, 100 * MS);
		check(!w_find(&w, ACTION_HOLD, STEP_START));
	}
	w_available(&w, 5 * GIB);
	check(w_until_step(&w, 1 * SEC, 60 * SEC) != USEC_INFINITY);
	check(w.plan.step_count > 1);
	w_stop(&w);
}
