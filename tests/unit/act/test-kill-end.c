/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The time that a victim has, whom SIGKILL reaches, and what is no failure of it; time is passed
 * in, processes are real. */

#include "act/fake-port.h"
#include "act/kill-scratch.h"

#include "heap_count.h"
#include "util/macro.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define MS USEC_PER_MSEC

static void empty_in(int64_t usec)
{
	snapshot.host.readings[metric_index(METRIC_MEM_TIME_TO_EMPTY)] = reading_of(usec);
}

static void headroom(int64_t bytes)
{
	nodes[0].readings[metric_index(METRIC_NODE_HEADROOM)] = reading_of(bytes);
}

TEST(sigkill_at_once_when_memory_ends_within_the_grace)
{
	pid_t pid;

	prepare("falls");
	headroom(1 << 30);
	pid = scratch_child(&scratch, NULL, true);
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(START_USEC + 299 * MS), REMEDY_RUNNING);
	check(!remedy.kill.killed);
	headroom(0);
	check_int(advance(START_USEC + 300 * MS), REMEDY_RUNNING);
	check(remedy.kill.killed);
	check(scratch_has_ended(&scratch, pid));
	check_int(advance_to_end(START_USEC + 301 * MS), REMEDY_DONE);
	finish();
}

TEST(the_grace_gets_shorter_and_never_longer)
{
	prepare("shortens");
	headroom(1 << 30);
	scratch_child(&scratch, NULL, true);
	check_int(begin(), REMEDY_RUNNING);
	empty_in(4 * (int64_t)USEC_PER_SEC);
	check_int(advance(START_USEC + 1 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(remedy.kill.deadline, START_USEC + 3 * USEC_PER_SEC);
	empty_in(3600 * (int64_t)USEC_PER_SEC);
	check_int(advance(START_USEC + 2 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(remedy.kill.deadline, START_USEC + 3 * USEC_PER_SEC);
	snapshot.host.readings[metric_index(METRIC_MEM_TIME_TO_EMPTY)] = READING_FOREVER;
	check_int(advance(START_USEC + 3 * USEC_PER_SEC - 1), REMEDY_RUNNING);
	check(!remedy.kill.killed);
	check_int(advance(START_USEC + 3 * USEC_PER_SEC), REMEDY_RUNNING);
	check(remedy.kill.killed);
	finish();
}

TEST(a_moment_for_sigterm_however_short_memory_is)
{
	pid_t pid;

	prepare("moment");
	headroom(0);
	empty_in(0);
	pid = scratch_child(&scratch, NULL, true);
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(START_USEC + 99 * MS), REMEDY_RUNNING);
	check(!remedy.kill.killed);
	check_int(advance(START_USEC + 100 * MS), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, pid));
	finish();
}

/* One that does not die, stood in for by a process that comes after the kill. */
static void keep_one_alive(void)
{
	scratch_child(&scratch, NULL, true);
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	check(remedy.kill.killed);
	check(scratch_has_ended(&scratch, scratch.children[0]));
	scratch_child(&scratch, NULL, true);
	/* So that no further round reaches it. */
	remedy.kill.next_round = USEC_INFINITY;
}

TEST(one_that_cannot_die_is_given_up_once)
{
	const usec_t killed = START_USEC + GRACE_USEC;

	prepare("undead");
	headroom(1 << 30);
	keep_one_alive();
	check_int(advance(killed + 10 * USEC_PER_SEC - 1), REMEDY_RUNNING);
	check_str(remedy.outcome.reason, "");
	remedy.kill.next_round = 0;
	check_int(advance(killed + 10 * USEC_PER_SEC), -ETIMEDOUT);
	check_contains(remedy.outcome.reason, "still there");
	finish();
}

TEST(one_that_cannot_die_does_not_keep_an_empty_host_waiting)
{
	const usec_t killed = START_USEC + GRACE_USEC;

	prepare("undead-empty");
	headroom(1 << 30);
	keep_one_alive();
	headroom(0);
	check_int(advance(killed + 2 * USEC_PER_SEC - 1), REMEDY_RUNNING);
	remedy.kill.next_round = 0;
	check_int(advance(killed + 2 * USEC_PER_SEC), -ETIMEDOUT);
	finish();
}

static void answer_release(int error)
{
	static struct fake_port port;
	const usec_t killed = START_USEC + GRACE_USEC;
	pid_t slow;

	prepare("release");
	headroom(1 << 30);
	port = (struct fake_port){ 0 };
	env.work = fake_work_port(&port);
	scratch_child(&scratch, NULL, true);
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.submitted, 0); /* not after SIGTERM */
	check_int(advance(killed), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, scratch.children[0]));
	slow = scratch_child(&scratch, NULL, true);
	check_int(advance(killed + USEC_PER_SEC), REMEDY_RUNNING);
	check_int(port.submitted, 1);
	check(scratch_has_ended(&scratch, slow));
	fake_answer(&port, true, error, 0, 0);
	check_int(advance_to_end(killed + USEC_PER_SEC + 1), REMEDY_DONE);
	finish();
}

TEST(memory_that_cannot_be_released_early_is_no_failure)
{
	static const int errors[] = { EINVAL, ESRCH, ENOSYS, EPERM };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		answer_release(errors[i]);
}

static void read_mark(char *text, size_t size)
{
	int fd = openat(scratch.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t n;

	check(fd >= 0);
	n = fgetxattr(fd, "user.oomwarden_kill", text, size - 1);
	if (n < 0 && errno == EOPNOTSUPP) {
		close(fd);
		finish();
		test_skip("no extended attributes of control groups here");
	}
	close(fd);
	text[MAX_OF(n, (ssize_t)0)] = '\0';
}

/* One a kill, however many processes it takes, and before the last of them is gone. */
TEST(the_mark_counts_kills)
{
	char mark[16];

	prepare("mark");
	for (int kills = 1; kills <= 2; kills++) {
		char wanted[16];

		scratch_child(&scratch, NULL, false);
		scratch_child(&scratch, NULL, false);
		check_int(begin(), REMEDY_RUNNING);
		read_mark(mark, sizeof(mark));
		snprintf(wanted, sizeof(wanted), "%d", kills);
		check_str(mark, wanted);
		check_int(remedy.outcome.signalled, 2);
		for (size_t i = scratch.child_count - 2; i < scratch.child_count; i++)
			check(scratch_has_ended(&scratch, scratch.children[i]));
		check_int(advance_to_end(START_USEC + 1), REMEDY_DONE);
		check_contains(remedy.outcome.reason, "2 processes");
		remedies[ACTION_KILL]->release(&remedy, &env);
	}
	/* Nobody is hit. */
	check_int(begin(), REMEDY_DONE);
	read_mark(mark, sizeof(mark));
	check_str(mark, "2");
	finish();
}

/* memory.oom.group or not: what is below goes with it, by one write. */
TEST(a_unit_goes_whole)
{
	pid_t pids[3];

	prepare("whole");
	pids[0] = scratch_child(&scratch, NULL, true);
	pids[1] = scratch_child(&scratch, "a", true);
	pids[2] = scratch_child(&scratch, "a/b", true);
	check_int(begin(), REMEDY_RUNNING);
	check_int(remedy.outcome.signalled, 3);
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	check(remedy.kill.whole);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		check(scratch_has_ended(&scratch, pids[i]));
	check_int(advance_to_end(START_USEC + GRACE_USEC + 1), REMEDY_DONE);
	finish();
}

/* One that makes processes as fast as they end: whoever lists them finds some gone each time. */
static void churn(int dir_fd)
{
	scratch_write(dir_fd, "cgroup.procs", "0");
	signal(SIGTERM, SIG_IGN);
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid > 0)
			(void)waitpid(pid, NULL, 0);
	}
}

TEST(processes_that_come_and_go_keep_nothing_back)
{
	pid_t pid;

	prepare("churn");
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		churn(scratch.dir_fd);
	}
	scratch.children[scratch.child_count++] = pid;
	for (int n = 0; n < 1000; n++) {
		char procs[64] = "";

		if (cgroup_read_file(scratch.dir_fd, "cgroup.procs", procs, sizeof(procs)) > 0)
			break;
		poll(NULL, 0, 2);
	}
	/* With a protected one below it cgroup.kill is out of the question. */
	(void)scratch_child(&scratch, "sshd.service", false);
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	check(!remedy.kill.whole);
	check(scratch_has_ended(&scratch, pid));
	check_int(advance_to_end(START_USEC + GRACE_USEC + 300 * MS), REMEDY_DONE);
	finish();
}

#define DENY(call, error)                                  \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

/* A kernel without descriptors of processes, and a filesystem that takes no marks. */
static int deny(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		DENY(SYS_pidfd_open, ENOSYS),
		DENY(SYS_fsetxattr, EROFS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}

enum { CHILD_SKIPPED = 77 };

/* In a process of its own, as it cannot be taken back. */
static int end_without_descriptors(void)
{
	if (deny() < 0)
		return CHILD_SKIPPED;
	if (begin() != REMEDY_RUNNING || remedy.outcome.signalled != 2)
		return 1;
	if (advance(START_USEC + GRACE_USEC) != REMEDY_RUNNING || !remedy.kill.killed)
		return 2;
	return advance_to_end(START_USEC + GRACE_USEC + 1) == REMEDY_DONE ? 0 : 3;
}

TEST(neither_pidfd_nor_marks_are_needed)
{
	pid_t obeys, ignores, killer;
	int status = 0;

	prepare("no-pidfd");
	obeys = scratch_child(&scratch, NULL, false);
	ignores = scratch_child(&scratch, NULL, true);
	killer = fork();
	check(killer >= 0);
	if (killer == 0)
		_exit(end_without_descriptors());
	/* Reaped as they end, or the cgroup would stay populated. */
	for (int n = 0; n < 2000 && waitpid(killer, &status, WNOHANG) == 0; n++) {
		(void)scratch_has_ended(&scratch, obeys);
		(void)scratch_has_ended(&scratch, ignores);
	}
	check(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHILD_SKIPPED) {
		scratch_close(&scratch);
		test_skip("no seccomp here");
	}
	check_int(WEXITSTATUS(status), 0);
	check_int(scratch.children[0], 0);
	check_int(scratch.children[1], 0);
	scratch_close(&scratch);
}

static unsigned open_files(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Works when memory is gone: from the first signal to the certainty of the end, by one write and
 * process by process. */
TEST(nothing_is_allocated_and_no_file_stays_open)
{
	for (int by_process = 0; by_process < 2; by_process++) {
		unsigned long heap;
		unsigned files;

		prepare("heap");
		headroom(1 << 30);
		scratch_child(&scratch, NULL, true);
		scratch_child(&scratch, "a/b", true);
		if (by_process)
			scratch_child(&scratch, "sshd.service", true);
		files = open_files();
		heap = heap_count;
		check_int(begin(), REMEDY_RUNNING);
		check_int(advance(START_USEC + 1), REMEDY_RUNNING);
		check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
		check_int(remedy.kill.whole, !by_process);
		check(scratch_has_ended(&scratch, scratch.children[0]));
		check(scratch_has_ended(&scratch, scratch.children[1]));
		check_int(advance_to_end(START_USEC + GRACE_USEC + 1), REMEDY_DONE);
		check_int(heap_count - heap, 0);
		remedies[ACTION_KILL]->release(&remedy, &env);
		check_int(open_files(), files);
		scratch_close(&scratch);
	}
}

/* A directory that bears a canary's name, below the test's. */
static void make_canary(const char *name, pid_t *ret_pid)
{
	struct cgroup_dir dir;

	*ret_pid = scratch_child(&scratch, name, true);
	snprintf(remedy.step.target.path, sizeof(remedy.step.target.path), "%s/%s", scratch.path,
		 name);
	check_int(cgroup_dir_open(&scratch.layout, remedy.step.target.path, &dir), 0);
	remedy.step.target.key = dir.inode;
	cgroup_dir_done(&dir);
	remedy.step.kill = (struct step_kill){ .is_canary = true };
	services[0].path = remedy.step.target.path;
	services[0].inode = remedy.step.target.key;
}

static void drop_canary(const char *name)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", scratch.path, name);
	for (int n = 0; n < 500 && unlinkat(scratch.layout.tree_fd, path, AT_REMOVEDIR) < 0; n++)
		poll(NULL, 0, 2);
}

TEST(a_canary_is_not_asked)
{
	static const char name[] = "oomwarden-canary-early:node0.service";
	pid_t pid;

	prepare("canary");
	make_canary(name, &pid);
	check_int(begin(), REMEDY_RUNNING);
	check(remedy.kill.killed);
	check_int(remedy.outcome.signalled, 1);
	check(scratch_has_ended(&scratch, pid));
	/* What was begun is not taken back. */
	remedies[ACTION_KILL]->cancel(&remedy, &env);
	check_int(advance_to_end(START_USEC + 1), REMEDY_DONE);
	check(remedy.outcome.state != OUTCOME_CANCELLED);
	check_contains(remedy.outcome.reason, "given back");
	drop_canary(name);
	finish();
}

TEST(what_is_no_canary_is_not_killed_as_one)
{
	pid_t pid;

	prepare("no-canary");
	make_canary("own.service", &pid);
	check_int(begin(), -EPERM);
	check_contains(remedy.outcome.reason, "no canary");
	check(scratch_lives(pid));
	finish();
}

/* memory.oom.group above a service of its own. */
TEST(a_group_takes_services_below_along_and_no_protected_one)
{
	static struct service both[2];
	char below[128];
	pid_t inner, protected;

	prepare("group");
	snprintf(below, sizeof(below), "%s/own.service", scratch.path);
	both[0] = services[0];
	both[1] = (struct service){ .path = below, .inode = 1 };
	snapshot.services = both;
	snapshot.service_count = 2;
	headroom(1 << 30);
	inner = scratch_child(&scratch, "own.service", true);
	protected = scratch_child(&scratch, "sshd.service", false);
	remedy.step.kill.takes_all = true;
	check_int(begin(), REMEDY_RUNNING);
	check_int(remedy.outcome.signalled, 1);
	check_int(advance(START_USEC + GRACE_USEC), REMEDY_RUNNING);
	check(scratch_has_ended(&scratch, inner));
	check_int(advance_to_end(START_USEC + GRACE_USEC + 1), REMEDY_DONE);
	check(scratch_lives(protected));
	finish();
}
