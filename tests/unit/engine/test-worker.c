/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Worker processes: what they are given, and what becomes of a request when one of them crashes,
 * hangs or is given up. */

#include "test.h"

#include "act/scratch-cgroup.h"
#include "engine/worker.h"
#include "sys/host_info.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a test request asks of its worker; carried in `bytes`. */
enum wish {
	WISH_ECHO, /* two replies, the second one final */
	WISH_CRASH,
	WISH_HANG,
	WISH_HANG_DEAF, /* and no signal but SIGKILL ends it */
	WISH_NO_ANSWER,
	WISH_FLOOD, /* more replies than a socket holds */
	WISH_UNTIL_CANCEL,
	WISH_DESCRIPTORS, /* how many are open, in done_bytes */
	WISH_PARENT,	  /* the parent's pid */
	WISH_RIGHTS,	  /* what it has of capabilities */
	WISH_PREPARED,	  /* was it prepared, and once */
};

/* In a worker. */
static unsigned prepared;

static void prepare(const struct sysroot *where)
{
	prepared += where->live;
}

static uint64_t count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	uint64_t n = 0;

	while (directory && readdir(directory))
		n++;
	if (directory)
		closedir(directory);
	/* ".", ".." and the directory's own. */
	return n - 3;
}

static uint64_t own_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	(void)syscall(SYS_capget, &header, data);
	return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

static void say(const struct work_channel *channel, const struct work_request *request, bool final,
		uint64_t done)
{
	const struct work_reply reply = { .token = request->token,
					  .final = final,
					  .done_bytes = done };

	(void)channel->reply(channel->context, &reply);
}

static void hang(void)
{
	for (;;)
		pause();
}

static void until_cancel(const struct work_request *request, const struct work_channel *channel)
{
	struct work_request message;
	uint64_t resized = 0;

	say(channel, request, false, 0);
	for (;;) {
		if (channel->poll_control(channel->context, &message) == 0) {
			poll(NULL, 0, 1);
			continue;
		}
		if (message.kind == WORK_CANCEL)
			break;
		resized = message.bytes;
	}
	say(channel, request, true, resized);
}

static void obey(const struct work_request *request, const struct work_channel *channel)
{
	sigset_t all;

	switch ((enum wish)request->bytes) {
	case WISH_ECHO:
		say(channel, request, false, 1);
		say(channel, request, true, (uint64_t)request->pid);
		say(channel, request, true, 999);
		break;
	case WISH_CRASH:
		raise(SIGKILL);
		break;
	case WISH_HANG_DEAF:
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		say(channel, request, false, 0);
		hang();
		break;
	case WISH_HANG:
		hang();
		break;
	case WISH_NO_ANSWER:
		break;
	case WISH_FLOOD:
		for (uint64_t i = 0; i < 5000; i++)
			say(channel, request, false, i);
		say(channel, request, true, 5000);
		break;
	case WISH_UNTIL_CANCEL:
		until_cancel(request, channel);
		break;
	case WISH_DESCRIPTORS:
		say(channel, request, true, count_descriptors());
		break;
	case WISH_PARENT:
		say(channel, request, true, (uint64_t)getppid());
		break;
	case WISH_RIGHTS:
		say(channel, request, true, own_rights());
		break;
	case WISH_PREPARED:
		say(channel, request, true, prepared);
		break;
	}
}

static const struct worker_handlers handlers = {
	.inspect = obey,
	.describe = obey,
	.migrate = obey,
	.trial = obey,
	.release = obey,
	.clerk = obey,
	.prepare_clerk = prepare,
};

static struct sysroot root;
static struct worker_pool *pool;
static struct work_port port;

static void open_pool(size_t migrators, size_t inspectors)
{
	const struct worker_counts counts = { .migrators = migrators, .inspectors = inspectors };

	check_int(sysroot_open(NULL, &root), 0);
	check_int(worker_pool_new_with(&root, &counts, &handlers, &pool), 0);
	port = worker_pool_port(pool);
}

static void open_clerks(size_t clerks)
{
	const struct worker_counts counts = { .clerks = clerks };

	check_int(sysroot_open(NULL, &root), 0);
	check_int(worker_pool_new_with(&root, &counts, &handlers, &pool), 0);
	port = worker_pool_clerk_port(pool);
}

static void close_pool(void)
{
	pool = worker_pool_free(pool);
	sysroot_done(&root);
	/* Nobody is left alive. One that a busy machine is slow to end is left dying by contract.
	 */
	for (int i = 0; i < 5000 && waitpid(-1, NULL, WNOHANG) >= 0; i++)
		poll(NULL, 0, 2);
	check_int(waitpid(-1, NULL, WNOHANG), -1);
	check_int(errno, ECHILD);
}

static struct work_request wish(enum work_kind kind, enum wish what)
{
	return (struct work_request){ .kind = kind, .token = 77, .pid = 4321, .bytes = what };
}

static int submit_kind(enum work_kind kind, enum wish what)
{
	const struct work_request request = wish(kind, what);
	int worker, r;

	r = port.submit(port.pool, &request, &worker);
	return r < 0 ? r : worker;
}

static int submit(enum wish what)
{
	return submit_kind(WORK_MIGRATE, what);
}

/* The next reply; the worker needs a moment for it. */
static int receive(int worker, struct work_reply *ret)
{
	for (int i = 0; i < 2500; i++) {
		int r = port.receive(port.pool, worker, ret);

		if (r != 0)
			return r;
		poll(NULL, 0, 2);
	}
	return 0;
}

static int inspected(usec_t now, struct work_request *request, struct work_reply *reply)
{
	for (int i = 0; i < 2500; i++) {
		int r = worker_pool_inspected(pool, now, request, reply);

		if (r != 0)
			return r;
		poll(NULL, 0, 2);
	}
	return 0;
}

TEST(a_request_is_answered)
{
	struct work_reply reply;
	int worker;

	open_pool(1, 0);
	worker = submit(WISH_ECHO);
	check(worker >= 0);
	/* One request at a time. */
	check_int(submit(WISH_ECHO), -EBUSY);
	check_int(receive(worker, &reply), 1);
	check(!reply.final);
	check_int(reply.token, 77);
	check_int(receive(worker, &reply), 1);
	check(reply.final);
	check_int(reply.done_bytes, 4321);
	port.release(port.pool, worker, false);

	/* What was said after the final reply is not taken for an answer to the next request. */
	worker = submit(WISH_PARENT);
	check_int(receive(worker, &reply), 1);
	check_int(reply.done_bytes, getpid());
	port.release(port.pool, worker, false);
	close_pool();
}

TEST(a_trial_is_a_migrators)
{
	const struct work_request request = wish(WORK_TRIAL, WISH_ECHO);
	struct work_reply reply;
	int worker;

	open_pool(1, 1);
	check_int(port.submit(port.pool, &request, &worker), 0);
	check_int(receive(worker, &reply), 1);
	check_int(receive(worker, &reply), 1);
	check(reply.final);
	check_int(reply.done_bytes, 4321);
	check_int(submit(WISH_ECHO), -EBUSY);
	port.release(port.pool, worker, false);
	close_pool();
}

TEST(inspectors_and_migrators_are_not_mixed)
{
	const struct work_request request = wish(WORK_INSPECT, WISH_ECHO);

	open_pool(1, 0);
	check_int(worker_pool_inspect(pool, &request, 0), -EBUSY);
	check(!worker_pool_is_inspecting(pool));
	close_pool();
	open_pool(0, 1);
	check_int(submit(WISH_ECHO), -EBUSY);
	close_pool();
}

TEST(control_messages_reach_a_running_request)
{
	struct work_request message = { .kind = WORK_RESIZE, .bytes = 5555 };
	struct work_reply reply;
	int worker;

	open_pool(1, 0);
	worker = submit(WISH_UNTIL_CANCEL);
	check_int(receive(worker, &reply), 1);
	check_int(port.send(port.pool, worker, &message), 0);
	message.kind = WORK_CANCEL;
	check_int(port.send(port.pool, worker, &message), 0);
	check_int(receive(worker, &reply), 1);
	check(reply.final);
	check_int(reply.done_bytes, 5555);
	/* Too late: it crosses the final reply, and is no concern of the next request. */
	check_int(port.send(port.pool, worker, &message), 0);
	port.release(port.pool, worker, false);
	check_int(port.send(port.pool, worker, &message), -EPIPE);
	worker = submit(WISH_UNTIL_CANCEL);
	check_int(receive(worker, &reply), 1);
	message.kind = WORK_RESIZE;
	message.bytes = 8;
	check_int(port.send(port.pool, worker, &message), 0);
	message.kind = WORK_CANCEL;
	check_int(port.send(port.pool, worker, &message), 0);
	check_int(receive(worker, &reply), 1);
	check_int(reply.done_bytes, 8);
	port.release(port.pool, worker, false);
	close_pool();
}

TEST(a_crash_is_told_and_the_worker_replaced)
{
	struct work_reply reply;
	int worker;

	open_pool(1, 0);
	worker = submit(WISH_CRASH);
	check_int(receive(worker, &reply), -EPIPE);
	check_int(receive(worker, &reply), -EPIPE);
	port.release(port.pool, worker, true);
	check_int(submit(WISH_ECHO), -EBUSY);
	check_int(worker_pool_replenish(pool), 1);
	check_int(worker_pool_replenish(pool), 0);
	worker = submit(WISH_ECHO);
	check_int(receive(worker, &reply), 1);
	port.release(port.pool, worker, true);
	close_pool();
}

/* It is dead before anybody notices: the request that finds out is not lost on it. */
TEST(one_that_dies_idle_is_replaced)
{
	struct work_reply reply;
	siginfo_t info = { 0 };
	int worker;

	open_pool(1, 0);
	worker = submit(WISH_CRASH);
	check(worker >= 0);
	check_int(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
	/* As if its final reply had been seen. */
	port.release(port.pool, worker, false);
	check_int(submit(WISH_ECHO), -EBUSY);
	check_int(worker_pool_replenish(pool), 1);
	worker = submit(WISH_PARENT);
	check_int(receive(worker, &reply), 1);
	port.release(port.pool, worker, false);

	worker = submit(WISH_CRASH);
	check(worker >= 0);
	check_int(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
	port.release(port.pool, worker, false);
	/* Or a calm round finds out. */
	check_int(worker_pool_replenish(pool), 1);
	worker = submit(WISH_PARENT);
	check_int(receive(worker, &reply), 1);
	check_int(reply.done_bytes, getpid());
	close_pool();
}

TEST(a_handler_without_an_answer_is_an_error)
{
	struct work_reply reply;
	int worker;

	open_pool(1, 0);
	worker = submit(WISH_NO_ANSWER);
	check_int(receive(worker, &reply), 1);
	check(reply.final);
	check_int(reply.error, EPROTO);
	port.release(port.pool, worker, false);
	close_pool();
}

/* Intermediate replies that nobody reads are dropped, the final one is not. */
TEST(a_flood_of_replies_loses_nothing_that_matters)
{
	struct work_reply reply = { 0 };
	unsigned count = 0;
	int worker;

	open_pool(1, 0);
	worker = submit(WISH_FLOOD);
	while (!reply.final) {
		check_int(receive(worker, &reply), 1);
		count++;
	}
	check_int(reply.done_bytes, 5000);
	check(count >= 1);
	port.release(port.pool, worker, false);
	close_pool();
}

TEST(an_inspection_comes_back_with_its_request)
{
	const struct work_request request = wish(WORK_INSPECT, WISH_ECHO);
	struct work_request back;
	struct work_reply reply;

	open_pool(0, 2);
	check_int(worker_pool_inspect(pool, &request, 0), 0);
	check(worker_pool_is_inspecting(pool));
	check_int(inspected(0, &back, &reply), 1);
	check_int(back.pid, 4321);
	check_int(back.token, 77);
	check_int(reply.token, 77);
	check_int(reply.error, 0);
	check(!worker_pool_is_inspecting(pool));
	check_int(worker_pool_inspected(pool, 0, &back, &reply), 0);
	close_pool();
}

TEST(a_stuck_inspector_times_out_and_is_replaced)
{
	static const enum wish wishes[] = { WISH_HANG, WISH_HANG_DEAF };
	struct work_request request, back;
	struct work_reply reply;

	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
		open_pool(0, 1);
		request = wish(WORK_INSPECT, wishes[i]);
		check_int(worker_pool_inspect(pool, &request, 1000), 0);
		check_int(worker_pool_inspected(pool, 1000 + WORKER_INSPECTION_MAX_USEC - 1, &back,
						&reply),
			  0);
		check_int(worker_pool_inspected(pool, 1000 + WORKER_INSPECTION_MAX_USEC, &back,
						&reply),
			  1);
		check_int(reply.error, ETIMEDOUT);
		check(reply.final);
		check_int(back.pid, 4321);
		check_int(worker_pool_inspect(pool, &request, 1000), -EBUSY);
		check_int(worker_pool_replenish(pool), 1);
		request = wish(WORK_INSPECT, WISH_ECHO);
		check_int(worker_pool_inspect(pool, &request, 1000), 0);
		check_int(inspected(1000, &back, &reply), 1);
		check_int(reply.error, 0);
		close_pool();
	}
}

TEST(a_dead_inspector_is_told)
{
	const struct work_request request = wish(WORK_INSPECT, WISH_CRASH);
	struct work_request back;
	struct work_reply reply;

	open_pool(0, 1);
	check_int(worker_pool_inspect(pool, &request, 0), 0);
	check_int(inspected(0, &back, &reply), 1);
	check_int(reply.error, EPIPE);
	check_int(worker_pool_replenish(pool), 1);
	close_pool();
}

TEST(a_worker_inherits_nothing)
{
	int extra[40];
	struct work_reply reply;
	int worker;

	for (size_t i = 0; i < ARRAY_SIZE(extra); i++)
		extra[i] = open("/dev/null", O_RDONLY);
	open_pool(3, 0);
	worker = submit(WISH_DESCRIPTORS);
	check_int(receive(worker, &reply), 1);
	/* Standard streams, its socket, and the root's. */
	check(reply.done_bytes <= 5);
	check(fcntl(extra[0], F_GETFD) >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(extra); i++)
		close(extra[i]);
	close_pool();
}

TEST(nothing_leaks_over_many_deaths)
{
	struct work_reply reply;
	uint64_t before = count_descriptors();
	int worker;

	open_pool(2, 0);
	for (int i = 0; i < 20; i++) {
		worker = submit(i % 2 ? WISH_HANG : WISH_CRASH);
		check(worker >= 0);
		if (i % 2 == 0)
			check_int(receive(worker, &reply), -EPIPE);
		port.release(port.pool, worker, true);
		(void)worker_pool_replenish(pool);
	}
	close_pool();
	check_int(count_descriptors(), before);
}

/* The agent is killed: its workers, busy or idle, go with it. They become this process's children,
 * so that their end is seen. */
TEST(workers_die_with_the_agent)
{
	unsigned ended = 0;
	pid_t agent;
	int status;

	check_int(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	agent = fork();
	check(agent >= 0);
	if (agent == 0) {
		const struct worker_counts counts = { .migrators = 2 };
		struct work_reply reply;

		if (sysroot_open(NULL, &root) < 0 ||
		    worker_pool_new_with(&root, &counts, &handlers, &pool) < 0)
			_exit(1);
		port = worker_pool_port(pool);
		if (receive(submit(WISH_HANG_DEAF), &reply) <= 0)
			_exit(1);
		raise(SIGKILL);
	}
	check_int(waitpid(agent, &status, 0), agent);
	check(WIFSIGNALED(status));
	for (int i = 0; i < 2500 && ended < 2; i++) {
		if (waitpid(-1, NULL, WNOHANG) > 0)
			ended++;
		else
			poll(NULL, 0, 2);
	}
	check_int(ended, 2);
	check_int(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

/* Asked and waited for. */

struct heard {
	unsigned replies;
	uint64_t last;
	bool final;
};

static void hear(void *context, const struct work_reply *reply)
{
	struct heard *heard = context;

	heard->replies++;
	heard->last = reply->done_bytes;
	heard->final = reply->final;
}

static int ask(enum wish what, usec_t timeout, struct heard *heard)
{
	const struct work_request request = wish(WORK_DESCRIBE, what);

	*heard = (struct heard){ 0 };
	return worker_pool_ask(pool, &request, timeout, hear, heard);
}

TEST(a_question_is_waited_for)
{
	struct heard heard;

	open_pool(0, 1);
	check_int(ask(WISH_ECHO, 10 * USEC_PER_SEC, &heard), 0);
	check_int(heard.replies, 2);
	check(heard.final);
	check_int(heard.last, 4321);
	check_int(ask(WISH_NO_ANSWER, 10 * USEC_PER_SEC, &heard), -EPROTO);
	check(!worker_pool_is_inspecting(pool));
	check_int(ask(WISH_ECHO, 10 * USEC_PER_SEC, &heard), 0);
	close_pool();
}

TEST(a_question_to_one_that_hangs_ends)
{
	struct heard heard;

	open_pool(0, 1);
	check_int(ask(WISH_HANG_DEAF, 50 * USEC_PER_MSEC, &heard), -ETIMEDOUT);
	/* What it had said before then was heard, or it had not come to that. */
	check(heard.replies <= 1 && !heard.final);
	check(!worker_pool_is_inspecting(pool));
	/* Another one takes its place at once. */
	check_int(ask(WISH_PARENT, 10 * USEC_PER_SEC, &heard), 0);
	check_int(heard.last, getpid());
	check_int(ask(WISH_CRASH, 10 * USEC_PER_SEC, &heard), -EPIPE);
	check(!worker_pool_is_inspecting(pool));
	check_int(ask(WISH_ECHO, 10 * USEC_PER_SEC, &heard), 0);
	close_pool();
}

TEST(without_an_inspector_there_is_no_answer)
{
	struct heard heard;

	open_pool(1, 0);
	check_int(ask(WISH_ECHO, 10 * USEC_PER_SEC, &heard), -EBUSY);
	check_int(heard.replies, 0);
	close_pool();
}

/* The real worker, on this very process. */
static void keep_task(void *context, const struct work_reply *reply)
{
	if (reply->description.part == DESCRIPTION_TASK)
		*(enum memory_policy *)context = reply->description.use.policy;
}

TEST(the_real_worker_describes_a_process)
{
	enum memory_policy policy = MEMORY_POLICY_UNKNOWN;
	struct work_request request = { .kind = WORK_DESCRIBE, .pid = getpid() };
	const struct worker_counts counts = { .inspectors = 1 };
	struct proc_stat stat;
	int fd;

	check_int(sysroot_open(NULL, &root), 0);
	fd = proc_pid_open(&root, getpid());
	check(fd >= 0);
	check_int(proc_stat_read(fd, &stat), 0);
	close(fd);
	request.start_ticks = stat.start_ticks;
	check_int(worker_pool_new(&root, &counts, &pool), 0);

	int r = worker_pool_ask(pool, &request, 10 * USEC_PER_SEC, keep_task, &policy);

	/* A kernel without NUMA has no such file. */
	check(r == 0 || r == -ENOENT);
	check(r == -ENOENT || policy != MEMORY_POLICY_UNKNOWN);
	request.start_ticks++;
	check_int(worker_pool_ask(pool, &request, 10 * USEC_PER_SEC, keep_task, &policy), -ESRCH);
	close_pool();
}

/* On most machines that build there is nowhere to move to, and the real one says that. */
TEST(the_real_worker_makes_trials)
{
	const struct worker_counts counts = { .migrators = 1 };
	const struct work_request request = { .kind = WORK_TRIAL,
					      .token = 77,
					      .to_node = IDSET_BITS - 1,
					      .bytes = 2 << 20,
					      .chunk_bytes = 1 << 20 };
	struct work_reply reply;
	int worker;

	check_int(sysroot_open(NULL, &root), 0);
	check_int(worker_pool_new(&root, &counts, &pool), 0);
	port = worker_pool_port(pool);
	check_int(port.submit(port.pool, &request, &worker), 0);
	check_int(receive(worker, &reply), 1);
	check(reply.final);
	check_int(reply.token, 77);
	check_int(reply.error, ENODEV);
	port.release(port.pool, worker, false);
	close_pool();
}

/* Clerks. */

TEST(clerks_take_what_is_theirs_and_nobody_elses)
{
	static const enum work_kind kinds[] = { WORK_SET, WORK_RECLAIM, WORK_COMPACT,
						WORK_DROP_SLAB, WORK_UNIT };
	const struct work_request request = wish(WORK_INSPECT, WISH_ECHO);
	struct work_reply reply;
	int worker;

	open_clerks(1);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		worker = submit_kind(kinds[i], WISH_PARENT);
		check(worker >= 0);
		check_int(submit_kind(kinds[i], WISH_PARENT), -EBUSY);
		check_int(receive(worker, &reply), 1);
		check_int(reply.done_bytes, getpid());
		port.release(port.pool, worker, false);
	}
	check_int(worker_pool_inspect(pool, &request, 0), -EBUSY);
	port = worker_pool_port(pool);
	check_int(submit(WISH_ECHO), -EBUSY);
	close_pool();
	open_pool(1, 1);
	port = worker_pool_clerk_port(pool);
	check_int(submit_kind(WORK_SET, WISH_ECHO), -EBUSY);
	close_pool();
}

TEST(a_clerk_that_hangs_is_given_up_and_replaced)
{
	struct work_reply reply;
	int worker;

	open_clerks(1);
	worker = submit_kind(WORK_SET, WISH_HANG_DEAF);
	check_int(receive(worker, &reply), 1);
	port.release(port.pool, worker, true);
	check_int(submit_kind(WORK_SET, WISH_PARENT), -EBUSY);
	check_int(worker_pool_replenish(pool), 1);
	worker = submit_kind(WORK_SET, WISH_PARENT);
	check_int(receive(worker, &reply), 1);
	check_int(reply.done_bytes, getpid());
	port.release(port.pool, worker, false);
	close_pool();
}

TEST(of_several_clerks_one_is_kept_for_settings)
{
	static const enum work_kind slow[] = { WORK_UNIT, WORK_RECLAIM, WORK_COMPACT,
					       WORK_DROP_SLAB };
	struct work_reply reply;
	int busy, worker;

	open_clerks(2);
	for (size_t i = 0; i < ARRAY_SIZE(slow); i++) {
		busy = submit_kind(slow[i], WISH_UNTIL_CANCEL);
		check(busy >= 0);
		for (size_t k = 0; k < ARRAY_SIZE(slow); k++)
			check_int(submit_kind(slow[k], WISH_PARENT), -EBUSY);
		/* A setting does not wait for it, and another one does not for the first. */
		worker = submit_kind(WORK_SET, WISH_PARENT);
		check(worker >= 0 && worker != busy);
		check_int(receive(worker, &reply), 1);
		port.release(port.pool, worker, false);
		port.release(port.pool, busy, true);
		check_int(worker_pool_replenish(pool), 1);
	}
	/* Nor does a job wait for one setting; two of them take both. */
	worker = submit_kind(WORK_SET, WISH_UNTIL_CANCEL);
	busy = submit_kind(WORK_UNIT, WISH_PARENT);
	check(worker >= 0 && busy >= 0 && worker != busy);
	check_int(receive(busy, &reply), 1);
	port.release(port.pool, busy, false);
	check(submit_kind(WORK_SET, WISH_UNTIL_CANCEL) >= 0);
	check_int(submit_kind(WORK_SET, WISH_PARENT), -EBUSY);
	check_int(submit_kind(WORK_UNIT, WISH_PARENT), -EBUSY);
	close_pool();
}

TEST(a_clerk_is_prepared_once)
{
	struct work_reply reply;
	int worker;

	open_clerks(1);
	for (int i = 0; i < 2; i++) {
		worker = submit_kind(WORK_SET, WISH_PREPARED);
		check_int(receive(worker, &reply), 1);
		check_int(reply.done_bytes, 1);
		port.release(port.pool, worker, false);
	}
	close_pool();
	/* Others have nothing to prepare. */
	open_pool(1, 0);
	worker = submit(WISH_PREPARED);
	check_int(receive(worker, &reply), 1);
	check_int(reply.done_bytes, 0);
	port.release(port.pool, worker, false);
	close_pool();
}

TEST(a_clerk_has_few_rights)
{
	/* Without systemd it starts canaries, under user ids of their own. */
	const uint64_t managers = UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETGID |
				  UINT64_C(1) << CAP_SYS_RESOURCE | UINT64_C(1) << CAP_KILL;
	uint64_t enough = UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_IPC_LOCK;
	struct work_reply reply;
	uint64_t before = own_rights();
	int worker;

	open_clerks(1);
	if (!host_info_has_systemd(&root))
		enough |= managers;
	worker = submit_kind(WORK_SET, WISH_RIGHTS);
	check_int(receive(worker, &reply), 1);
	check_int(reply.done_bytes, before & enough);
	port.release(port.pool, worker, false);
	close_pool();
	/* Its neighbours keep theirs, as does the agent. */
	open_pool(1, 0);
	worker = submit(WISH_RIGHTS);
	check_int(receive(worker, &reply), 1);
	check_int(reply.done_bytes, before);
	port.release(port.pool, worker, false);
	close_pool();
}

static int set_real(const struct scratch *s, int64_t frozen, struct work_reply *reply)
{
	struct work_request request = {
		.kind = WORK_SET,
		.token = 77,
		.deadline_usec = 10 * USEC_PER_SEC,
		.setting = { .on = { .id = SETTING_FREEZE, .key = s->inode },
			     .value.number = frozen,
			     .owner = OWNER_NOBODY },
	};
	int worker, r;

	strcpy(request.setting.path, s->path);
	check_int(port.submit(port.pool, &request, &worker), 0);
	r = receive(worker, reply);
	port.release(port.pool, worker, r <= 0);
	return r > 0 ? -reply->error : -EPIPE;
}

static bool is_frozen(const struct scratch *s)
{
	char text[128];

	return cgroup_read_file(s->dir_fd, "cgroup.events", text, sizeof(text)) > 0 &&
	       strstr(text, "frozen 1") != NULL;
}

/* The real one, on a cgroup that nobody owns. */
TEST(the_real_clerk_sets_what_nobody_owns)
{
	const struct worker_counts counts = { .clerks = 1 };
	struct scratch scratch;
	struct work_reply reply;
	pid_t pid;

	scratch_open(&scratch, "clerk");
	pid = scratch_child(&scratch, NULL, false);
	check_int(sysroot_open(NULL, &root), 0);
	check_int(worker_pool_new(&root, &counts, &pool), 0);
	port = worker_pool_clerk_port(pool);
	if (set_real(&scratch, 1, &reply) == -ENOENT) {
		close_pool();
		scratch_close(&scratch);
		test_skip("the control groups that a clerk finds are others");
	}
	check_int(reply.error, 0);
	check(reply.in_force_known);
	check_int(reply.in_force.number, 1);
	for (int i = 0; i < 2500 && !is_frozen(&scratch); i++)
		poll(NULL, 0, 2);
	check(is_frozen(&scratch));
	check_int(set_real(&scratch, 1, &reply), -EALREADY);
	check_int(set_real(&scratch, 0, &reply), 0);
	for (int i = 0; i < 2500 && is_frozen(&scratch); i++)
		poll(NULL, 0, 2);
	check(!is_frozen(&scratch));
	check(scratch_lives(pid));
	scratch.inode++;
	check_int(set_real(&scratch, 1, &reply), -ESTALE);
	check(!is_frozen(&scratch));
	kill(pid, SIGKILL);
	check_int(waitpid(pid, NULL, 0), pid);
	scratch.children[0] = 0;
	close_pool();
	scratch_close(&scratch);
}
