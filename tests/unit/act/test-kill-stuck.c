/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Those that SIGKILL does not end; what counts is their memory. One is stood in for by processes
 * that come after each SIGKILL, and have as much memory as it would still have. */

#include "act/fake-port.h"
#include "act/scratch-cgroup.h"

#include "act/remedy.h"
#include "util/macro.h"

#include <pthread.h>
#include <sys/mman.h>

#define START_USEC (100 * USEC_PER_SEC)
#define MS	   USEC_PER_MSEC
#define MIB	   ((size_t)1 << 20)
#define HELD	   (64 * MIB)

static struct scratch scratch;
static struct remedy remedy;
static struct remedy_env env;
static struct service services[1];
static struct node nodes[1];
static struct snapshot snapshot;

/* Only as much as a process has that was just forked. */
static void hold(size_t bytes)
{
	if (bytes == 0)
		return;
	memset(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1,
	       bytes);
}

/* The place of one that has ended. */
static pid_t *find_place(void)
{
	for (size_t i = 0; i < scratch.child_count; i++)
		if (scratch.children[i] == 0)
			return &scratch.children[i];
	check(scratch.child_count < SCRATCH_CHILDREN_MAX);
	return &scratch.children[scratch.child_count++];
}

__attribute__((noreturn)) static void sleep_on(void)
{
	for (;;)
		pause();
}

static void *run_thread(void *context)
{
	(void)context;
	sleep_on();
}

/* The process lives as long as one of its threads. */
static void leave_to_thread(int ready_fd)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run_thread, NULL) != 0 || write(ready_fd, "", 1) != 1)
		_exit(1);
	pthread_exit(NULL);
}

static pid_t start_one(size_t bytes, bool leader_ends)
{
	pid_t *place = find_place(), pid;
	int ready[2];
	char byte;

	check(pipe2(ready, O_CLOEXEC) == 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGTERM, SIG_IGN);
		hold(bytes);
		scratch_write(scratch.dir_fd, "cgroup.procs", "0");
		if (leader_ends)
			leave_to_thread(ready[1]);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		sleep_on();
	}
	*place = pid;
	check_int(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static pid_t start_with(size_t bytes)
{
	return start_one(bytes, false);
}

static bool is_leader_gone(pid_t pid)
{
	struct proc_stat stat;
	int fd = proc_pid_open_stat(&scratch.root, pid, &stat);

	if (fd >= 0)
		close(fd);
	return fd >= 0 && stat.state == 'Z';
}

static void empty_in(int64_t usec)
{
	snapshot.host.readings[metric_index(METRIC_MEM_TIME_TO_EMPTY)] = reading_of(usec);
}

static int advance(usec_t now)
{
	return remedies[ACTION_KILL]->advance(&remedy, &env, now);
}

/* SIGKILL was sent just now, to one who holds as much. */
static void kill_one(const char *name)
{
	pid_t pid;

	scratch_open(&scratch, name);
	memset(&remedy, 0, sizeof(remedy));
	memset(services, 0, sizeof(services));
	memset(nodes, 0, sizeof(nodes));
	env = (struct remedy_env){ .root = &scratch.root, .layout = &scratch.layout };
	snapshot = (struct snapshot){
		.services = services, .service_count = 1, .nodes = nodes, .node_count = 1
	};
	nodes[0].readings[metric_index(METRIC_NODE_HEADROOM)] = reading_of(1 << 30);
	snapshot.host.readings[metric_index(METRIC_MEM_TIME_TO_EMPTY)] = READING_FOREVER;
	services[0].path = scratch.path;
	services[0].inode = scratch.inode;
	remedy.step.id = 1;
	remedy.step.action = ACTION_KILL;
	remedy.step.target.key = scratch.inode;
	strcpy(remedy.step.target.path, scratch.path);
	remedy.snapshot = &snapshot;
	pid = start_with(HELD);
	check_int(remedies[ACTION_KILL]->start(&remedy, &env, START_USEC), REMEDY_RUNNING);
	check_int(advance(START_USEC), REMEDY_RUNNING);
	check(remedy.kill.killed);
	check(scratch_has_ended(&scratch, pid));
}

/* Another round, in which it still has so much. */
static int look(usec_t now, size_t bytes)
{
	pid_t pid = start_with(bytes);
	int r = advance(now);

	if (r == REMEDY_RUNNING && remedy.kill.next_round == now + 200 * MS)
		check(scratch_has_ended(&scratch, pid));
	return r;
}

static void finish(void)
{
	remedies[ACTION_KILL]->release(&remedy, &env);
	scratch_close(&scratch);
}

TEST(it_is_over_when_its_memory_is_back)
{
	kill_one("back");
	check_int(look(START_USEC + 200 * MS, HELD), REMEDY_RUNNING);
	check_int(look(START_USEC + 400 * MS, 0), REMEDY_RUNNING); /* as others die too */
	check_int(look(START_USEC + 600 * MS, 0), REMEDY_DONE);
	check_contains(remedy.outcome.reason, "memory is back");
	check_contains(remedy.outcome.reason, "1 process");
	/* What they had forked meanwhile is not left either. */
	check(scratch_has_ended(&scratch, scratch.children[0]));
	finish();
}

TEST(not_before_nearly_all_of_it_is_back)
{
	kill_one("half");
	for (usec_t t = 200 * MS; t < 2000 * MS; t += 200 * MS)
		check_int(look(START_USEC + t, HELD / 4), REMEDY_RUNNING);
	check_str(remedy.outcome.reason, "");
	finish();
}

TEST(a_host_that_runs_dry_does_not_wait_for_nothing)
{
	kill_one("nothing");
	empty_in(USEC_PER_SEC);
	check_int(look(START_USEC + 200 * MS, HELD), REMEDY_RUNNING);
	check_int(look(START_USEC + 400 * MS, HELD), REMEDY_RUNNING);
	check_int(look(START_USEC + 600 * MS, HELD), -ETIMEDOUT);
	check_contains(remedy.outcome.reason, "nothing of its memory");
	finish();
}

TEST(a_large_one_that_is_taken_down_has_its_time)
{
	kill_one("large");
	empty_in(USEC_PER_SEC);
	for (size_t i = 1; i < 10; i++)
		check_int(look(START_USEC + i * 200 * MS, HELD - i * 4 * MIB), REMEDY_RUNNING);
	check_int(look(START_USEC + 2000 * MS, HELD / 4), -ETIMEDOUT);
	check_contains(remedy.outcome.reason, "long after");
	finish();
}

TEST(without_need_nothing_is_hurried)
{
	kill_one("calm");
	for (usec_t t = 200 * MS; t < 3000 * MS; t += 200 * MS)
		check_int(look(START_USEC + t, HELD), REMEDY_RUNNING);
	finish();
}

/* Its leader has ended, which has no memory then, and another thread sleeps on. The kernel shows as
 * much of one on its way out. */
TEST(one_without_memory_of_its_own_may_still_have_it)
{
	pid_t pid;

	kill_one("leader");
	pid = start_one(0, true);
	for (int n = 0; n < 500 && !is_leader_gone(pid); n++)
		poll(NULL, 0, 2);
	check(is_leader_gone(pid));
	check_int(advance(START_USEC + 600 * MS), REMEDY_RUNNING);
	check_str(remedy.outcome.reason, "");
	check(scratch_has_ended(&scratch, pid));
	finish();
}
