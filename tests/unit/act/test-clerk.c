/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a step makes a clerk do, and what is said of it; the clerk is the test. */

#include "act/clerk-remedy.h"

#define MIB (UINT64_C(1) << 20)

static void prepare(enum action_id action)
{
	prepare_on(SERVICE, action);
}

static void prepare_setting(enum action_id action, enum setting_id id, int64_t value)
{
	prepare(action);
	remedy.step.setting.on = (struct setting_target){ .id = id, .key = remedy.step.target.key };
	remedy.step.setting.owner = OWNER_SYSTEMD;
	remedy.value.number = value;
	if (setting_get(id)->scope != SCOPE_SERVICE)
		remedy.step.target = (struct step_target){ 0 };
}

static void prepare_reclaim(void)
{
	prepare(ACTION_RECLAIM);
	remedy.step.relief.bytes = 512 * MIB;
}

static void prepare_unit(enum action_id action)
{
	prepare(action);
	strcpy(remedy.step.unit.unit, SERVICE);
	remedy.step.target = (struct step_target){ 0 };
}

static void cancel(void)
{
	remedies[remedy.step.action]->cancel(&remedy, &env);
}

TEST(each_action_has_its_request)
{
	static const struct {
		enum action_id action;
		enum work_kind kind;
	} cases[] = {
		{ ACTION_COMPACT, WORK_COMPACT },    { ACTION_DROP_SLAB, WORK_DROP_SLAB },
		{ ACTION_RECLAIM, WORK_RECLAIM },    { ACTION_START_UNIT, WORK_UNIT },
		{ ACTION_STOP_UNIT, WORK_UNIT },     { ACTION_RESTART_UNIT, WORK_UNIT },
		{ ACTION_HOLD, WORK_SET },	     { ACTION_LIMIT, WORK_SET },
		{ ACTION_IO_LIMIT, WORK_SET },	     { ACTION_SYSCTL, WORK_SET },
		{ ACTION_HUGETLB_SHRINK, WORK_SET },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		prepare(cases[i].action);
		if (cases[i].kind == WORK_UNIT)
			strcpy(remedy.step.unit.unit, SERVICE);
		else if (cases[i].kind != WORK_SET)
			remedy.step.relief.bytes = MIB;
		check_int(begin(), REMEDY_RUNNING);
		check_int(port.request.kind, cases[i].kind);
		check_int(port.request.token, 9);
		check(port.request.deadline_usec > 0);
		finish();
	}
}

TEST(a_setting_is_asked_for_as_it_is_to_be_in_force)
{
	prepare_setting(ACTION_LIMIT, SETTING_MEMORY_HIGH, 100 * MIB);
	remedy.step.setting.wanted.number = 200 * MIB;
	settings.memory[SETTING_MEMORY_MIN] = reading_of(10 * MIB);
	settings.memory[SETTING_MEMORY_LOW] = reading_of(50 * MIB);
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.request.setting.value.number, 100 * MIB);
	check_int(port.request.setting.owner, OWNER_SYSTEMD);
	check_str(port.request.setting.path, SERVICE);
	check_int(port.request.setting.on.key, remedy.step.target.key);
	check_int(port.request.setting.floor_bytes, 50 * MIB);
	check(!port.request.setting.is_undo);

	struct work_reply *reply = answer(true, 0);

	reply->in_force.number = 120 * MIB;
	reply->in_force_known = true;
	check_int(advance(1), REMEDY_DONE);
	check(remedy.outcome.in_force_known);
	check_int(remedy.outcome.in_force.number, 120 * MIB);
	check_str(remedy.outcome.reason, "MemoryHigh is 120 MiB");
	check_int(port.given_up, 0);
	finish();
}

TEST(the_clerks_words_come_first)
{
	prepare_setting(ACTION_SYSCTL, SETTING_SWAPPINESS, 10);
	check_int(begin(), REMEDY_RUNNING);
	check_str(port.request.setting.path, "");
	strcpy(answer(true, 0)->said, "vm.swappiness was taken, and is 60");
	check_int(advance(1), REMEDY_DONE);
	check_str(remedy.outcome.reason, "vm.swappiness was taken, and is 60");
	finish();
	prepare_setting(ACTION_HOLD, SETTING_MEMORY_LOW, 10);
	check_int(begin(), REMEDY_RUNNING);
	strcpy(answer(true, EACCES)->said, "Access denied by the manager");
	check_int(advance(1), -EACCES);
	check_str(remedy.outcome.reason, "Access denied by the manager");
	finish();
}

TEST(infinite_protection_holds_no_limit_off)
{
	prepare_setting(ACTION_LIMIT, SETTING_MEMORY_HIGH, 100 * MIB);
	settings.memory[SETTING_MEMORY_LOW] = READING_FOREVER;
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.request.setting.floor_bytes, 0);
	finish();
	/* What was there before is put back as it was. */
	prepare_setting(ACTION_LIMIT, SETTING_MEMORY_HIGH, 100 * MIB);
	settings.memory[SETTING_MEMORY_LOW] = reading_of(500 * MIB);
	remedy.is_undo = remedy.drop_in_goes = true;
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.request.setting.floor_bytes, 0);
	check(port.request.setting.is_undo);
	check(port.request.setting.drop_in_goes);
	check(remedy.outcome.is_undo);
	finish();
	/* Without a look around. */
	prepare_setting(ACTION_LIMIT, SETTING_MEMORY_HIGH, 100 * MIB);
	remedy.snapshot = NULL;
	check_int(begin(), REMEDY_RUNNING);
	finish();
}

TEST(every_error_has_words)
{
	static const struct {
		int error;
		const char *words;
	} cases[] = {
		{ EPERM, "denied" },	     { EACCES, "denied" },
		{ EROFS, "read-only" },	     { EBUSY, "busy" },
		{ ENOSPC, "No space" },	     { EINVAL, "does not take" },
		{ ENOENT, "is gone" },	     { ENODEV, "is gone" },
		{ ESTALE, "restarted" },     { EOPNOTSUPP, "cannot" },
		{ ETIMEDOUT, "no answer" },  { ECONNRESET, "reset" },
		{ EREMOTEIO, "Remote I/O" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		prepare_setting(ACTION_HOLD, SETTING_MEMORY_LOW, 10);
		check_int(begin(), REMEDY_RUNNING);
		(void)answer(true, cases[i].error);
		check_int(advance(1), -cases[i].error);
		check_contains(remedy.outcome.reason, cases[i].words);
		check(!remedy.outcome.in_force_known);
		finish();
	}
}

TEST(what_is_in_force_is_told_with_a_failure_too)
{
	prepare_setting(ACTION_LIMIT, SETTING_MEMORY_MAX, 10);
	check_int(begin(), REMEDY_RUNNING);

	struct work_reply *reply = answer(true, EBUSY);

	reply->in_force.number = 77;
	reply->in_force_known = true;
	strcpy(reply->said, "it uses 1 GiB, and a limit below or near that would kill it");
	check_int(advance(1), -EBUSY);
	check(remedy.outcome.in_force_known);
	check_int(remedy.outcome.in_force.number, 77);
	finish();
}

TEST(a_target_that_is_gone_or_another_is_refused_at_once)
{
	prepare_setting(ACTION_LIMIT, SETTING_MEMORY_HIGH, 10);
	remedy.step.target.key++;
	check_int(begin(), -ESTALE);
	check_int(port.submitted, 0);
	strcpy(remedy.step.target.path, "gone.service");
	check_int(begin(), -ENOENT);
	check_contains(remedy.outcome.reason, "gone");
	/* What it was told has to be taken back from its unit. */
	remedy.is_undo = true;
	check_int(begin(), REMEDY_RUNNING);
	(void)answer(true, ENOENT);
	check_int(advance(1), REMEDY_DONE);
	check_contains(remedy.outcome.reason, "gone");
	finish();
	prepare_reclaim();
	remedy.step.target.key++;
	check_int(begin(), -ESTALE);
	finish();
}

TEST(steps_that_say_nothing_are_refused)
{
	prepare_setting(ACTION_LIMIT, SETTING_MEMORY_HIGH, 10);
	remedy.step.target.path[0] = '\0';
	check_int(begin(), -EINVAL);
	remedy.step.setting.on.id = SETTING_COUNT_;
	check_int(begin(), -EINVAL);
	finish();
	prepare_reclaim();
	remedy.step.relief.bytes = 0;
	check_int(begin(), -EINVAL);
	finish();
	prepare_unit(ACTION_STOP_UNIT);
	remedy.step.unit.unit[0] = '\0';
	check_int(begin(), -EINVAL);
	check_int(port.submitted, 0);
	finish();
}

TEST(a_captured_machine_is_never_changed)
{
	prepare_setting(ACTION_SYSCTL, SETTING_SWAPPINESS, 10);
	machine.root.live = false;
	check_int(begin(), -EROFS);
	check_int(port.submitted, 0);
	finish();
}

TEST(without_clerks_there_is_no_remedy)
{
	prepare_setting(ACTION_SYSCTL, SETTING_SWAPPINESS, 10);
	env.clerks = (struct work_port){ 0 };
	check_int(begin(), -EOPNOTSUPP);
	machine_close(&machine);
}

/* --- reclaim, and what is done at once -------------------------------------------------------- */

TEST(part_of_what_was_asked_for_is_a_success)
{
	prepare_reclaim();
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.request.relief.bytes, 512 * MIB);
	check_int(port.request.relief.key, remedy.step.target.key);
	check_str(port.request.relief.path, SERVICE);
	answer(false, 0)->done_bytes = 64 * MIB;
	check_int(advance(1), REMEDY_RUNNING);
	check_int(remedy.outcome.done_bytes, 64 * MIB);
	check_int(remedy.outcome.remaining_bytes, 448 * MIB);
	answer(true, 0)->done_bytes = 100 * MIB;
	check_int(advance(2), REMEDY_DONE);
	check_int(remedy.outcome.done_bytes, 100 * MIB);
	check_str(remedy.outcome.reason, "100 MiB reclaimed");
	finish();
}

TEST(nothing_at_all_is_a_failure)
{
	prepare_reclaim();
	check_int(begin(), REMEDY_RUNNING);
	(void)answer(true, EAGAIN);
	check_int(advance(1), -EAGAIN);
	check_str(remedy.outcome.reason, "nothing could be reclaimed");
	finish();
}

TEST(a_node_needs_no_service)
{
	prepare_reclaim();
	remedy.step.target = (struct step_target){ 0 };
	remedy.step.relief.of_node = true;
	remedy.step.relief.node = 3;
	check_int(begin(), REMEDY_RUNNING);
	check(port.request.relief.of_node);
	check_int(port.request.relief.node, 3);
	(void)answer(true, ENOENT);
	check_int(advance(1), -ENOENT);
	check_contains(remedy.outcome.reason, "this kernel cannot");
	finish();
}

TEST(jobs_are_told_by_their_result)
{
	prepare_unit(ACTION_RESTART_UNIT);
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.request.unit.verb, UNIT_RESTART);
	check_str(port.request.unit.unit, SERVICE);
	strcpy(answer(true, 0)->said, "restarted");
	check_int(advance(1), REMEDY_DONE);
	check_str(remedy.outcome.reason, "restarted");
	finish();
	prepare_unit(ACTION_STOP_UNIT);
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.request.unit.verb, UNIT_STOP);
	strcpy(answer(true, EREMOTEIO)->said, "the job failed");
	check_int(advance(1), -EREMOTEIO);
	check_str(remedy.outcome.reason, "the job failed");
	finish();
}

#define CANARY "oomwarden-canary-early:node1.service"

static void prepare_arm(void)
{
	prepare(ACTION_ARM);
	remedy.step.arm = (struct step_arm){
		.unit = CANARY, .slice = "web.slice", .bytes = 64 * MIB, .has_node = true, .node = 1
	};
	remedy.step.target = (struct step_target){ .policy = -1, .name = "early:node1" };
}

TEST(a_canary_is_asked_for)
{
	prepare_arm();
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.request.kind, WORK_UNIT);
	check_int(port.request.unit.verb, UNIT_ARM);
	check_str(port.request.unit.unit, CANARY);
	check_str(port.request.unit.slice, "web.slice");
	check_int(port.request.unit.bytes, 64 * MIB);
	check(port.request.unit.has_node);
	check_int(port.request.unit.node, 1);

	struct work_reply *reply = answer(true, 0);

	strcpy(reply->said, "holds 64 MiB on node 1");
	reply->done_bytes = 64 * MIB;
	check_int(advance(1), REMEDY_DONE);
	check_str(remedy.outcome.reason, "holds 64 MiB on node 1");
	check_int(remedy.outcome.done_bytes, 64 * MIB);
	check(!remedy.outcome.is_undo);
	finish();
	prepare_arm();
	check_int(begin(), REMEDY_RUNNING);
	strcpy(answer(true, EREMOTEIO)->said, "cannot lock it in memory");
	check_int(advance(1), -EREMOTEIO);
	check_str(remedy.outcome.reason, "cannot lock it in memory");
	finish();
}

TEST(a_canary_is_ended_by_an_undo)
{
	prepare_arm();
	remedy.step.order = STEP_UNDO;
	remedy.is_undo = true;
	remedy.step.arm.bytes = 0;
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.request.unit.verb, UNIT_DISARM);
	check_str(port.request.unit.unit, CANARY);
	strcpy(answer(true, 0)->said, "stopped");
	check_int(advance(1), REMEDY_DONE);
	check_str(remedy.outcome.reason, "stopped");
	check(remedy.outcome.is_undo);
	finish();
	/* It came to its end before. */
	prepare_arm();
	remedy.is_undo = true;
	check_int(begin(), REMEDY_RUNNING);
	strcpy(answer(true, ENOENT)->said, "Unit not loaded.");
	check_int(advance(1), REMEDY_DONE);
	check_str(remedy.outcome.reason, "it is gone");
	finish();
}

TEST(no_other_unit_makes_way_for_a_canary)
{
	static const char *const units[] = { "", "web.service", "my-oomwarden-canary-x.service" };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		prepare_arm();
		memset(remedy.step.arm.unit, 0, sizeof(remedy.step.arm.unit));
		strcpy(remedy.step.arm.unit, units[i]);
		check_int(begin(), -EINVAL);
		remedy.is_undo = true;
		check_int(begin(), -EINVAL);
		finish();
	}
	prepare_arm();
	remedy.step.arm.bytes = 0;
	check_int(begin(), -EINVAL);
	check_int(port.submitted, 0);
	finish();
}

/* --- waiting, hanging, ending ----------------------------------------------------------------- */

TEST(a_busy_clerk_is_waited_for)
{
	prepare_setting(ACTION_LIMIT, SETTING_MEMORY_HIGH, 10);
	port.busy_elsewhere = true;
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(USEC_PER_SEC), REMEDY_RUNNING);
	port.busy_elsewhere = false;
	check_int(advance(2 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(port.submitted, 1);
	finish();
}

TEST(but_not_for_ever)
{
	prepare_setting(ACTION_LIMIT, SETTING_MEMORY_HIGH, 10);
	port.busy_elsewhere = true;
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(44 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(advance(46 * USEC_PER_SEC), -EBUSY);
	check_contains(remedy.outcome.reason, "no clerk was free");
	finish();
}

TEST(a_clerk_that_hangs_is_given_up)
{
	usec_t patience;

	prepare_setting(ACTION_LIMIT, SETTING_MEMORY_HIGH, 10);
	check_int(begin(), REMEDY_RUNNING);
	patience = port.request.deadline_usec;
	check_int(advance(patience + USEC_PER_SEC), REMEDY_RUNNING);
	check_int(advance(patience + 11 * USEC_PER_SEC), -ETIMEDOUT);
	check_contains(remedy.outcome.reason, "hangs");
	check_int(port.given_up, 1);
	finish();
}

TEST(a_clerk_that_dies_is_told)
{
	prepare_setting(ACTION_LIMIT, SETTING_MEMORY_HIGH, 10);
	check_int(begin(), REMEDY_RUNNING);
	port.dead = true;
	check_int(advance(1), -EPIPE);
	check_int(port.given_up, 1);
	check_contains(remedy.outcome.reason, "died");
	finish();
}

TEST(a_step_is_taken_back)
{
	prepare_reclaim();
	check_int(begin(), REMEDY_RUNNING);
	cancel();
	check_int(port.messages, 1);
	check_int(port.message.kind, WORK_CANCEL);
	check_int(advance(1), REMEDY_RUNNING);
	answer(true, ECANCELED)->done_bytes = 64 * MIB;
	check_int(advance(2), REMEDY_DONE);
	check_int(remedy.outcome.state, OUTCOME_CANCELLED);
	check_int(remedy.outcome.done_bytes, 64 * MIB);
	finish();
	/* Before anybody had it. */
	prepare_reclaim();
	port.busy_elsewhere = true;
	check_int(begin(), REMEDY_RUNNING);
	cancel();
	port.busy_elsewhere = false;
	check_int(advance(1), REMEDY_DONE);
	check_int(remedy.outcome.state, OUTCOME_CANCELLED);
	check_int(port.submitted, 0);
	finish();
	/* Too late: it is done. */
	prepare_reclaim();
	check_int(begin(), REMEDY_RUNNING);
	cancel();
	answer(true, 0)->done_bytes = 512 * MIB;
	check_int(advance(1), REMEDY_DONE);
	check(remedy.outcome.state != OUTCOME_CANCELLED);
	finish();
}
