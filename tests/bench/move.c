// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Moves the memory of a holder (hold.c) between two nodes, in turn by numactl's migratepages and by
 * the agent's own worker code, in one process and in two: the same portions, rests and accounts as
 * in the agent. What a call takes and what a rest is timed here, around the functions of sys/ that
 * make them, so that it holds whatever the workers say of themselves.
 *
 * The floor is what the call itself costs: addresses that are known beforehand are named to
 * move_pages(2), one call after the other, by one process that does nothing else.
 *
 * Prints a line for each move:
 *
 *   PART MOVER ROUND FROM BYTES LEFT USEC CALLS LONGEST MEDIAN MOVING RESTING TOLD HUGE HUGE_AFTER
 *   WAIT WORKED
 *
 * BYTES arrived, by asking where each page is, and LEFT stayed; LONGEST and MEDIAN call, all time
 * in such calls (MOVING), all rests; TOLD is what the workers say they spent on finding pages;
 * huge pages before and after; the holder's longest step meanwhile (WAIT); from begin to end of
 * each worker (WORKED). Times in us, of all workers together but for USEC, huge pages in KiB.
 */
#include "hold.h"

#include "act/migrate_apply.h"
#include "act/remedy.h"
#include "sys/clock.h"
#include "sys/move_pages.h"
#include "sys/proc_pid.h"
#include "sys/sysroot.h"
#include "util/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS_MAX   2
#define CALLS_MAX     65536
#define RESERVE_BYTES (UINT64_C(32) << 20)
#define STARTS	      3
/* Of the floor, in a call: where more make it no faster. */
#define FLOOR_PAGES 2048
#define FLOOR_HUGE  8
#define HUGE_BYTES  (UINT64_C(2) << 20)

enum mover {
	MIGRATEPAGES,
	ONE_WORKER,
	TWO_WORKERS,
	FLOOR,
	MOVERS,
	/* What a holder waits for without anybody's doing; as long as the last move took. */
	NOBODY = MOVERS,
};

static const char *const mover_names[] = { "migratepages", "one", "two", "floor", "nobody" };

/* Written by a worker, read when it has ended. */
struct worker {
	usec_t ended_usec;
	usec_t rested_usec;
	struct work_reply reply;
	size_t calls;
	uint32_t call_usec[CALLS_MAX];
};

struct move {
	uint64_t moved_bytes;
	uint64_t left_bytes;
	usec_t usec;
	size_t calls;
	usec_t longest_usec;
	usec_t median_usec;
	usec_t moving_usec;
	usec_t resting_usec;
	usec_t told_usec;
	uint64_t huge_kib;
	uint64_t huge_after_kib;
	usec_t wait_usec;
	usec_t worked_usec;
};

static struct sysroot root;
static struct worker *workers; /* shared with them */
static struct worker *self;
static const char *hold_program;
static const char *cgroup_directory; /* "": none */
static const char *cgroup_path;

static _Noreturn _printf_(1, 2) void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("move: ", stderr);
	(void)vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(EXIT_FAILURE);
}

static void *share(size_t bytes, int fd)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (at == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	return at;
}

/* --- the calls that move, and the rests, as the linker puts these in their place */

int __real_move_pages_to(const struct sysroot *r, pid_t pid, void *const *pages, size_t count,
			 unsigned node, bool all, int *ret_status);
int __wrap_move_pages_to(const struct sysroot *r, pid_t pid, void *const *pages, size_t count,
			 unsigned node, bool all, int *ret_status);
void __real_clock_sleep(usec_t usec);
void __wrap_clock_sleep(usec_t usec);

int __wrap_move_pages_to(const struct sysroot *r, pid_t pid, void *const *pages, size_t count,
			 unsigned node, bool all, int *ret_status)
{
	usec_t begun = clock_monotonic_usec();
	int result = __real_move_pages_to(r, pid, pages, count, node, all, ret_status);

	if (self->calls < CALLS_MAX)
		self->call_usec[self->calls++] = (uint32_t)(clock_monotonic_usec() - begun);
	return result;
}

void __wrap_clock_sleep(usec_t usec)
{
	usec_t begun = clock_monotonic_usec();

	__real_clock_sleep(usec);
	if (self)
		self->rested_usec += clock_monotonic_usec() - begun;
}

/* --- the holder */

struct held {
	pid_t pid;
	uint64_t start_ticks;
	struct holder *holder;
};

/* It has hardly any memory, all of it on node 1. */
static struct held small_one;

static void enter_cgroup(void)
{
	char path[PATH_BYTES];
	int fd;

	if (cgroup_directory[0] == '\0')
		return;
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup_directory);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		_exit(EXIT_FAILURE);
	close(fd);
}

static void check_alive(const struct held *held)
{
	if (waitpid(held->pid, NULL, WNOHANG) != 0)
		die("the holder ended");
}

static struct held hold(const char *kind, const char *mib, const char *activity)
{
	struct held held = { 0 };
	struct proc_stat stat;
	char number[16];
	int pid_fd, fd = memfd_create("holder", 0);

	if (fd < 0 || ftruncate(fd, sizeof(*held.holder)) < 0)
		die("memfd: %s", strerror(errno));
	held.holder = share(sizeof(*held.holder), fd);
	held.pid = fork();
	if (held.pid == 0) {
		enter_cgroup();
		(void)snprintf(number, sizeof(number), "%d", fd);
		(void)execl(hold_program, "hold", number, kind, mib, "0", activity, NULL);
		_exit(EXIT_FAILURE);
	}
	close(fd);
	while (atomic_load(&held.holder->bytes) == 0) {
		check_alive(&held);
		clock_sleep(USEC_PER_MSEC);
	}
	pid_fd = proc_pid_open(&root, held.pid);
	if (pid_fd < 0 || proc_stat_read(pid_fd, &stat) < 0)
		die("the holder's stat");
	close(pid_fd);
	held.start_ticks = stat.start_ticks;
	return held;
}

static void let_go(struct held *held)
{
	(void)kill(held->pid, SIGKILL);
	(void)waitpid(held->pid, NULL, 0);
	(void)munmap(held->holder, sizeof(*held->holder));
}

static uint64_t bytes_on(const struct held *held, unsigned node)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), found = 0;
	uint64_t end = held->holder->address + held->holder->bytes;
	void *pages[MOVE_PAGES_MAX];
	int nodes[MOVE_PAGES_MAX];
	size_t count = 0;

	for (uint64_t at = held->holder->address; at < end; at += page) {
		pages[count++] = (void *)(uintptr_t)at;
		if (count < MOVE_PAGES_MAX && at + page < end)
			continue;
		if (move_pages_query(&root, held->pid, pages, count, nodes) < 0)
			die("where the pages are cannot be asked");
		for (size_t i = 0; i < count; i++)
			found += nodes[i] == (int)node ? page : 0;
		count = 0;
	}
	return found;
}

static uint64_t huge_kib(const struct held *held)
{
	static char text[65536];
	int pid_fd = proc_pid_open(&root, held->pid);
	ssize_t n = pid_fd < 0 ? -1 : proc_pid_read(pid_fd, "smaps_rollup", text, sizeof(text) - 1);
	const char *line;

	closep(&pid_fd);
	if (n < 0)
		die("smaps_rollup cannot be read");
	text[n] = '\0';
	line = strstr(text, "AnonHugePages:");
	return line ? strtoull(line + strlen("AnonHugePages:"), NULL, 10) : 0;
}

static void open_window(const struct held *held, bool is_still)
{
	uint64_t window = atomic_fetch_add(&held->holder->window, 1) + 1;

	while (!is_still && atomic_load(&held->holder->seen) != window) {
		check_alive(held);
		clock_sleep(USEC_PER_MSEC);
	}
}

/* A step that was under way at the end counts as well. */
static usec_t close_window(const struct held *held, bool is_still)
{
	uint64_t rounds = atomic_load(&held->holder->rounds);

	while (!is_still && atomic_load(&held->holder->rounds) < rounds + 2) {
		check_alive(held);
		clock_sleep(USEC_PER_MSEC);
	}
	return atomic_load(&held->holder->longest_nsec) / 1000;
}

/* --- numactl's */

static usec_t run_tool(pid_t target, unsigned from, unsigned to)
{
	char pid[16], source[16], destination[16];
	usec_t begun = clock_monotonic_usec();
	pid_t tool = fork();
	int status;

	if (tool == 0) {
		(void)snprintf(pid, sizeof(pid), "%d", target);
		(void)snprintf(source, sizeof(source), "%u", from);
		(void)snprintf(destination, sizeof(destination), "%u", to);
		(void)execlp("migratepages", "migratepages", pid, source, destination, NULL);
		_exit(EXIT_FAILURE);
	}
	if (waitpid(tool, &status, 0) < 0 || status != 0)
		die("migratepages failed");
	return clock_monotonic_usec() - begun;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* On a process that has nothing there to be moved, each time anew: it depends on what else this
 * machine's processors have to do. */
static usec_t measure_start(void)
{
	uint32_t taken[STARTS];

	for (size_t i = 0; i < STARTS; i++)
		taken[i] = (uint32_t)run_tool(small_one.pid, 0, 1);
	qsort(taken, STARTS, sizeof(taken[0]), compare);
	return taken[STARTS / 2];
}

static void move_by_tool(const struct held *held, unsigned from, usec_t start, struct move *move)
{
	usec_t took = run_tool(held->pid, from, 1 - from);

	move->usec = took > start ? took - start : 1;
	move->calls = 1;
	move->longest_usec = move->median_usec = move->moving_usec = move->worked_usec = move->usec;
}

/* --- ours */

static int poll_control(void *context, struct work_request *ret_request)
{
	(void)context;
	(void)ret_request;
	return 0;
}

static int take_reply(void *context, const struct work_reply *reply)
{
	struct worker *worker = context;

	worker->reply = *reply;
	if (reply->final)
		worker->ended_usec = clock_monotonic_usec();
	return 0;
}

static struct work_request make_request(const struct held *held, unsigned from, unsigned part,
					unsigned parts)
{
	struct work_request request;

	memset(&request, 0, sizeof(request));
	request.kind = WORK_MIGRATE;
	request.pid = held->pid;
	request.start_ticks = held->start_ticks;
	request.from_node = from;
	request.to_node = 1 - from;
	/* All of it, and what else the process has. */
	request.bytes = held->holder->bytes + (UINT64_C(64) << 20);
	request.chunk_bytes = MIGRATE_CHUNK_BYTES;
	request.pause_usec = MIGRATE_PAUSE_USEC;
	request.to_reserve_bytes = RESERVE_BYTES;
	(void)snprintf(request.move.path, sizeof(request.move.path), "%s", cgroup_path);
	request.move.part = part;
	request.move.parts = parts;
	return request;
}

typedef void (*work_fn)(const struct work_request *request, const struct work_channel *channel);

/* Waits for a byte, as one that is forked beforehand waits for its request. */
static pid_t fork_worker(unsigned part, const struct work_request *request, work_fn work, int go)
{
	struct work_channel channel = {
		.poll_control = poll_control,
		.reply = take_reply,
		.context = &workers[part],
		.root = &root,
	};
	pid_t pid = fork();
	char byte;

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid != 0)
		return pid;
	self = &workers[part];
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 || read(go, &byte, 1) != 1)
		_exit(EXIT_FAILURE);
	work(request, &channel);
	_exit(EXIT_SUCCESS);
}

static void add_up(const struct worker *worker, usec_t begun, struct move *move, uint32_t *calls)
{
	move->usec = MAX_OF(move->usec, worker->ended_usec - begun);
	move->worked_usec += worker->ended_usec - begun;
	move->resting_usec += worker->rested_usec;
	move->told_usec += worker->reply.finding_usec;
	for (size_t i = 0; i < worker->calls; i++) {
		move->longest_usec = MAX_OF(move->longest_usec, (usec_t)worker->call_usec[i]);
		move->moving_usec += worker->call_usec[i];
		calls[move->calls++] = worker->call_usec[i];
	}
}

static struct {
	size_t count;
	size_t portion;
	void **pages;
} floor_of;

static void floor_work(const struct work_request *request, const struct work_channel *channel)
{
	struct work_reply reply = { .final = true };
	int status[FLOOR_PAGES];

	for (size_t at = 0; at < floor_of.count; at += floor_of.portion) {
		size_t count = MIN_OF(floor_of.count - at, floor_of.portion);

		if (move_pages_to(&root, request->pid, floor_of.pages + at, count, request->to_node,
				  false, status) != 0)
			reply.error = EIO;
	}
	(void)channel->reply(channel->context, &reply);
}

static void prepare_floor(const struct held *held, bool huge)
{
	const uint64_t step = huge ? HUGE_BYTES : (uint64_t)sysconf(_SC_PAGESIZE);

	floor_of.count = (size_t)(held->holder->bytes / step);
	floor_of.portion = huge ? FLOOR_HUGE : FLOOR_PAGES;
	free(floor_of.pages);
	floor_of.pages = calloc(floor_of.count, sizeof(*floor_of.pages));
	if (!floor_of.pages)
		die("no memory");
	for (size_t i = 0; i < floor_of.count; i++)
		floor_of.pages[i] = (void *)(uintptr_t)(held->holder->address + i * step);
}

static void move_by_calls(const struct held *held, unsigned from, unsigned parts, work_fn work,
			  struct move *move)
{
	static uint32_t calls[WORKERS_MAX * CALLS_MAX];
	struct work_request requests[WORKERS_MAX];
	pid_t pids[WORKERS_MAX];
	int go[2], status;
	usec_t begun;

	if (pipe2(go, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	for (unsigned i = 0; i < parts; i++) {
		workers[i].ended_usec = workers[i].rested_usec = 0;
		workers[i].calls = 0;
		workers[i].reply = (struct work_reply){ 0 };
		requests[i] = make_request(held, from, i, parts > 1 ? parts : 0);
		pids[i] = fork_worker(i, &requests[i], work, go[0]);
	}
	/* They are ready when they wait. */
	clock_sleep(20 * USEC_PER_MSEC);
	begun = clock_monotonic_usec();
	if (write(go[1], "go", parts) != (ssize_t)parts)
		die("write: %s", strerror(errno));
	for (unsigned i = 0; i < parts; i++)
		if (waitpid(pids[i], &status, 0) < 0 || status != 0 || !workers[i].reply.final)
			die("a worker ended with status %d", status);
	close(go[0]);
	close(go[1]);
	for (unsigned i = 0; i < parts; i++) {
		if (workers[i].reply.error != 0)
			die("a worker says: %s", strerror(workers[i].reply.error));
		add_up(&workers[i], begun, move, calls);
	}
	qsort(calls, move->calls, sizeof(calls[0]), compare);
	move->median_usec = move->calls > 0 ? calls[move->calls / 2] : 0;
}

/* --- the parts */

static struct move move_once(const struct held *held, enum mover mover, unsigned from,
			     bool is_still)
{
	static usec_t last_usec;
	struct move move = { 0 };
	uint64_t there = bytes_on(held, 1 - from);
	usec_t start = mover == MIGRATEPAGES ? measure_start() : 0;

	move.huge_kib = huge_kib(held);
	if (mover == FLOOR)
		prepare_floor(held, move.huge_kib > 0);
	open_window(held, is_still);
	if (mover == NOBODY)
		clock_sleep(last_usec);
	else if (mover == MIGRATEPAGES)
		move_by_tool(held, from, start, &move);
	else
		move_by_calls(held, from, mover == TWO_WORKERS ? 2 : 1,
			      mover == FLOOR ? floor_work : migrate_work, &move);
	move.wait_usec = close_window(held, is_still);
	move.moved_bytes = bytes_on(held, 1 - from) - there;
	move.left_bytes = bytes_on(held, from);
	move.huge_after_kib = huge_kib(held);
	last_usec = move.usec;
	return move;
}

static void print_move(const char *part, enum mover mover, unsigned round, unsigned from,
		       const struct move *m)
{
	printf("%s %s %u %u %llu %llu %llu %zu %llu %llu %llu %llu %llu %llu %llu %llu %llu\n",
	       part, mover_names[mover], round, from, (unsigned long long)m->moved_bytes,
	       (unsigned long long)m->left_bytes, (unsigned long long)m->usec, m->calls,
	       (unsigned long long)m->longest_usec, (unsigned long long)m->median_usec,
	       (unsigned long long)m->moving_usec, (unsigned long long)m->resting_usec,
	       (unsigned long long)m->told_usec, (unsigned long long)m->huge_kib,
	       (unsigned long long)m->huge_after_kib, (unsigned long long)m->wait_usec,
	       (unsigned long long)m->worked_usec);
	(void)fflush(stdout);
}

/* There and back, so that each starts with memory where the one before found it. Whose turn it is
 * first changes. */
static void measure_there_and_back(const char *part, const char *mib, const char *activity,
				   unsigned rounds)
{
	struct held held = hold("small", mib, activity);
	bool is_still = strcmp(activity, "still") == 0;

	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < MOVERS; i++)
			for (unsigned from = 0; from < 2; from++) {
				enum mover mover = (enum mover)((round + i) % MOVERS);
				struct move move;

				/* Of its own accord it would wait for nobody. */
				if (mover == FLOOR && !is_still)
					continue;
				move = move_once(&held, mover, from, is_still);
				print_move(part, mover, round, from, &move);
				if (is_still || mover != ONE_WORKER)
					continue;
				move = move_once(&held, NOBODY, from, is_still);
				print_move(part, NOBODY, round, from, &move);
			}
	let_go(&held);
}

/* One that split huge pages leaves nothing to the next: each has its own, twice a round. */
static void measure_huge(const char *mib, unsigned rounds)
{
	for (unsigned round = 0; round < 2 * rounds; round++)
		for (unsigned i = 0; i < MOVERS; i++) {
			enum mover mover = (enum mover)((round + i) % MOVERS);
			struct held held = hold("huge", mib, "still");
			struct move move = move_once(&held, mover, 0, true);

			print_move("huge", mover, round, 0, &move);
			let_go(&held);
		}
}

int main(int argc, char **argv)
{
	if (argc != 7) {
		fputs("usage: move small|huge|touch|map HOLD_PROGRAM MIB ROUNDS "
		      "CGROUP_DIRECTORY CGROUP_PATH\n",
		      stderr);
		return 2;
	}

	const char *part = argv[1], *mib = argv[3];
	unsigned rounds = (unsigned)strtoul(argv[4], NULL, 10);

	hold_program = argv[2];
	cgroup_directory = argv[5];
	cgroup_path = argv[6];
	if (sysroot_open(NULL, &root) < 0)
		die("no root");
	workers = share(WORKERS_MAX * sizeof(*workers), -1);
	small_one = hold("small", "1", "still");
	(void)run_tool(small_one.pid, 0, 1);
	printf("start migratepages %llu\n", (unsigned long long)measure_start());
	if (strcmp(part, "huge") == 0)
		measure_huge(mib, rounds);
	else
		measure_there_and_back(part, mib, strcmp(part, "small") == 0 ? "still" : part,
				       rounds);
	let_go(&small_one);
	sysroot_done(&root);
	return EXIT_SUCCESS;
}
