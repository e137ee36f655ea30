/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A freeze from its asking to the certainty that it is over; the clerk is the test. */

#include "act/clerk-remedy.h"

#define MOST_USEC (30 * USEC_PER_SEC)
#define MS	  USEC_PER_MSEC

static void prepare_at(const char *path)
{
	prepare_on(path, ACTION_FREEZE);
	machine_put(&machine, path, "cgroup.freeze", "0\n");
	remedy.step.setting.on =
		(struct setting_target){ .id = SETTING_FREEZE, .key = remedy.step.target.key };
	remedy.step.setting.owner = OWNER_SYSTEMD;
	remedy.step.setting.most_usec = MOST_USEC;
	remedy.value.number = 1;
}

static void prepare(void)
{
	prepare_at(SERVICE);
}

static void answer_with(int error, const char *said)
{
	strcpy(answer(true, error)->said, said);
}

/* What the test plays in the clerk's place is not done, so the file shows what is done by hand. */
static const char *frozen_file(void)
{
	static char text[8];

	machine_get(&machine, remedy.step.target.path, "cgroup.freeze", text, sizeof(text));
	return text;
}

static void freeze(void)
{
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.request.kind, WORK_SET);
	check_int(port.request.setting.on.id, SETTING_FREEZE);
	check_int(port.request.setting.value.number, 1);
	check(!port.request.setting.is_undo);
	machine_put(&machine, remedy.step.target.path, "cgroup.freeze", "1\n");
	answer(true, 0);
	check_int(advance(USEC_PER_SEC), REMEDY_RUNNING);
	check(remedy.outcome.in_force_known);
	check_int(remedy.outcome.in_force.number, 1);
	check(!port.taken);
}

TEST(it_is_thawed_when_it_is_taken_back)
{
	prepare();
	freeze();
	check_int(advance(20 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(port.submitted, 1);
	remedies[ACTION_FREEZE]->cancel(&remedy, &env);
	check_int(advance(21 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(port.submitted, 2);
	check_int(port.request.setting.value.number, 0);
	check(port.request.setting.is_undo);
	check_int(port.request.setting.owner, OWNER_SYSTEMD);
	/* It is not for long that others wait for a manager that does not answer. */
	check_int(port.request.deadline_usec, USEC_PER_SEC);
	answer(true, 0);
	check_int(advance(22 * USEC_PER_SEC), REMEDY_DONE);
	check_int(remedy.outcome.state, OUTCOME_CANCELLED);
	check(remedy.outcome.in_force_known);
	check_int(remedy.outcome.in_force.number, 0);
	finish();
}

TEST(it_is_thawed_when_its_time_is_over)
{
	prepare();
	freeze();
	check_int(advance(MOST_USEC - 1), REMEDY_RUNNING);
	check_int(port.submitted, 1);
	check_int(advance(MOST_USEC), REMEDY_RUNNING);
	check_int(port.submitted, 2);
	answer(true, 0);
	check_int(advance(MOST_USEC + 1), REMEDY_DONE);
	check(remedy.outcome.state != OUTCOME_CANCELLED);
	check_str(remedy.outcome.reason, "thawed");
	finish();
}

TEST(what_may_never_be_frozen)
{
	prepare();
	service.guest = GUEST_QEMU;
	check_int(begin(), -EPERM);
	check_contains(remedy.outcome.reason, "guest");
	service.guest = GUEST_NONE;
	service.is_self = true;
	check_int(begin(), -EPERM);
	service.is_self = false;
	service.protected_unit = true;
	check_int(begin(), -EPERM);
	service.protected_unit = false;
	remedy.step.setting.most_usec = 0;
	check_int(begin(), -EINVAL);
	remedy.step.setting.most_usec = MOST_USEC;
	/* Whatever the snapshot says. */
	machine_put(&machine, SERVICE, "cgroup.procs", "4711\n1\n");
	check_int(begin(), -EPERM);
	check_contains(remedy.outcome.reason, "PID 1");
	check_int(port.submitted, 0);
	finish();
	prepare_at("system.slice/dbus.service");
	remedy.snapshot = NULL;
	check_int(begin(), -EPERM);
	finish();
	prepare();
	machine.root.live = false;
	check_int(begin(), -EROFS);
	finish();
}

TEST(a_refusal_is_the_end)
{
	static const int errors[] = { EPERM, EOPNOTSUPP, EALREADY, ESTALE, ENOENT };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		prepare();
		check_int(begin(), REMEDY_RUNNING);
		answer_with(errors[i], "does not support freezing");
		check_int(advance(1), -errors[i]);
		check_str(remedy.outcome.reason, "does not support freezing");
		check_int(port.submitted, 1);
		finish();
	}
}

TEST(an_answer_that_is_lost_is_followed_by_a_thaw)
{
	prepare();
	check_int(begin(), REMEDY_RUNNING);
	answer(true, ETIMEDOUT);
	check_int(advance(USEC_PER_SEC), REMEDY_RUNNING);
	check_int(advance(2 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(port.submitted, 2);
	check_int(port.request.setting.value.number, 0);
	answer(true, 0);
	check_int(advance(3 * USEC_PER_SEC), -ETIMEDOUT);
	check_contains(remedy.outcome.reason, "no answer");
	check_int(remedy.outcome.in_force.number, 0);
	finish();
}

/* The clerk waits for a manager that waits for a process in the kernel. */
TEST(one_that_is_never_answered_is_thawed_in_time)
{
	prepare();
	check_int(begin(), REMEDY_RUNNING);
	machine_put(&machine, SERVICE, "cgroup.freeze", "1\n");
	check_int(advance(MOST_USEC - 1), REMEDY_RUNNING);
	check_int(advance(MOST_USEC), REMEDY_RUNNING);
	check_int(port.given_up, 1);
	check_int(advance(MOST_USEC + 1), REMEDY_RUNNING);
	check_int(port.submitted, 2);
	/* This one is not answered either, and nobody waits for that. */
	check_int(advance(MOST_USEC + 400 * MS), REMEDY_RUNNING);
	check_str(frozen_file(), "1");
	check_int(advance(MOST_USEC + 600 * MS), REMEDY_RUNNING);
	check_str(frozen_file(), "0");
	check_contains(remedy.outcome.reason, "by hand");
	check_int(remedy.outcome.in_force.number, 0);
	check_int(port.given_up, 1);
	/* The clerk hangs: it is given up in its own time. */
	check_int(advance(10 * 60 * USEC_PER_SEC), -ETIMEDOUT);
	check_int(port.given_up, 2);
	finish();
}

/* A clerk that was given up might thaw what is frozen anew by then. */
TEST(a_late_answer_is_heard_after_a_thaw_by_hand)
{
	static const int errors[] = { 0, EIO, ETIMEDOUT };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		prepare();
		freeze();
		check_int(advance(MOST_USEC), REMEDY_RUNNING);
		check_int(advance(MOST_USEC + 600 * MS), REMEDY_RUNNING);
		check_str(frozen_file(), "0");
		/* Not once more either. */
		machine_put(&machine, SERVICE, "cgroup.freeze", "1\n");
		check_int(advance(MOST_USEC + 2 * USEC_PER_SEC), REMEDY_RUNNING);
		check_str(frozen_file(), "1");
		answer(true, errors[i]);
		check_int(advance(MOST_USEC + 3 * USEC_PER_SEC), REMEDY_DONE);
		check_str(remedy.outcome.reason, "thawed");
		check_int(port.given_up, 0);
		finish();
	}
}

TEST(a_thaw_is_tried_again_and_then_done_by_hand)
{
	prepare();
	freeze();
	remedies[ACTION_FREEZE]->cancel(&remedy, &env);
	check_int(advance(2000 * MS), REMEDY_RUNNING);
	answer(true, ETIMEDOUT);
	check_int(advance(2050 * MS), REMEDY_RUNNING);
	check_int(port.submitted, 2);
	check_int(advance(2150 * MS), REMEDY_RUNNING);
	check_int(port.submitted, 3);
	check_str(frozen_file(), "1");
	answer(true, EIO);
	check_int(advance(2500 * MS), REMEDY_DONE);
	check_str(frozen_file(), "0");
	finish();
}

TEST(busy_clerks_do_not_keep_it_frozen)
{
	prepare();
	freeze();
	port.busy_elsewhere = true;
	/* A tick each 50 ms, as while anything runs. */
	for (usec_t after = 0; after < 500 * MS; after += 50 * MS) {
		check_int(advance(MOST_USEC + after), REMEDY_RUNNING);
		check_str(frozen_file(), "1");
	}
	check_int(advance(MOST_USEC + 500 * MS), REMEDY_DONE);
	check_str(frozen_file(), "0");
	finish();
}

/* Nobody can write to it, by hand neither. */
static void break_file(void)
{
	int fd = machine.layout.v2_fd;

	check_int(unlinkat(fd, SERVICE "/cgroup.freeze", 0), 0);
	check_int(mkdirat(fd, SERVICE "/cgroup.freeze", 0700), 0);
}

/* Each second a tick, and every clerk fails; what the last one said. */
static int fail_until(usec_t first, usec_t last)
{
	int r = REMEDY_RUNNING;

	for (usec_t at = first; at <= last && r == REMEDY_RUNNING; at++) {
		if (port.taken)
			answer(true, EIO);
		r = advance(at * USEC_PER_SEC);
	}
	return r;
}

TEST(a_thaw_that_fails_is_said_loudly)
{
	prepare();
	freeze();
	break_file();
	remedies[ACTION_FREEZE]->cancel(&remedy, &env);
	check_int(fail_until(2, 61), REMEDY_RUNNING);
	check_int(fail_until(62, 80), -EIO);
	check_contains(remedy.outcome.reason, "IT IS STILL FROZEN");
	check_int(remedy.outcome.in_force.number, 1);
	/* After 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 8, 8 ... seconds. */
	check(port.submitted >= 8 && port.submitted <= 16);
	finish();
}

TEST(the_first_failure_of_a_thaw_is_told_at_once)
{
	prepare();
	freeze();
	remedies[ACTION_FREEZE]->cancel(&remedy, &env);
	check_int(advance(2000 * MS), REMEDY_RUNNING);
	answer_with(EIO, "the manager is gone");
	check_int(advance(2050 * MS), REMEDY_RUNNING);
	check_contains(remedy.outcome.reason, "IT IS STILL FROZEN");
	check_contains(remedy.outcome.reason, "the manager is gone");
	check_int(remedy.outcome.error, EIO);
	check_int(remedy.outcome.in_force.number, 1);
	/* A later one is no news. */
	check_int(advance(2150 * MS), REMEDY_RUNNING);
	answer_with(EIO, "and does not come back");
	check_int(advance(2200 * MS), REMEDY_RUNNING);
	check_contains(remedy.outcome.reason, "the manager is gone");
	check_int(advance(2450 * MS), REMEDY_RUNNING);
	answer(true, 0);
	check_int(advance(2480 * MS), REMEDY_DONE);
	check_str(remedy.outcome.reason, "thawed");
	check_int(remedy.outcome.error, 0);
	finish();
}

/* As where systemd has v1: the tree has no freezer, but a hierarchy of its own has. */
static void prepare_v1(void)
{
	prepare();
	machine.layout.tree = CGROUP_TREE_MEMORY;
	machine.layout.controllers[CGROUP_FREEZER] = CGROUP_V1;
	strcpy(machine.layout.v1[CGROUP_FREEZER].path, "freezer");
	strcpy(machine.layout.v1[CGROUP_FREEZER].subtree, "/");
	strcpy(machine.layout.v1[CGROUP_MEMORY].subtree, "/");
	remedy.step.setting.owner = OWNER_NOBODY;
	fixture_put(&machine.files, "freezer/" SERVICE "/freezer.state", "FROZEN\n");
}

static const char *v1_state(void)
{
	static char text[16];

	check(sysroot_read(&machine.root, "freezer/" SERVICE "/freezer.state", text,
			   sizeof(text)) >= 0);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

TEST(v1_is_thawed_by_hand_too)
{
	prepare_v1();
	freeze();
	remedies[ACTION_FREEZE]->cancel(&remedy, &env);
	check_int(advance(2000 * MS), REMEDY_RUNNING);
	answer(true, EIO);
	check_int(advance(2050 * MS), REMEDY_RUNNING);
	check_str(v1_state(), "FROZEN");
	check_int(fail_until(4, 20), REMEDY_DONE);
	check_str(v1_state(), "THAWED");
	finish();
	prepare_v1();
	freeze();
	remedies[ACTION_FREEZE]->release(&remedy, &env);
	check_str(v1_state(), "THAWED");
	finish();
}

TEST(one_that_is_gone_needs_no_thaw)
{
	static const int errors[] = { ESTALE, ENOENT, ENODEV };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		prepare();
		freeze();
		check_int(advance(MOST_USEC), REMEDY_RUNNING);
		check_int(renameat(machine.layout.v2_fd, SERVICE, machine.layout.v2_fd, "other"),
			  0);
		answer(true, errors[i]);
		check_int(advance(MOST_USEC + 1), REMEDY_DONE);
		finish();
	}
}

/* The manager may have forgotten the unit, or the file may be out of reach. */
TEST(that_it_is_gone_is_not_taken_on_trust)
{
	static const int errors[] = { ESTALE, ENOENT, ENODEV };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		prepare();
		freeze();
		check_int(advance(MOST_USEC), REMEDY_RUNNING);
		answer(true, errors[i]);
		check_int(advance(MOST_USEC + 1), REMEDY_RUNNING);
		check_contains(remedy.outcome.reason, "IT IS STILL FROZEN");
		check_str(frozen_file(), "1");
		check_int(fail_until(35, 50), REMEDY_DONE);
		check_str(frozen_file(), "0");
		finish();
	}
}

TEST(a_thaw_that_is_taken_and_does_nothing_is_none)
{
	prepare();
	freeze();
	remedies[ACTION_FREEZE]->cancel(&remedy, &env);
	check_int(advance(2 * USEC_PER_SEC), REMEDY_RUNNING);
	answer_with(0, "Freeze was taken, and is yes");
	port.replies[0].in_force_known = true;
	port.replies[0].in_force.number = 1;
	check_int(advance(2050 * MS), REMEDY_RUNNING);
	check_contains(remedy.outcome.reason, "IT IS STILL FROZEN");
	check_int(fail_until(4, 20), REMEDY_DONE);
	check_str(frozen_file(), "0");
	finish();
}

TEST(one_that_finds_no_clerk_is_too_late)
{
	prepare();
	port.busy_elsewhere = true;
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(9 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(advance(11 * USEC_PER_SEC), -EBUSY);
	check_str(frozen_file(), "0");
	finish();
	prepare();
	port.busy_elsewhere = true;
	check_int(begin(), REMEDY_RUNNING);
	remedies[ACTION_FREEZE]->cancel(&remedy, &env);
	check_int(advance(1), REMEDY_DONE);
	check_int(remedy.outcome.state, OUTCOME_CANCELLED);
	check_int(port.submitted, 0);
	finish();
}

/* Its time runs from when it was handed over, not from when it was wished for. */
TEST(one_that_waited_has_its_time)
{
	prepare();
	port.busy_elsewhere = true;
	check_int(begin(), REMEDY_RUNNING);
	port.busy_elsewhere = false;
	check_int(advance(5 * USEC_PER_SEC), REMEDY_RUNNING);
	answer(true, 0);
	check_int(advance(6 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(advance(MOST_USEC + 4 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(port.submitted, 1);
	check_int(advance(MOST_USEC + 5 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(port.submitted, 2);
	answer(true, 0);
	check_int(advance(MOST_USEC + 6 * USEC_PER_SEC), REMEDY_DONE);
	finish();
}

TEST(an_agent_that_ends_thaws)
{
	prepare();
	freeze();
	remedies[ACTION_FREEZE]->release(&remedy, &env);
	check_str(frozen_file(), "0");
	finish();
	/* In the middle of the asking as well. */
	prepare();
	check_int(begin(), REMEDY_RUNNING);
	machine_put(&machine, SERVICE, "cgroup.freeze", "1\n");
	remedies[ACTION_FREEZE]->release(&remedy, &env);
	check_str(frozen_file(), "0");
	check_int(port.given_up, 1);
	finish();
}

/* After a crash, from the record. */
TEST(an_undo_is_a_thaw)
{
	prepare();
	remedy.is_undo = true;
	remedy.value.number = 0;
	remedy.step.setting.most_usec = 0;
	remedy.snapshot = NULL;
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.request.setting.value.number, 0);
	answer(true, 0);
	check_int(advance(1), REMEDY_DONE);
	check(remedy.outcome.is_undo);
	finish();
	prepare();
	remedy.is_undo = true;
	remedy.value.number = 0;
	remedy.step.target.key++;
	check_int(begin(), REMEDY_RUNNING);
	answer(true, ESTALE);
	check_int(advance(1), REMEDY_DONE);
	finish();
}

/* Who holds the record puts it off, and it begins anew. */
TEST(an_undo_that_fails_is_told_at_once)
{
	prepare();
	remedy.is_undo = true;
	remedy.value.number = 0;
	machine_put(&machine, SERVICE, "cgroup.freeze", "1\n");
	check_int(begin(), REMEDY_RUNNING);
	answer_with(ENOTCONN, "there is no systemd here");
	check_int(advance(1), REMEDY_DONE);
	check_str(frozen_file(), "0");
	finish();
	prepare();
	remedy.is_undo = true;
	remedy.value.number = 0;
	break_file();
	check_int(begin(), REMEDY_RUNNING);
	answer(true, EIO);
	check_int(advance(1), -EIO);
	check_contains(remedy.outcome.reason, "IT IS STILL FROZEN");
	finish();
	/* That clerks are busy is no failure. */
	prepare();
	remedy.is_undo = true;
	remedy.value.number = 0;
	break_file();
	port.busy_elsewhere = true;
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(400 * MS), REMEDY_RUNNING);
	check_str(remedy.outcome.reason, "");
	check_int(fail_until(1, 20), -EBUSY);
	finish();
}
