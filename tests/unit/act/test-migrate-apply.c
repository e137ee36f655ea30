/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A service's move over its processes: who is asked for how much, and what is said of it at the
 * end. The processes are real, the worker is the test. */

#include "act/fake-port.h"
#include "act/scratch-cgroup.h"

#include "act/remedy.h"

#include <sys/mman.h>

#define MIB	   (UINT64_C(1) << 20)
#define START_USEC (100 * USEC_PER_SEC)
#define MOVE_PAGES (MIB / 4096)

static struct scratch scratch;
static struct remedy remedy;
static struct remedy_env env;
static struct fake_port port;
static struct node nodes[2];
static struct snapshot snapshot;

static void prepare(const char *name)
{
	scratch_open(&scratch, name);
	memset(&remedy, 0, sizeof(remedy));
	memset(&port, 0, sizeof(port));
	env = (struct remedy_env){ .root = &scratch.root,
				   .layout = &scratch.layout,
				   .work = fake_work_port(&port) };
	nodes[0] = (struct node){ .id = 0 };
	nodes[1] = (struct node){ .id = 1, .reserve_bytes = 30 * MIB };
	snapshot = (struct snapshot){ .nodes = nodes, .node_count = 2 };
	remedy.step.id = 9;
	remedy.step.action = ACTION_MIGRATE;
	remedy.step.migrate.to_node = 1;
	remedy.step.migrate.bytes = 64 * MIB;
	remedy.step.target.key = scratch.inode;
	strcpy(remedy.step.target.path, scratch.path);
	remedy.snapshot = &snapshot;
	remedy.started_at = START_USEC;
}

static int begin(void)
{
	return remedies[ACTION_MIGRATE]->start(&remedy, &env, START_USEC);
}

static int advance(usec_t after)
{
	return remedies[ACTION_MIGRATE]->advance(&remedy, &env, START_USEC + after);
}

static void finish(void)
{
	remedies[ACTION_MIGRATE]->release(&remedy, &env);
	scratch_close(&scratch);
}

TEST(one_process_is_asked_for_all)
{
	pid_t pid;

	prepare("one");
	remedy.step.migrate.move_shared = true;
	pid = scratch_child(&scratch, NULL, false);
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.submitted, 1);
	check_int(port.request.kind, WORK_MIGRATE);
	check_int(port.request.pid, pid);
	check(port.request.start_ticks > 0);
	check_int(port.request.bytes, 64 * MIB);
	check_int(port.request.to_node, 1);
	check_int(port.request.to_reserve_bytes, 30 * MIB);
	check(port.request.move_shared);

	fake_answer(&port, false, 0, 16 * MOVE_PAGES, 0);
	check_int(advance(USEC_PER_SEC), REMEDY_RUNNING);
	check_int(remedy.outcome.done_bytes, 16 * MIB);
	check_int(remedy.outcome.remaining_bytes, 48 * MIB);
	check_int(remedy.outcome.bytes_per_sec / 1000, 16 * MIB / 1000);

	fake_answer(&port, false, 0, 32 * MOVE_PAGES, 0);
	fake_answer(&port, true, 0, 64 * MOVE_PAGES, 0);
	check_int(advance(2 * USEC_PER_SEC), REMEDY_DONE);
	check_int(remedy.outcome.done_bytes, 64 * MIB);
	check_int(remedy.outcome.pages.moved, 64 * MOVE_PAGES);
	check_int(remedy.outcome.remaining_bytes, 0);
	check_str(remedy.outcome.reason, "64 MiB moved");
	check_int(port.released, 1);
	check_int(port.given_up, 0);
	finish();
}

/* The next process is asked for what the one before could not give; one that vanishes is normal. */
TEST(the_rest_is_asked_of_the_next)
{
	prepare("next");
	scratch_child(&scratch, NULL, false);
	scratch_child(&scratch, "a/b", false);
	scratch_child(&scratch, "a", false);
	check_int(begin(), REMEDY_RUNNING);
	fake_answer(&port, true, 0, 20 * MOVE_PAGES, 8 * MOVE_PAGES);
	check_int(advance(1), REMEDY_RUNNING);
	check_int(port.submitted, 2);
	check_int(port.request.bytes, 44 * MIB);
	fake_answer(&port, true, ESRCH, 0, 0);
	check_int(advance(2), REMEDY_RUNNING);
	check_int(port.submitted, 3);
	fake_answer(&port, true, 0, 4 * MOVE_PAGES, 0);
	check_int(advance(3), REMEDY_DONE);
	check_int(remedy.outcome.done_bytes, 24 * MIB);
	check_int(remedy.outcome.remaining_bytes, 40 * MIB);
	check_str(remedy.outcome.reason, "24 MiB moved, 8 MiB pinned");
	finish();
}

TEST(the_largest_process_is_first)
{
	struct proc_stat stat;
	int ready[2], fd;
	uint64_t largest = 0;
	char byte = 0;
	pid_t big;

	prepare("largest");
	scratch_child(&scratch, NULL, false);
	check(pipe(ready) == 0);
	big = fork();
	if (big == 0) {
		if (mmap(NULL, 32 * MIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) == MAP_FAILED)
			_exit(1);
		scratch_write(scratch.dir_fd, "cgroup.procs", "0");
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	scratch.children[scratch.child_count++] = big;
	check(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	close(ready[1]);
	scratch_child(&scratch, NULL, false);
	check_int(begin(), REMEDY_RUNNING);
	check_int(port.request.pid, big);
	check_int(remedy.migrate.pid_count, 3);
	for (size_t i = 0; i < 3; i++) {
		fd = proc_pid_open(&scratch.root, remedy.migrate.pids[i]);
		check(fd >= 0);
		check_int(proc_stat_read(fd, &stat), 0);
		close(fd);
		check_int(stat.start_ticks, remedy.migrate.start_ticks[i]);
		if (stat.rss_pages > largest)
			largest = stat.rss_pages;
	}
	check_int(remedy.migrate.rss_pages[0], largest);
	finish();
}

TEST(nothing_left_there_is_a_failure_with_its_reason)
{
	static const struct {
		int error;
		struct page_accounts pages;
		int result;
		const char *reason;
	} cases[] = {
		{ 0, { .already_there = 100 }, -ENODATA, "nothing of it is on node 0" },
		{ 0, { .pinned = 512 }, -EBUSY, "2 MiB pinned" },
		{ ENOSPC, { .not_tried = 512 }, -ENOSPC, "node 1 has no room" },
		{ EACCES, { .refused = 512 }, -EACCES, "cpuset" },
		{ EPERM, { .refused = 512 }, -EPERM, "refused" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		prepare("nothing");
		scratch_child(&scratch, NULL, false);
		check_int(begin(), REMEDY_RUNNING);
		fake_answer(&port, true, cases[i].error, 0, 0);
		port.replies[0].pages = cases[i].pages;
		check_int(advance(1), cases[i].result);
		check_contains(remedy.outcome.reason, cases[i].reason);
		finish();
	}
}

TEST(a_full_destination_ends_it_for_all_processes)
{
	prepare("full");
	scratch_child(&scratch, NULL, false);
	scratch_child(&scratch, NULL, false);
	check_int(begin(), REMEDY_RUNNING);
	fake_answer(&port, true, ENOSPC, 10 * MOVE_PAGES, 0);
	check_int(advance(1), REMEDY_DONE);
	check_int(port.submitted, 1);
	check_str(remedy.outcome.reason, "10 MiB moved; node 1 has no more room");
	finish();
}

TEST(resize_and_cancel_are_passed_on)
{
	prepare("resize");
	scratch_child(&scratch, NULL, false);
	scratch_child(&scratch, NULL, false);
	check_int(begin(), REMEDY_RUNNING);
	fake_answer(&port, true, 0, 10 * MOVE_PAGES, 0);
	check_int(advance(1), REMEDY_RUNNING);

	remedy.step.migrate.bytes = 200 * MIB;
	check_int(remedies[ACTION_MIGRATE]->resize(&remedy, &env), 0);
	check_int(port.message.kind, WORK_RESIZE);
	/* The second process's total, without what the first one gave. */
	check_int(port.message.bytes, 190 * MIB);

	remedies[ACTION_MIGRATE]->cancel(&remedy, &env);
	check_int(port.message.kind, WORK_CANCEL);
	check_int(advance(2), REMEDY_RUNNING);
	fake_answer(&port, true, ECANCELED, 3 * MOVE_PAGES, 0);
	check_int(advance(3), REMEDY_DONE);
	check_int(remedy.outcome.state, OUTCOME_CANCELLED);
	check_int(remedy.outcome.done_bytes, 13 * MIB);
	check_int(port.submitted, 2);
	finish();
}

TEST(without_a_free_worker_it_waits)
{
	prepare("waits");
	scratch_child(&scratch, NULL, false);
	port.busy_elsewhere = true;
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(60 * USEC_PER_SEC), REMEDY_RUNNING);
	port.busy_elsewhere = false;
	check_int(advance(61 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(port.submitted, 1);
	/* The wait is not the worker's silence. */
	check_int(advance(62 * USEC_PER_SEC), REMEDY_RUNNING);
	finish();
	check_int(port.given_up, 1);
}

TEST(a_worker_that_dies_fails_it_and_what_was_done_counts)
{
	prepare("dies");
	scratch_child(&scratch, NULL, false);
	check_int(begin(), REMEDY_RUNNING);
	fake_answer(&port, false, 0, 5 * MOVE_PAGES, 0);
	check_int(advance(1), REMEDY_RUNNING);
	port.dead = true;
	check_int(advance(2), -EPIPE);
	check_str(remedy.outcome.reason, "the worker died");
	check_int(remedy.outcome.done_bytes, 5 * MIB);
	check_int(port.given_up, 1);
	finish();
	check_int(port.given_up, 1);
}

TEST(a_silent_worker_is_given_up)
{
	prepare("silent");
	scratch_child(&scratch, NULL, false);
	check_int(begin(), REMEDY_RUNNING);
	check_int(advance(10 * USEC_PER_SEC), REMEDY_RUNNING);
	fake_answer(&port, false, 0, 1, 0);
	check_int(advance(14 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(advance(43 * USEC_PER_SEC), REMEDY_RUNNING);
	check_int(advance(44 * USEC_PER_SEC), -ETIMEDOUT);
	check_int(port.given_up, 1);
	finish();
}

/* Listed at the start, elsewhere when its turn comes. */
TEST(a_process_that_left_is_not_touched)
{
	struct scratch elsewhere;
	pid_t second;
	char text[16];

	prepare("left");
	scratch_child(&scratch, NULL, false);
	scratch_child(&scratch, NULL, false);
	check_int(begin(), REMEDY_RUNNING);
	second = remedy.migrate.pids[1];
	scratch_open(&elsewhere, "elsewhere");
	snprintf(text, sizeof(text), "%d", second);
	scratch_write(elsewhere.dir_fd, "cgroup.procs", text);
	fake_answer(&port, true, 0, 10 * MOVE_PAGES, 0);
	check_int(advance(1), REMEDY_DONE);
	check_int(port.submitted, 1);
	finish();
	scratch_close(&elsewhere);
}

TEST(another_cgroup_of_the_name_is_left_alone)
{
	prepare("stale");
	scratch_child(&scratch, NULL, false);
	remedy.step.target.key++;
	check_int(begin(), -ESTALE);
	check_int(port.submitted, 0);
	finish();
}

TEST(impossible_moves_are_refused)
{
	prepare("odd");
	check_int(begin(), -ESRCH);
	scratch_child(&scratch, NULL, false);
	remedy.step.migrate.to_node = 0;
	check_int(begin(), -EINVAL);
	remedy.step.migrate.to_node = 7;
	check_int(begin(), -ENODEV);
	remedy.step.migrate.to_node = 1;
	env.work = (struct work_port){ 0 };
	check_int(begin(), -EOPNOTSUPP);
	check_int(port.submitted, 0);
	env.work = fake_work_port(&port);
	finish();
}
