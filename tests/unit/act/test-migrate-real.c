/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The move of a real process as far as one memory node can show it: every page is found, asked for
 * and accounted, none can go anywhere. The process runs another program: the address space of a
 * sanitized one is terabytes wide.
 */

#include "test.h"

#include "act/migrate_kernel.h"
#include "sys/nodes.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <numaif.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MPOL_F_RELATIVE_NODES
#define MPOL_F_RELATIVE_NODES (1 << 14) /* linux/mempolicy.h, which does not go with numaif.h */
#endif

static struct sysroot root;
static struct work_reply last;
static unsigned finals;
static pid_t child;
static bool prefers_node_0; /* the child */
static bool is_bound;	    /* likewise, to nodes that nobody can tell from outside */
static bool dies_meanwhile; /* at the first reply */

static int take_reply(void *context, const struct work_reply *reply)
{
	(void)context;
	if (dies_meanwhile && !reply->final)
		kill(child, SIGKILL);
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
		const unsigned long node_0 = 1;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* It is kept over execve(2), and numa_maps shows it for each mapping. */
		if (prefers_node_0 && set_mempolicy(MPOL_PREFERRED, &node_0, 64) < 0)
			_exit(2);
		if (is_bound && set_mempolicy(MPOL_BIND | MPOL_F_RELATIVE_NODES, &node_0, 64) < 0)
			_exit(2);
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

static const struct work_channel channel = { .poll_control = no_control,
					     .reply = take_reply,
					     .root = &root };

static void run(const struct work_request *request)
{
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

/* Only mappings whose policy prefers the node that is named. */
TEST(mappings_that_prefer_a_node)
{
	struct work_request request;
	uint64_t all;

	prefers_node_0 = true;
	start_child();
	prefers_node_0 = false;
	request = request_for(NO_NODE, 0);
	run(&request);
	all = last.pages.already_there;
	if (last.error != 0 || all == 0) {
		end_child();
		test_skip("pages of other processes may not be looked at here");
	}
	request.move.has_preferred = true;
	request.move.preferred = 0;
	run(&request);
	check_int(last.error, 0);
	check_int(last.pages.already_there, all);
	request.move.preferred = 1;
	run(&request);
	check_int(last.error, 0);
	check_int(last.pages.already_there, 0);
	end_child();

	start_child();
	request = request_for(NO_NODE, 0);
	request.move.has_preferred = true;
	run(&request);
	check_int(last.error, 0);
	check_int(last.pages.already_there, 0);
	end_child();
}

/* A bind that is not seen when a move is planned, as of one mapping of many: all of these. Of a
 * guest its command line has told. */
TEST(mappings_that_are_bound_stay)
{
	struct work_request request;

	is_bound = true;
	start_child();
	is_bound = false;
	request = request_for(NO_NODE, 0);
	request.move_shared = true;
	run(&request);
	if (last.error != 0 || last.pages.already_there == 0) {
		end_child();
		test_skip("pages of other processes may not be looked at here");
	}
	request.move_shared = false;
	run(&request);
	end_child();
	check_int(last.error, 0);
	check_int(last.pages.already_there, 0);
}

/* Two parts find together what one finds; pressure files are there or not. */
TEST(parts_of_a_process)
{
	struct work_request request;
	uint64_t all, parts = 0;

	start_child();
	request = request_for(NO_NODE, 0);
	run(&request);
	all = last.pages.already_there;
	strcpy(request.move.path, "no-such.slice");
	request.move.is_calm = true;
	request.move.parts = 2;
	for (request.move.part = 0; request.move.part < 2; request.move.part++) {
		run(&request);
		parts += last.pages.already_there;
		check(all == 0 || last.pages.already_there < all);
	}
	check_int(parts, all);
	end_child();
}

/* Memory of our own, of which nothing else is looked at. */
TEST(one_range_of_ourselves)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct own_memory memory = { .bytes = 40 << 20 };
	struct work_request request;

	check_int(sysroot_open(NULL, &root), 0);
	memory.pages = mmap(NULL, memory.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	check(memory.pages != MAP_FAILED);
	memset(memory.pages, 1, memory.bytes / 2);
	child = getpid();
	request = request_for(NO_NODE, 0);
	last = (struct work_reply){ 0 };
	migrate_kernel_run(&request, &channel, &memory);
	if (last.error == EPERM || last.error == ENOSYS)
		test_skip("pages may not be looked at here");
	check_int(last.error, 0);
	check_int(last.pages.already_there, memory.bytes / 2 / page);
	own_memory_done(&memory);
	sysroot_done(&root);
}

/* Pages here and there, from an odd address on, by one and by two who share them. */
TEST(whatever_is_there_is_found)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 40 << 20;
	struct work_request request;
	uint64_t there = 0, shared = 0;
	char *all = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct own_memory memory = { .pages = all + 3 * page, .bytes = bytes - 7 * page };

	check(all != MAP_FAILED);
	check_int(sysroot_open(NULL, &root), 0);
	(void)madvise(all, bytes, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < memory.bytes / page; i++) {
		if (i % 7 == 3 || i / 512 % 5 == 2)
			continue;
		((char *)memory.pages)[i * page] = 1;
		there++;
	}
	child = getpid();
	request = request_for(NO_NODE, 0);
	migrate_kernel_run(&request, &channel, &memory);
	if (last.error == EPERM || last.error == ENOSYS)
		test_skip("pages may not be looked at here");
	check_int(last.error, 0);
	check_int(last.pages.already_there, there);
	request.move.parts = 2;
	for (request.move.part = 0; request.move.part < 2; request.move.part++) {
		migrate_kernel_run(&request, &channel, &memory);
		check(last.pages.already_there >= there / 3);
		shared += last.pages.already_there;
	}
	check_int(shared, there);
	munmap(all, bytes);
	sysroot_done(&root);
}

static void trial(const struct work_request *request, int error)
{
	last = (struct work_reply){ 0 };
	finals = 0;
	migrate_trial_work(request, &channel);
	check_int(finals, 1);
	check_int(last.token, 4);
	check_int(last.error, error);
	check_int(last.done_bytes, 0);
}

TEST(a_trial_that_cannot_be)
{
	struct work_request request = { .kind = WORK_TRIAL, .token = 4, .to_node = NO_NODE };

	check_int(sysroot_open(NULL, &root), 0);
	trial(&request, EINVAL);
	request.bytes = UINT64_C(8) << 20;
	trial(&request, ENODEV);
	request.to_node = 0;
	trial(&request, EINVAL);
	request.from_node = NO_NODE;
	trial(&request, ENODEV);
	request.to_reserve_bytes = UINT64_C(1) << 60;
	trial(&request, ENOSPC);
	request.to_reserve_bytes = UINT64_MAX;
	trial(&request, EINVAL);
	sysroot_done(&root);
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

static bool has_two_nodes(int *ret_from, int *ret_to)
{
	struct nodes nodes;

	check_int(nodes_read(&root, &nodes), 0);
	*ret_from = idset_next(&nodes.has_memory, 0);
	*ret_to = idset_next(&nodes.has_memory, (unsigned)*ret_from + 1);
	return *ret_to >= 0;
}

TEST(a_trial_between_two_nodes)
{
	struct work_request request = { .kind = WORK_TRIAL,
					.token = 4,
					.bytes = UINT64_C(40) << 20,
					.chunk_bytes = UINT64_C(8) << 20 };
	int from, to;

	check_int(sysroot_open(NULL, &root), 0);
	if (!has_two_nodes(&from, &to))
		test_skip("this machine has one memory node");
	request.from_node = (unsigned)from;
	request.to_node = (unsigned)to;
	finals = 0;
	migrate_trial_work(&request, &channel);
	check_int(finals, 1);
	check_int(last.error, 0);
	check_int(last.done_bytes, request.bytes);
	check(last.moving_usec > 0 && last.longest_call_usec > 0);
	sysroot_done(&root);
}

/* It exits under the move. */
TEST(a_process_that_exits_between_two_nodes)
{
	struct work_request request;
	int from, to;

	start_child();
	if (!has_two_nodes(&from, &to)) {
		end_child();
		test_skip("this machine has one memory node");
	}
	request = request_for((unsigned)to, (unsigned)from);
	run(&request);
	request = request_for((unsigned)from, (unsigned)to);
	request.chunk_bytes = 4096;
	dies_meanwhile = true;
	run(&request);
	dies_meanwhile = false;
	check_int(last.error, ESRCH);
	end_child();
}

/* With two nodes the move is real; with one there is nothing to choose. */
TEST(a_move_between_two_nodes)
{
	struct work_request request;
	int from, to;

	start_child();
	if (!has_two_nodes(&from, &to)) {
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
