/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A kill from SIGTERM to the certainty of the end, on real processes; time is passed in. */

#include "act/fake-port.h"
#include "act/kill-scratch.h"

#include "util/macro.h"

#include <sys/xattr.h>

TEST(one_that_obeys_ends_after_sigterm)
{
	pid_t a, b;

	prepare("obeys");
	a = scratch_child(&scratch, NULL, false);
	b = scratch_child(&scratch, "a/b", false);
	check_int(begin(), REMEDY_RUNNING);
	check_int(remedy.outcome.signalled, 2);
	check(scratch_has_ended(&scratch, a));
	check(scratch_has_ended(&scratch, b));
	check_int(advance_to_end(START_USEC + 1), REMEDY_DONE);
	check_contains(remedy.outcome.reason, "SIGTERM");
	finish();
}

TEST(one_that_ignores_is_killed_after_its_grace)
{
	char mark[32] = "";
	pid_t pid;
	int fd;

	prepare("ignores");
	pid = scratch_child(&scratch, NULL, true);
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(START_USEC + GRACE_USEC - 1), REMEDY_RUNNING);
	check(scratch_lives(pid));
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, pid));
	check_int(advance_to_end(START_USEC + GRACE_USEC + 1), REMEDY_DONE);
	check_contains(remedy.outcome.reason, "SIGKILL");

	fd = openat(scratch.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(fd >= 0);
	if (fgetxattr(fd, "user.oomwarden_kill", mark, sizeof(mark) - 1) >= 0)
		check_str(mark, "1");
	else
		check_int(errno, EOPNOTSUPP);
	close(fd);
	finish();
}

TEST(a_cgroup_that_vanishes_is_done)
{
	pid_t pid;

	prepare("vanishes");
	pid = scratch_child(&scratch, NULL, false);
	check_int(begin(), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, pid));
	for (int n = 0; n < 500 && unlinkat(scratch.layout.v2_fd, scratch.path, AT_REMOVEDIR) < 0;
	     n++)
		poll(NULL, 0, 2);
	check_int(advance(START_USEC + 1), REMEDY_DONE);
	finish();
}

/* v1 has neither cgroup.kill nor cgroup.events: it goes by the processes alone. */
TEST(v1_is_killed_process_by_process)
{
	pid_t obeys, ignores;

	prepare_in("v1", CGROUP_TREE_MEMORY);
	obeys = scratch_child(&scratch, NULL, false);
	ignores = scratch_child(&scratch, "a/b", true);
	check_int(begin(), REMEDY_RUNNING);
	check_int(remedy.outcome.signalled, 2);
	check(scratch_has_ended(&scratch, obeys));
	check_int(advance(START_USEC + GRACE_USEC - 1), REMEDY_RUNNING);
	check(scratch_lives(ignores));
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, ignores));
	check_int(advance_to_end(START_USEC + GRACE_USEC + 1), REMEDY_DONE);
	finish();
}

TEST(a_v1_cgroup_that_vanishes_is_done)
{
	pid_t pid;

	prepare_in("v1-vanishes", CGROUP_TREE_MEMORY);
	pid = scratch_child(&scratch, NULL, false);
	check_int(begin(), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, pid));
	for (int n = 0; n < 500 && unlinkat(scratch.layout.tree_fd, scratch.path, AT_REMOVEDIR) < 0;
	     n++)
		poll(NULL, 0, 2);
	check_int(advance(START_USEC + 1), REMEDY_DONE);
	finish();
}

TEST(an_empty_one_is_done_at_once)
{
	prepare("empty");
	check_int(begin(), REMEDY_DONE);
	check_int(remedy.outcome.signalled, 0);
	finish();
}

TEST(another_cgroup_of_the_name_is_left_alone)
{
	pid_t pid;

	prepare("stale");
	pid = scratch_child(&scratch, NULL, false);
	remedy.step.target.key = scratch.inode + 1;
	check_int(begin(), -ESTALE);
	check_contains(remedy.outcome.reason, "restarted");
	check(scratch_lives(pid));
	finish();
}

TEST(a_captured_machine_is_left_alone)
{
	struct sysroot captured;
	pid_t pid;

	prepare("captured");
	pid = scratch_child(&scratch, NULL, false);
	captured = scratch.root;
	captured.live = false;
	env.root = &captured;
	check_int(begin(), -EROFS);
	check(scratch_lives(pid));
	finish();
}

/* Neither SIGTERM nor cgroup.kill of the outer one may reach what is a service of its own below it,
 * or what is protected. */
TEST(what_is_not_its_own_survives)
{
	char own[128];
	pid_t mine, other, protected;

	prepare("nested");
	snprintf(own, sizeof(own), "%s/own.service", scratch.path);
	services[1].path = own;
	services[1].inode = 1;
	snapshot.service_count = 2;
	mine = scratch_child(&scratch, NULL, true);
	other = scratch_child(&scratch, "own.service", false);
	protected = scratch_child(&scratch, "sshd.service", false);
	check_int(begin(), REMEDY_RUNNING);
	check_int(remedy.outcome.signalled, 1);
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, mine));
	check_int(advance_to_end(START_USEC + GRACE_USEC + 1), REMEDY_DONE);
	check_str(remedy.outcome.reason,
		  "1 process ended after SIGKILL; others below it were spared");
	check(scratch_lives(other));
	check(scratch_lives(protected));
	/* Once more, with nobody else there. */
	remedies[ACTION_KILL]->release(&remedy, &env);
	remedy.outcome = (struct outcome){ 0 };
	check_int(begin(), REMEDY_DONE);
	check_int(remedy.outcome.signalled, 0);
	check_contains(remedy.outcome.reason, "spared");
	finish();
}

/* A container with a manager of its own, or somebody who hides behind a name. */
TEST(a_unit_is_ended_whatever_is_called_how_below_it)
{
	pid_t mine, below, deep;
	struct stat st;
	char path[128];

	prepare("unit");
	mine = scratch_child(&scratch, "own.service", true);
	below = scratch_child(&scratch, "own.service/init.scope", true);
	deep = scratch_child(&scratch, "own.service/sshd.service", true);
	snprintf(path, sizeof(path), "%s/own.service", scratch.path);
	check_int(fstatat(scratch.layout.v2_fd, path, &st, 0), 0);
	strcpy(remedy.step.target.path, path);
	remedy.step.target.key = (uint64_t)st.st_ino;
	check_int(begin(), REMEDY_RUNNING);
	check_int(remedy.outcome.signalled, 3);
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	check(remedy.kill.whole);
	check(scratch_has_ended(&scratch, mine));
	check(scratch_has_ended(&scratch, below));
	check(scratch_has_ended(&scratch, deep));
	check_int(advance_to_end(START_USEC + GRACE_USEC + 1), REMEDY_DONE);
	check_str(remedy.outcome.reason, "3 processes ended after SIGKILL");
	snprintf(path, sizeof(path), "%s/own.service/init.scope", scratch.path);
	(void)unlinkat(scratch.layout.v2_fd, path, AT_REMOVEDIR);
	snprintf(path, sizeof(path), "%s/own.service/sshd.service", scratch.path);
	(void)unlinkat(scratch.layout.v2_fd, path, AT_REMOVEDIR);
	finish();
}

TEST(cancel_before_sigkill_spares_it)
{
	pid_t pid;

	prepare("cancel");
	pid = scratch_child(&scratch, NULL, true);
	check_int(begin(), REMEDY_RUNNING);
	remedies[ACTION_KILL]->cancel(&remedy, &env);
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_DONE);
	check_int(remedy.outcome.state, OUTCOME_CANCELLED);
	check(scratch_lives(pid));
	finish();
}

/* A frozen one runs no handler; SIGKILL gets through. */
TEST(a_frozen_one_dies_of_sigkill)
{
	pid_t pid;

	prepare("frozen");
	pid = scratch_child(&scratch, NULL, true);
	freeze();
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, pid));
	check_int(advance_to_end(START_USEC + GRACE_USEC + 1), REMEDY_DONE);
	finish();
}

/* One that does not die: stood in for by a process that is put in after the kill, which the rounds
 * of SIGKILL would find; so the deadline is reached before the first of them. */
TEST(one_that_stays_is_given_up)
{
	prepare("stays");
	scratch_child(&scratch, NULL, true);
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, scratch.children[0]));
	check(remedy.kill.killed);
	scratch_child(&scratch, NULL, true);
	check_int(advance(START_USEC + GRACE_USEC + 3600 * USEC_PER_SEC), -ETIMEDOUT);
	check_contains(remedy.outcome.reason, "still there");
	finish();
}

/* One that is slow to die loses its memory to a worker, one process at a time. */
TEST(the_memory_of_a_slow_one_is_freed)
{
	static struct fake_port port;
	const usec_t killed = START_USEC + GRACE_USEC;
	pid_t slow;

	prepare("slow");
	port = (struct fake_port){ 0 };
	env.work = fake_work_port(&port);
	scratch_child(&scratch, NULL, true);
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(killed), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, scratch.children[0]));
	slow = scratch_child(&scratch, NULL, true);
	check_int(port.submitted, 0);
	check_int(advance(killed + USEC_PER_SEC), REMEDY_RUNNING);
	check_int(port.submitted, 1);
	check_int(port.request.kind, WORK_RELEASE);
	check_int(port.request.pid, slow);
	check(scratch_has_ended(&scratch, slow));
	fake_answer(&port, true, 0, 0, 0);
	check_int(advance_to_end(killed + USEC_PER_SEC + 1), REMEDY_DONE);
	check_int(port.released, 1);
	check_int(port.given_up, 0);
	finish();
}

static int take_reply(void *context, const struct work_reply *reply)
{
	*(struct work_reply *)context = *reply;
	return 0;
}

TEST(only_what_was_killed_loses_its_memory)
{
	struct work_reply reply = { 0 };
	struct work_request request = { .kind = WORK_RELEASE, .token = 3 };
	struct work_channel channel = { .reply = take_reply,
					.context = &reply,
					.root = &scratch.root };
	struct proc_stat stat;
	int fd;

	prepare("release");
	request.pid = scratch_child(&scratch, NULL, false);
	fd = proc_pid_open(&scratch.root, request.pid);
	check_int(proc_stat_read(fd, &stat), 0);
	close(fd);
	request.start_ticks = stat.start_ticks;
	kill_work(&request, &channel);
	check(reply.final);
	check_int(reply.token, 3);
	/* Older kernels and containers have no such call. */
	check(reply.error == EINVAL || reply.error == ENOSYS || reply.error == EPERM);
	check(scratch_lives(request.pid));

	request.start_ticks++;
	kill_work(&request, &channel);
	check_int(reply.error, ESRCH);
	scratch_close(&scratch);
}

TEST(children_forked_meanwhile_are_found)
{
	pid_t late;

	prepare("forks");
	scratch_child(&scratch, NULL, true);
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	late = scratch_child(&scratch, NULL, true);
	check_int(advance(START_USEC + GRACE_USEC + USEC_PER_SEC), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, late));
	check(scratch_has_ended(&scratch, scratch.children[0]));
	check_int(advance_to_end(START_USEC + GRACE_USEC + USEC_PER_SEC + 1), REMEDY_DONE);
	finish();
}
