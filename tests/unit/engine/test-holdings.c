/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the executor makes of steps that set something: who is refused, what is in force when many
 * ask, and that all of it is given back. On a machine of files, with remedies that do as they are
 * told.
 */

#include "heap_count.h"
#include "scratch-directory.h"

#include "act/remedy.h"
#include "act/setting_file.h"
#include "engine/drop_in.h"
#include "engine/executor.h"
#include "sys/cgroup_layout.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <sys/stat.h>

#define SECOND USEC_PER_SEC

static struct scratch_directory directory;
static struct sysroot root;
static struct cgroup_layout layout;
static struct ledger *ledger;
static struct executor *executor;
static struct plan plan;
static struct service service;
static struct snapshot snapshot;
static struct policy policies[2];
static const struct policy_table table = { .policies = policies, .count = 2 };
static usec_t now;

/* --- remedies that do as they are told ------------------------------------------------------- */

static struct {
	unsigned started;
	unsigned cancelled;
	unsigned released;
	int fail;	   /* start() answers this */
	bool stays;	   /* it runs until this is taken back */
	bool misreads;	   /* it is taken, and something else is in force */
	int64_t halfway;   /* what is written by one that stays; 0: nothing */
	unsigned drop_ins; /* that were to go */
} fake;

static int fake_write(struct remedy *remedy, const struct remedy_env *env)
{
	const struct setting_target *on = &remedy->step.setting.on;
	int r = setting_file_write(env->root, env->layout, on, remedy->step.target.path,
				   &remedy->value);

	if (r < 0)
		return r;
	r = setting_file_read(env->root, env->layout, on, remedy->step.target.path,
			      &remedy->outcome.in_force);
	remedy->outcome.in_force.number += fake.misreads;
	remedy->outcome.in_force_known = r == 0;
	return REMEDY_DONE;
}

static int fake_start(struct remedy *remedy, const struct remedy_env *env, usec_t at)
{
	(void)at;
	fake.started++;
	fake.drop_ins += remedy->drop_in_goes;
	remedy->clerk.cancelled = false;
	if (fake.fail < 0)
		return fake.fail;
	if (!fake.stays)
		return fake_write(remedy, env);
	if (fake.halfway) {
		const struct setting_value value = { .number = fake.halfway };

		check_int(setting_file_write(env->root, env->layout, &remedy->step.setting.on,
					     remedy->step.target.path, &value),
			  0);
	}
	return REMEDY_RUNNING;
}

static int fake_advance(struct remedy *remedy, const struct remedy_env *env, usec_t at)
{
	(void)at;
	if (remedy->clerk.cancelled) {
		remedy->outcome.state = OUTCOME_CANCELLED;
		return REMEDY_DONE;
	}
	if (fake.fail < 0)
		return fake.fail;
	return fake.stays ? REMEDY_RUNNING : fake_write(remedy, env);
}

static void fake_cancel(struct remedy *remedy, const struct remedy_env *env)
{
	(void)env;
	fake.cancelled++;
	remedy->clerk.cancelled = true;
}

static void fake_release(struct remedy *remedy, const struct remedy_env *env)
{
	(void)remedy;
	(void)env;
	fake.released++;
}

static const struct remedy_ops fake_remedy = {
	.start = fake_start, .advance = fake_advance, .cancel = fake_cancel, .release = fake_release
};

/* Stands in for the table of the real ones. */
const struct remedy_ops *const remedies[ACTION_COUNT_] = {
	[ACTION_FREEZE] = &fake_remedy,		[ACTION_HOLD] = &fake_remedy,
	[ACTION_IO_LIMIT] = &fake_remedy,	[ACTION_KILL] = &fake_remedy,
	[ACTION_LIMIT] = &fake_remedy,		[ACTION_OOM_SCORE] = &fake_remedy,
	[ACTION_RECLAIM] = &fake_remedy,	[ACTION_RESTART_UNIT] = &fake_remedy,
	[ACTION_STOP_UNIT] = &fake_remedy,	[ACTION_SYSCTL] = &fake_remedy,
	[ACTION_HUGETLB_SHRINK] = &fake_remedy,
};

/* --- the machine ------------------------------------------------------------------------------ */

static void put(const char *sysctl, int64_t value)
{
	char path[64], text[32];
	int fd;

	snprintf(path, sizeof(path), "proc/sys/vm/%s", sysctl);
	snprintf(text, sizeof(text), "%lld\n", (long long)value);
	fd = openat(directory.fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	check(fd >= 0);
	check(write(fd, text, strlen(text)) > 0);
	close(fd);
}

static int64_t get(const char *sysctl)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "proc/sys/vm/%s", sysctl);
	fd = openat(directory.fd, path, O_RDONLY | O_CLOEXEC);
	check(fd >= 0);
	check(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strtoll(text, NULL, 10);
}

static void begin(void)
{
	const struct remedy_env env = { .root = &root, .layout = &layout };

	memset(&fake, 0, sizeof(fake));
	scratch_directory_open(&directory);
	check_int(mkdirat(directory.fd, "proc", 0755), 0);
	check_int(mkdirat(directory.fd, "proc/sys", 0755), 0);
	check_int(mkdirat(directory.fd, "proc/sys/vm", 0755), 0);
	put("swappiness", 60);
	put("vfs_cache_pressure", 100);
	root = (struct sysroot){ .fd = directory.fd, .live = true };
	layout = (struct cgroup_layout){ .v2_fd = -1, .tree_fd = -1, .memory_fd = -1 };
	policies[0] = (struct policy){ .kind = KIND_SERVICE };
	policies[1] = (struct policy){ .kind = KIND_VM };
	service = (struct service){ .path = "system.slice/a.service",
				    .inode = 42,
				    .owner = OWNER_NOBODY };
	snapshot = (struct snapshot){ .services = &service, .service_count = 1 };
	now = 100 * SECOND;
	plan_reset(&plan);
	check_int(ledger_new(&ledger), 0);
	check_int(executor_new(&env, &executor), 0);
	executor_set_ledger(executor, ledger, now);
	executor_set_policies(executor, &table);
}

static void end(void)
{
	executor = executor_free(executor);
	ledger = ledger_free(ledger);
	scratch_directory_close(&directory);
}

static struct step *add(uint64_t id, enum action_id action, const char *rule, enum setting_id on,
			int64_t wanted)
{
	struct step *step = plan_add_step(&plan);

	check(step);
	step->id = id;
	step->order = STEP_START;
	step->action = action;
	step->mode = MODE_ENFORCE;
	step->rule = action == ACTION_HOLD ? RULE_NONE : 0;
	step->owner = rule;
	step->setting.on.id = on;
	step->setting.wanted.number = wanted;
	return step;
}

static struct step *add_undo(uint64_t id, const char *rule, enum setting_id on)
{
	struct step *step = add(id, ACTION_SYSCTL, rule, on, 0);

	step->order = STEP_UNDO;
	return step;
}

static struct outcome outcomes[EXECUTOR_OUTCOMES_MAX];
static size_t outcome_count;

static void advance(void)
{
	const struct outcome *got;

	outcome_count = executor_advance(executor, &snapshot, now, &got);
	memcpy(outcomes, got, outcome_count * sizeof(*got));
}

static void submit(void)
{
	executor_submit(executor, &plan, &snapshot, now);
	plan_reset(&plan);
	advance();
}

/* What came of one step, in the last round. */
static const struct outcome *of(uint64_t id)
{
	const struct outcome *found = NULL;

	for (size_t i = 0; i < outcome_count; i++)
		if (outcomes[i].step == id)
			found = &outcomes[i];
	check(found);
	return found;
}

static void swappiness(uint64_t id, const char *rule, int64_t value)
{
	add(id, ACTION_SYSCTL, rule, SETTING_SWAPPINESS, value);
	submit();
}

static void undo(uint64_t id, const char *rule)
{
	add_undo(id, rule, SETTING_SWAPPINESS);
	submit();
}

/* --- coming and going ------------------------------------------------------------------------- */

TEST(a_step_sets_and_its_undo_gives_back)
{
	begin();
	swappiness(1, "a", 30);
	check_int(of(1)->state, OUTCOME_DONE);
	check_int(of(1)->in_force.number, 30);
	check_int(get("swappiness"), 30);
	check_int(ledger_count(ledger), 1);
	check_int(ledger_state(ledger, 0), ENTRY_SET);

	undo(2, "a");
	check_int(of(2)->state, OUTCOME_DONE);
	check(of(2)->is_undo);
	check_contains(of(2)->reason, "vm.swappiness is 60 again");
	check_int(get("swappiness"), 60);
	check_int(ledger_count(ledger), 0);
	check(executor_is_idle(executor));

	/* Once more is nothing. */
	undo(3, "a");
	check_int(of(3)->state, OUTCOME_DONE);
	check(of(3)->is_undo);
	check_int(fake.started, 2);
	end();
}

TEST(two_rules_leave_no_residue_in_any_order)
{
	for (unsigned order = 0; order < 4; order++) {
		const char *first = order & 1 ? "strict" : "mild";
		const char *second = order & 1 ? "mild" : "strict";
		const char *gone = order & 2 ? "strict" : "mild";
		const char *left = order & 2 ? "mild" : "strict";

		begin();
		swappiness(1, first, strcmp(first, "mild") == 0 ? 40 : 10);
		swappiness(2, second, strcmp(second, "mild") == 0 ? 40 : 10);
		check_int(of(2)->state, OUTCOME_DONE);
		check_int(of(2)->in_force.number, 10);
		check_int(get("swappiness"), 10);
		undo(3, gone);
		check_int(of(3)->state, OUTCOME_DONE);
		check_int(get("swappiness"), strcmp(left, "mild") == 0 ? 40 : 10);
		undo(4, left);
		check_int(get("swappiness"), 60);
		check_int(ledger_count(ledger), 0);
		end();
	}
}

TEST(one_writer_at_a_time_and_the_last_word_is_the_strictest)
{
	begin();
	fake.stays = true;
	swappiness(1, "a", 40);
	check_int(fake.started, 1);
	swappiness(2, "b", 10);
	swappiness(3, "c", 20);
	check_int(fake.started, 1);
	check_int(get("swappiness"), 60);
	/* Killed now, all three are on record. */
	check_int(ledger_get(ledger, 0)->claim_count, 3);
	check_int(ledger_get(ledger, 0)->intended.number, 10);

	fake.stays = false;
	advance();
	check_int(of(1)->state, OUTCOME_DONE);
	check_int(of(2)->state, OUTCOME_DONE);
	check_int(of(3)->state, OUTCOME_DONE);
	/* The third finds it done already. */
	check_int(of(3)->in_force.number, 10);
	check_int(fake.started, 2);
	check_int(get("swappiness"), 10);
	check_int(ledger_state(ledger, 0), ENTRY_SET);
	check(executor_is_idle(executor));
	end();
}

TEST(two_that_let_go_at_once_are_both_told)
{
	begin();
	swappiness(1, "a", 20);
	swappiness(2, "b", 30);
	add_undo(3, "a", SETTING_SWAPPINESS);
	add_undo(4, "b", SETTING_SWAPPINESS);
	submit();
	check_int(of(4)->state, OUTCOME_DONE);
	check(of(3)->is_undo);
	check_int(of(3)->state, OUTCOME_DONE);
	check_int(get("swappiness"), 60);
	check(executor_is_idle(executor));
	end();
}

/* It hears neither of what was being written for it, nor of what comes next. */
TEST(whoever_lets_go_while_another_writes_is_told)
{
	unsigned told = 0;

	begin();
	swappiness(1, "a", 30);
	fake.stays = true;
	swappiness(2, "b", 20);
	swappiness(3, "c", 10);
	undo(4, "a");
	for (size_t i = 0; i < outcome_count; i++)
		check(outcomes[i].step != 4);
	fake.stays = false;
	for (int round = 0; round < 3; round++) {
		advance();
		for (size_t i = 0; i < outcome_count; i++)
			told += outcomes[i].step == 4 && outcomes[i].is_undo &&
				outcomes[i].state == OUTCOME_DONE;
	}
	check_int(told, 1);
	check_int(get("swappiness"), 10);
	end();
}

/* A worker that has written, and dies before it could say so. Whoever lets go meanwhile changes
 * what is intended, one after the other, and none of that was ever there. */
TEST(what_was_written_and_not_heard_of_is_ours_all_the_same)
{
	begin();
	fake.stays = true;
	fake.halfway = 10;
	swappiness(1, "a", 10);
	swappiness(2, "b", 20);
	swappiness(3, "c", 30);
	check_int(get("swappiness"), 10);
	executor_undo_all(executor, true, now);
	fake.fail = -EPIPE;
	advance();
	fake.fail = 0;
	fake.stays = false;
	for (int i = 0; i < 10; i++, now += SECOND)
		advance();
	check_int(get("swappiness"), 60);
	check_int(ledger_count(ledger), 0);
	end();
}

TEST(whoever_waits_for_it_to_settle_sees_when_it_has)
{
	begin();
	check(!executor_is_setting(executor));
	fake.stays = true;
	swappiness(1, "a", 40);
	check(executor_is_setting(executor));
	fake.stays = false;
	advance();
	check(!executor_is_setting(executor));

	/* To be given back, on its way, and back. */
	fake.stays = true;
	executor_undo_all(executor, false, now);
	check(executor_is_setting(executor));
	advance();
	check_int(get("swappiness"), 40);
	check(executor_is_setting(executor));
	fake.stays = false;
	advance();
	check_int(get("swappiness"), 60);
	check(!executor_is_setting(executor));
	end();
}

TEST(a_failed_step_leaves_nothing)
{
	begin();
	fake.fail = -EIO;
	swappiness(1, "a", 30);
	check_int(of(1)->state, OUTCOME_FAILED);
	check_int(of(1)->error, EIO);
	/* It was not changed, so nothing is written to give it back. */
	advance();
	check_int(fake.started, 1);
	check_int(ledger_count(ledger), 0);
	check(executor_is_idle(executor));

	/* One that fails half-way is. */
	fake.fail = 0;
	fake.stays = true;
	fake.halfway = 30;
	swappiness(2, "a", 30);
	check_int(get("swappiness"), 30);
	fake.fail = -EIO;
	advance();
	check_int(of(2)->state, OUTCOME_FAILED);
	fake.fail = 0;
	fake.stays = false;
	now += SECOND;
	advance();
	check_int(get("swappiness"), 60);
	check_int(ledger_count(ledger), 0);
	end();
}

TEST(a_failed_further_step_leaves_what_the_first_has_set)
{
	begin();
	swappiness(1, "a", 40);
	fake.fail = -EBUSY;
	swappiness(2, "a", 20);
	check_int(of(2)->state, OUTCOME_FAILED);
	fake.fail = 0;
	advance();
	check_int(get("swappiness"), 40);
	check_int(ledger_get(ledger, 0)->intended.number, 40);
	check_int(ledger_state(ledger, 0), ENTRY_SET);
	undo(3, "a");
	check_int(get("swappiness"), 60);
	end();
}

TEST(a_cancelled_step_is_taken_back)
{
	begin();
	fake.stays = true;
	fake.halfway = 35;
	swappiness(1, "a", 30);
	add(1, ACTION_SYSCTL, "a", SETTING_SWAPPINESS, 30)->order = STEP_CANCEL;
	submit();
	check_int(fake.cancelled, 1);
	fake.stays = false;
	check_int(of(1)->state, OUTCOME_CANCELLED);
	/* A number between is nobody's: a sysctl is not set in steps. */
	advance();
	check_int(get("swappiness"), 35);
	check_int(ledger_count(ledger), 0);
	end();
}

TEST(undo_ends_a_step_that_runs_and_one_that_waits)
{
	begin();
	fake.stays = true;
	fake.halfway = 30;
	swappiness(1, "a", 30);
	swappiness(2, "b", 20);
	undo(3, "b");
	check_int(of(2)->state, OUTCOME_CANCELLED);
	check_int(ledger_get(ledger, 0)->claim_count, 1);
	undo(4, "a");
	check_int(fake.cancelled, 1);
	check_int(of(1)->state, OUTCOME_CANCELLED);
	fake.stays = false;
	now += 100 * SECOND;
	advance();
	check_int(get("swappiness"), 60);
	check_int(ledger_count(ledger), 0);
	check(executor_is_idle(executor));
	end();
}

TEST(an_undo_without_a_setting_is_of_all_that_the_rule_has_set)
{
	struct step *step;

	begin();
	swappiness(1, "a", 30);
	add(2, ACTION_SYSCTL, "a", SETTING_VFS_CACHE_PRESSURE, 400);
	add(3, ACTION_SYSCTL, "b", SETTING_VFS_CACHE_PRESSURE, 200);
	submit();
	check_int(get("vfs_cache_pressure"), 400);
	step = add_undo(4, "a", SETTING_SWAPPINESS);
	step->action = ACTION_NOTIFY;
	submit();
	check_int(get("swappiness"), 60);
	check_int(get("vfs_cache_pressure"), 200);
	check_int(ledger_count(ledger), 1);
	end();
}

TEST(asked_for_again_while_it_is_on_its_way_back)
{
	begin();
	swappiness(1, "a", 30);
	fake.stays = true;
	undo(2, "a");
	check_int(ledger_state(ledger, 0), ENTRY_RETURNING);
	swappiness(3, "a", 30);
	check_int(ledger_state(ledger, 0), ENTRY_INTENDED);
	fake.stays = false;
	for (int i = 0; i < 4; i++)
		advance();
	check_int(get("swappiness"), 30);
	check_int(ledger_state(ledger, 0), ENTRY_SET);
	check_int(ledger_get(ledger, 0)->base.number, 60);
	undo(4, "a");
	check_int(get("swappiness"), 60);
	end();
}

/* --- other people ----------------------------------------------------------------------------- */

TEST(a_foreign_value_is_left_alone)
{
	begin();
	swappiness(1, "a", 30);
	put("swappiness", 77);
	undo(2, "a");
	check_int(of(2)->state, OUTCOME_DONE);
	check_contains(of(2)->reason, "somebody else");
	check_int(get("swappiness"), 77);
	check_int(ledger_count(ledger), 0);

	/* Asked for on top of one, that is what comes back. */
	put("swappiness", 60);
	swappiness(3, "a", 30);
	put("swappiness", 50);
	swappiness(4, "b", 20);
	check_int(get("swappiness"), 20);
	check_int(ledger_get(ledger, 0)->base.number, 50);
	undo(5, "b");
	undo(6, "a");
	check_int(get("swappiness"), 50);
	end();
}

TEST(what_was_reset_to_the_base_is_set_again_when_asked_for)
{
	begin();
	swappiness(1, "a", 30);
	put("swappiness", 60);
	swappiness(2, "a", 30);
	check_int(of(2)->state, OUTCOME_DONE);
	check_int(get("swappiness"), 30);
	check_int(ledger_get(ledger, 0)->base.number, 60);
	end();
}

/* --- trouble ---------------------------------------------------------------------------------- */

static unsigned told_count, told_faults;

static void told(void *context, const struct ledger_entry *entry, const struct outcome *outcome)
{
	(void)context;
	check_int(entry->on.id, SETTING_SWAPPINESS);
	told_count++;
	told_faults += outcome->state != OUTCOME_DONE;
}

TEST(what_cannot_be_given_back_is_tried_again)
{
	begin();
	told_count = told_faults = 0;
	executor_watch_returns(executor, told, NULL);
	swappiness(1, "a", 30);
	fake.fail = -EIO;
	undo(2, "a");
	check_int(of(2)->state, OUTCOME_FAILED);
	check(of(2)->is_undo);
	check_int(ledger_state(ledger, 0), ENTRY_RETURNING);
	/* It is not what keeps the agent awake. */
	check(executor_is_idle(executor));
	check_int(told_faults, 1);
	advance();
	check_int(fake.started, 2);
	now += SECOND;
	advance();
	check_int(fake.started, 3);
	now += SECOND;
	advance();
	check_int(fake.started, 3);
	now += SECOND;
	fake.fail = 0;
	advance();
	check_int(fake.started, 4);
	check_int(get("swappiness"), 60);
	check_int(ledger_count(ledger), 0);
	check_int(told_faults, 1);
	check_int(told_count, 2);
	end();
}

TEST(a_value_that_the_kernel_makes_another_of_is_not_back)
{
	begin();
	swappiness(1, "a", 30);
	fake.misreads = true;
	fake.fail = 0;
	undo(2, "a");
	/* The file says 60, which is looked at again. */
	check_int(get("swappiness"), 60);
	check_int(ledger_count(ledger), 0);
	end();
}

TEST(without_a_record_or_its_room_nothing_is_set)
{
	begin();
	executor_set_ledger(executor, NULL, now);
	swappiness(1, "a", 30);
	check_int(of(1)->state, OUTCOME_FAILED);
	check_int(of(1)->error, EROFS);
	check_contains(of(1)->reason, "record");
	undo(2, "a");
	check_int(of(2)->state, OUTCOME_DONE);
	executor_undo_all(executor, true, now);

	executor_set_ledger(executor, ledger, now);
	for (char name[2] = "a"; name[0] < 'a' + LEDGER_CLAIMS_MAX; name[0]++)
		swappiness(10, name, 30);
	swappiness(11, "z", 20);
	check_int(of(11)->state, OUTCOME_FAILED);
	check_int(of(11)->error, ENOSPC);
	check_int(get("swappiness"), 30);
	end();
}

TEST(what_cannot_be_read_is_not_set)
{
	begin();
	add(1, ACTION_SYSCTL, "a", SETTING_COMPACTION_PROACTIVENESS, 30);
	submit();
	check_int(of(1)->state, OUTCOME_FAILED);
	check_int(of(1)->error, ENOENT);
	check_contains(of(1)->reason, "kernel");
	put("watermark_scale_factor", 10);
	check_int(symlinkat("swappiness", directory.fd, "proc/sys/vm/dirty_expire_centisecs"), 0);
	check_int(ledger_count(ledger), 0);
	check_int(fake.started, 0);
	end();
}

TEST(a_dry_run_records_nothing)
{
	begin();
	add(1, ACTION_SYSCTL, "a", SETTING_SWAPPINESS, 30)->mode = MODE_DRY_RUN;
	add_undo(2, "a", SETTING_SWAPPINESS)->mode = MODE_DRY_RUN;
	submit();
	check(of(1)->simulated);
	check(of(2)->simulated);
	check_int(ledger_count(ledger), 0);
	check_int(fake.started, 0);
	end();
}

TEST(a_captured_machine_has_nothing_given_back)
{
	begin();
	swappiness(1, "a", 30);
	root.live = false;
	swappiness(2, "b", 20);
	check_int(of(2)->error, EROFS);
	check_int(get("swappiness"), 30);
	end();
}

/* --- everything at once ----------------------------------------------------------------------- */

static void hold(uint64_t id, int64_t value)
{
	add(id, ACTION_HOLD, "policy", SETTING_SWAPPINESS, value);
	submit();
}

TEST(what_a_policy_wants_no_more_is_given_back)
{
	begin();
	hold(1, 50);
	swappiness(2, "a", 30);
	add(3, ACTION_HOLD, "policy", SETTING_SWAPPINESS, 50)->order = STEP_UNDO;
	submit();
	check_int(of(3)->state, OUTCOME_DONE);
	check(of(3)->is_undo);
	check_int(get("swappiness"), 30);
	undo(4, "a");
	check_int(get("swappiness"), 60);
	check_int(ledger_count(ledger), 0);
	/* And wanted once more it is set once more. */
	hold(5, 50);
	check_int(of(5)->state, OUTCOME_DONE);
	check_int(get("swappiness"), 50);
	end();
}

/* A policy is newer than what was there before it, and not than what came after. */
TEST(a_foreign_value_is_taken_over_when_the_operator_says_so)
{
	begin();
	hold(1, 50);
	put("swappiness", 77);
	hold(2, 50);
	check_int(of(2)->state, OUTCOME_FAILED);
	check_int(of(2)->error, EALREADY);
	check_int(get("swappiness"), 77);
	executor_take_foreign(executor);
	hold(3, 50);
	check_int(of(3)->state, OUTCOME_DONE);
	check_int(get("swappiness"), 50);
	/* That was for once. */
	put("swappiness", 78);
	hold(4, 50);
	check_int(of(4)->error, EALREADY);
	put("swappiness", 50);
	executor_undo_all(executor, true, now);
	advance();
	check_int(get("swappiness"), 77);
	end();
}

/* A limit that ended above what was asked for, as nothing more could be reclaimed. */
TEST(what_was_never_reached_is_tried_when_it_is_asked_for_again)
{
	begin();
	fake.misreads = true;
	hold(1, 50);
	check_int(of(1)->in_force.number, 51);
	put("swappiness", 51);
	check_int(fake.started, 1);
	fake.misreads = false;
	hold(2, 50);
	check_int(fake.started, 2);
	check_int(of(2)->in_force.number, 50);
	check_int(get("swappiness"), 50);
	/* Now that it is there it is not written again. */
	hold(3, 50);
	check_int(of(3)->state, OUTCOME_DONE);
	check_int(fake.started, 2);
	executor_undo_all(executor, true, now);
	advance();
	check_int(get("swappiness"), 60);
	end();
}

/* --- limits of several disks, which systemd keeps in one file ----------------------------------
 */

static void record_disk(uint64_t disk, bool had_drop_in)
{
	const struct setting_target on = { .id = SETTING_IO_WRITE_MAX, .key = 42, .detail = disk };
	const struct claim_owner owner = { .kind = CLAIM_REMEDY,
					   .name = { 'd', (char)('0' + disk) } };
	const struct ledger_base base = { .path = "system.slice/a.service",
					  .door = OWNER_SYSTEMD,
					  .had_drop_in = had_drop_in,
					  .value = { .number = SETTING_UNLIMITED } };
	const struct setting_value value = { .number = 1 << 20 };
	size_t i;

	check_int(ledger_claim(ledger, &on, &owner, &value, &base, &i), 0);
	ledger_confirm(ledger, i, &value, &value);
}

static uint64_t disk_to_keep; /* 0: none */

static bool is_disk_kept(void *context, const struct ledger_entry *entry,
			 const struct ledger_claim *claim)
{
	(void)context;
	(void)claim;
	return disk_to_keep != 0 && entry->on.detail == disk_to_keep;
}

static void let_go_of_all_but(uint64_t disk)
{
	disk_to_keep = disk;
	fake.drop_ins = 0;
	fake.fail = -EAGAIN; /* of what it is told here nothing comes */
	executor_release(executor, is_disk_kept, NULL, now);
	advance();
}

TEST(a_drop_in_goes_with_the_last_disk)
{
	begin();
	record_disk(1, false);
	record_disk(2, false);
	let_go_of_all_but(2);
	check_int(fake.started, 1);
	check_int(fake.drop_ins, 0);
	let_go_of_all_but(0);
	check_int(fake.started, 2);
	check_int(fake.drop_ins, 1);
	end();

	/* Both at once: each write brings it back. */
	begin();
	record_disk(1, false);
	record_disk(2, false);
	let_go_of_all_but(0);
	check_int(fake.started, 2);
	check_int(fake.drop_ins, 2);
	end();

	begin();
	record_disk(1, true);
	record_disk(2, true);
	let_go_of_all_but(0);
	check_int(fake.started, 2);
	check_int(fake.drop_ins, 0);
	end();
}

TEST(what_the_second_disk_finds_is_the_firsts)
{
	static const bool had[] = { false, true };
	struct step step = { .action = ACTION_IO_LIMIT,
			     .setting = {
				     .on = { .id = SETTING_IO_WRITE_MAX, .key = 42, .detail = 2 },
				     .owner = OWNER_SYSTEMD } };

	strcpy(step.target.path, "system.slice/a.service");
	for (size_t i = 0; i < ARRAY_SIZE(had); i++) {
		begin();
		record_disk(1, had[i]);
		check_int(drop_in_was_there(ledger, &step), had[i]);
		/* That of another unit says nothing. */
		step.setting.on.key = 43;
		check(!drop_in_was_there(ledger, &step));
		step.setting.on.key = 42;
		end();
	}
}

static bool is_frozen(void *context, const struct ledger_entry *entry,
		      const struct ledger_claim *claim)
{
	(void)context;
	(void)claim;
	return entry->on.id == SETTING_FREEZE;
}

static void record(enum setting_id id, uint64_t key)
{
	const struct setting_target on = { .id = id, .key = key };
	const struct claim_owner owner = {
		.kind = CLAIM_REMEDY, .scope = SCOPE_SERVICE, .subject_key = key, .name = "a"
	};
	const struct ledger_base base = { .path = "frozen" };
	const struct setting_value value = { .number = 1 };
	size_t i;

	check_int(ledger_claim(ledger, &on, &owner, &value, &base, &i), 0);
	ledger_confirm(ledger, i, &value, &value);
}

static void write_freeze(const char *text)
{
	int fd = openat(directory.fd, "cg/frozen/cgroup.freeze", O_WRONLY | O_CREAT, 0644);

	check(fd >= 0);
	check_int(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Returns have a number of places, all of which a manager that does not answer may hold. */
TEST(whoever_is_frozen_does_not_wait_for_what_is_slow)
{
	enum { SLOW = 40 };
	struct stat st;
	unsigned hanging;

	begin();
	check_int(mkdirat(directory.fd, "cg", 0755), 0);
	check_int(mkdirat(directory.fd, "cg/frozen", 0755), 0);
	check_int(fstatat(directory.fd, "cg/frozen", &st, 0), 0);
	layout = (struct cgroup_layout){ .v2 = { .path = "cg", .subtree = "/" },
					 .tree = CGROUP_TREE_V2,
					 .live = true };
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT_; i++)
		layout.controllers[i] = CGROUP_V2;
	layout.v2_fd = openat(directory.fd, "cg", O_PATH | O_DIRECTORY | O_CLOEXEC);
	layout.tree_fd = layout.memory_fd = layout.v2_fd;
	write_freeze("1\n");
	for (uint64_t key = 0; key < SLOW; key++)
		record(SETTING_OOM_SCORE_ADJ, 1000 + key);
	record(SETTING_FREEZE, st.st_ino);
	executor_set_ledger(executor, ledger, now);

	fake.stays = true;
	executor_release(executor, is_frozen, NULL, now);
	advance();
	advance();
	hanging = fake.started;
	check(hanging > 0 && hanging < SLOW);
	executor_undo_all(executor, false, now);
	advance();
	check_int(fake.started, hanging + 1);
	fake.stays = false;
	advance();
	check_int(ledger_find(ledger, &(struct setting_target){ SETTING_FREEZE, st.st_ino, 0 }),
		  -1);
	cgroup_layout_done(&layout);
	end();
}

TEST(a_stop_gives_back_remedies_and_leaves_policies)
{
	begin();
	hold(1, 50);
	swappiness(2, "a", 30);
	add(3, ACTION_SYSCTL, "a", SETTING_VFS_CACHE_PRESSURE, 200);
	submit();
	fake.stays = true;
	swappiness(4, "b", 20);
	fake.stays = false;
	executor_cancel_all(executor, now);
	executor_undo_all(executor, false, now);
	check(!executor_is_idle(executor));
	for (int i = 0; i < 4 && !executor_is_idle(executor); i++)
		advance();
	check(executor_is_idle(executor));
	check_int(get("swappiness"), 50);
	check_int(get("vfs_cache_pressure"), 100);
	check_int(ledger_count(ledger), 1);
	check_int(ledger_state(ledger, 0), ENTRY_SET);

	executor_undo_all(executor, true, now);
	advance();
	check_int(get("swappiness"), 60);
	check_int(ledger_count(ledger), 0);
	end();
}

TEST(what_the_record_has_and_the_host_has_not_is_written_at_the_start)
{
	begin();
	swappiness(1, "a", 30);
	fake.fail = -EIO;
	undo(2, "a");
	fake.fail = 0;
	executor_set_ledger(executor, ledger, now);
	check(!executor_is_idle(executor));
	advance();
	check_int(get("swappiness"), 60);
	check_int(ledger_count(ledger), 0);
	end();
}

TEST(nothing_of_it_asks_for_memory)
{
	unsigned long before;

	begin();
	/* What a first call of the C library may take. */
	swappiness(1, "z", 50);
	before = heap_count;
	swappiness(2, "a", 30);
	fake.stays = true;
	swappiness(3, "b", 20);
	fake.stays = false;
	advance();
	undo(4, "a");
	fake.fail = -EIO;
	undo(5, "b");
	fake.fail = 0;
	executor_undo_all(executor, true, now);
	now += 100 * SECOND;
	advance();
	check_int(heap_count - before, 0);
	check_int(ledger_count(ledger), 0);
	check_int(get("swappiness"), 60);
	end();
}

/* --- who is refused --------------------------------------------------------------------------- */

static const struct outcome *try(enum action_id action, enum setting_id id, int64_t wanted)
{
	struct step *step = add(9, action, "r", id, wanted);

	step->target.key = service.inode;
	strcpy(step->target.path, service.path);
	step->setting.on.key = service.inode;
	step->setting.owner = service.owner;
	step->setting.most_usec = SECOND;
	submit();
	return of(9);
}

/* It got as far as its control group, which this machine has not. */
static void check_passed(enum action_id action, enum setting_id id, int64_t wanted)
{
	const struct outcome *outcome = try(action, id, wanted);

	check_int(outcome->state, OUTCOME_FAILED);
	check_contains(outcome->reason, "its control group cannot be opened");
}

static void check_refused(enum action_id action, enum setting_id id, int64_t wanted,
			  const char *reason)
{
	const struct outcome *outcome = try(action, id, wanted);

	check_int(outcome->state, OUTCOME_FAILED);
	check_contains(outcome->reason, reason);
	check_int(ledger_count(ledger), 0);
	check_int(fake.started, 0);
}

#define GIB (INT64_C(1) << 30)

TEST(nobody_protected_is_touched)
{
	begin();
	check_passed(ACTION_LIMIT, SETTING_MEMORY_HIGH, GIB);
	check_passed(ACTION_HOLD, SETTING_MEMORY_HIGH, GIB);

	service.is_self = true;
	check_refused(ACTION_LIMIT, SETTING_MEMORY_HIGH, GIB, "the agent or PID 1");
	check_refused(ACTION_HOLD, SETTING_MEMORY_LOW, GIB, "the agent or PID 1");
	service.is_self = false;

	service.path = "system.slice/sshd.service";
	check_refused(ACTION_LIMIT, SETTING_MEMORY_HIGH, GIB, "protected");
	check_refused(ACTION_OOM_SCORE, SETTING_OOM_SCORE_ADJ, -500, "protected");
	check_refused(ACTION_HOLD, SETTING_MEMORY_HIGH, GIB, "protected");
	check_refused(ACTION_HOLD, SETTING_OOM_SCORE_ADJ, 500, "protected");
	check_passed(ACTION_HOLD, SETTING_MEMORY_LOW, GIB);
	check_passed(ACTION_HOLD, SETTING_OOM_SCORE_ADJ, -500);
	service.path = "system.slice/a.service";

	service.guest = GUEST_QEMU;
	check_refused(ACTION_LIMIT, SETTING_MEMORY_HIGH, GIB, "a guest");
	check_refused(ACTION_OOM_SCORE, SETTING_OOM_SCORE_ADJ, -500, "a guest");
	check_refused(ACTION_FREEZE, SETTING_FREEZE, 1, "a guest");
	check_passed(ACTION_HOLD, SETTING_MEMORY_HIGH, GIB);
	service.guest = GUEST_NONE;

	check_passed(ACTION_FREEZE, SETTING_FREEZE, 1);
	service.policy = 1;
	check_refused(ACTION_FREEZE, SETTING_FREEZE, 1, "never frozen");
	policies[1].kind = KIND_SYSTEM;
	check_refused(ACTION_FREEZE, SETTING_FREEZE, 1, "never frozen");
	service.policy = -1;
	check_refused(ACTION_FREEZE, SETTING_FREEZE, 1, "never frozen");
	service.policy = 0;

	service.owner = OWNER_OTHER;
	check_refused(ACTION_LIMIT, SETTING_MEMORY_HIGH, GIB, "another manager");
	check_refused(ACTION_HOLD, SETTING_MEMORY_HIGH, GIB, "another manager");
	service.owner = OWNER_UNKNOWN;
	check_refused(ACTION_HOLD, SETTING_MEMORY_HIGH, GIB, "not known");
	service.owner = OWNER_NOBODY;

	snapshot.service_count = 0;
	check_refused(ACTION_HOLD, SETTING_MEMORY_HIGH, GIB, "not seen");
	end();
}

static const struct outcome *stop(const char *unit, const char *target)
{
	struct step *step = add(9, ACTION_STOP_UNIT, "r", 0, 0);

	memset(&step->setting, 0, sizeof(step->setting));
	strcpy(step->unit.unit, unit);
	if (target) {
		step->target.key = service.inode;
		strcpy(step->target.path, target);
	}
	fake.stays = false;
	fake.fail = -EIO;
	submit();
	return of(9);
}

TEST(units_that_hold_what_is_protected_are_not_stopped)
{
	static const char *const refused[] = { "sshd.service",	    "dbus.service",
					       "libvirtd.service",  "system.slice",
					       "-.slice",	    "init.scope",
					       "multi-user.target", "noname",
					       "../../etc.service", "" };

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		check(stop(refused[i], NULL)->error != EIO);
		check_int(fake.started, 0);
	}
	check_int(stop("other.service", NULL)->error, EIO);
	check_int(fake.started, 1);

	/* The agent's own, a guest's, and what holds one. */
	service.is_self = true;
	check_int(stop("a.service", NULL)->error, EPERM);
	service.is_self = false;
	service.guest = GUEST_QEMU;
	check_int(stop("a.service", NULL)->error, EPERM);
	service.path = "system.slice/a.service/libvirt";
	check_int(stop("a.service", NULL)->error, EPERM);
	check_int(stop("b.service", NULL)->error, EIO);
	/* Its own subject is looked at as a victim is. */
	service.guest = GUEST_NONE;
	service.path = "system.slice/a.service";
	check_contains(stop("a.service", "system.slice/a.service")->reason, "cannot be opened");
	snapshot.service_count = 0;
	check_contains(stop("a.service", "system.slice/a.service")->reason, "not seen");
	end();
}

TEST(a_setting_of_the_host_is_no_limit_that_could_panic)
{
	begin();
	snapshot.host.panic_on_oom = true;
	swappiness(1, "a", 30);
	check_int(of(1)->state, OUTCOME_DONE);
	end();
}
