/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The move of a real process as far as one memory node can show it: every page is found, asked for
 * and accounted, none can go anywhere. The process runs another program: the address space of a
 * sanitized one is terabytes wide.
 */

#include "test.h"

#include "act/remedy.h"
#include "sys/nodes.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sysroot root;
static struct work_reply last;
static unsigned finals;
static pid_t child;

static int take_reply(void *context, const struct work_reply *reply)
{
	(void)context;
	last = *reply;
	finals += reply->final;
	return 0;
}

static int no_control(void *context, struct work_request *ret)
{
	(void)context;
	(void)ret;
	return 0;
}

/* cat(1), waiting for what never comes. It is there once it has answered one line. */
static void start_child(void)
{
	int in[2], out[2];
	char c = '\n';

	check_int(sysroot_open(NULL, &root), 0);
	check(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	child = fork();
	check(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execlp("cat", "cat", (char *)NULL);
		_exit(1);
	}
	check(write(in[1], &c, 1) == 1);
	check(read(out[0], &c, 1) == 1);
	close(in[0]);
	close(out[0]);
	close(out[1]);
}

static void end_child(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	sysroot_done(&root);
}

static struct work_request request_for(unsigned from, unsigned to)
{
	struct work_request request = { .kind = WORK_MIGRATE,
					.token = 4,
					.pid = child,
					.from_node = from,
					.to_node = to,
					.bytes = UINT64_C(1) << 40,
					.chunk_bytes = UINT64_C(2) << 20,
					.pause_usec = 1 };
	struct proc_stat stat;
	int fd = proc_pid_open(&root, child);

	check(fd >= 0);
	check_int(proc_stat_read(fd, &stat), 0);
	close(fd);
	request.start_ticks = stat.start_ticks;
	return request;
}

static void run(const struct work_request *request)
{
	const struct work_channel channel = { .poll_control = no_control,
					      .reply = take_reply,
					      .root = &root };

	last = (struct work_reply){ 0 };
	finals = 0;
	migrate_work(request, &channel);
	check_int(finals, 1);
	check(last.final);
	check_int(last.token, 4);
}

/* Somewhere that is no node: nothing is ever on it. */
#define NO_NODE 1000

TEST(pages_of_a_process_are_found_where_they_are)
{
	struct work_request request;

	start_child();
	request = request_for(NO_NODE, 0);
	run(&request);
	end_child();
	if (last.error == EPERM || last.error == ENOSYS || last.error == EACCES)
		test_skip("pages of other processes may not be looked at here");
	check_int(last.error, 0);
	check_int(last.pages.moved, 0);
	check_int(last.done_bytes, 0);
	/* Stack, heap and data of any program. */
	check(last.pages.already_there >= 10);
	check(last.pages.already_there < 100000);
	check_int(last.pages.refused, 0);
}

TEST(a_destination_that_is_no_node)
{
	struct work_request request;

	start_child();
	request = request_for(0, NO_NODE);
	run(&request);
	end_child();
	check_int(last.error, ENODEV);
}

TEST(another_process_of_that_pid)
{
	struct work_request request;

	start_child();
	request = request_for(NO_NODE, 0);
	request.start_ticks++;
	run(&request);
	check_int(last.error, ESRCH);
	request.start_ticks--;
	end_child();
	check_int(sysroot_open(NULL, &root), 0);
	run(&request);
	check_int(last.error, ESRCH);
	sysroot_done(&root);
}

/* Dead and not collected by its parent: it has a number, a start time, and no memory. */
TEST(a_zombie_has_no_pages)
{
	struct work_request request;
	siginfo_t info;

	start_child();
	request = request_for(NO_NODE, 0);
	kill(child, SIGKILL);
	check_int(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	run(&request);
	end_child();
	check_int(last.error, ESRCH);
}

/* With two nodes the move is real; with one there is nothing to choose. */
TEST(a_move_between_two_nodes)
{
	struct work_request request;
	struct nodes nodes;
	int from, to;

	start_child();
	check_int(nodes_read(&root, &nodes), 0);
	from = idset_next(&nodes.has_memory, 0);
	to = idset_next(&nodes.has_memory, (unsigned)from + 1);
	if (to < 0) {
		end_child();
		test_skip("this machine has one memory node");
	}
	for (int i = 0; i < 2; i++) {
		request = request_for((unsigned)(i ? to : from), (unsigned)(i ? from : to));
		run(&request);
		check_int(last.error, 0);
	}
	/* Whatever it had on the second node came back. */
	check(last.pages.moved > 0);
	check_int(last.done_bytes, last.pages.moved * (uint64_t)sysconf(_SC_PAGESIZE));
	end_child();
}
