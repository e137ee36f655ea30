// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Looks on while a machine runs out of memory, and writes down when: memory of a place fell below a
 * part of it, processes ended, the kernel killed. All that it needs is there before, and it runs
 * before everybody else, so that what it sees is not late when the machine stands still; how late
 * it was all the same is told too.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TICK_USEC    5000u
#define REPORT_BYTES ((size_t)64 << 10)
#define TEXT_BYTES   ((size_t)16 << 10)
#define WATCHED_MAX  2048u
#define NAME_BYTES   96u
#define PRIORITY     50

struct options {
	const char *report_path;
	const char *watch_path;
	const char *gate_path;
	const char *until;
	const char *bystander_path;
	const char *cgroup;
	uint64_t limit_bytes;
	unsigned node; /* of them plus one; 0: the host */
	unsigned danger_permille;
	unsigned seconds;
	unsigned settle_seconds;
};

struct watched {
	char name[NAME_BYTES];
	bool awaited;
};

struct observer {
	const struct options *options;
	char *report; /* a file of this size, mapped */
	size_t length;
	int place_fd;
	int vmstat_fd;
	int bystander_fd; /* -1: none */
	int epoll_fd;
	struct watched watched[WATCHED_MAX];
	unsigned count;
	unsigned awaited; /* of those, alive */
	bool danger;
	bool relief;
	unsigned lowest_permille;
	uint64_t kills_before;
	uint64_t ticks;	      /* of the bystander, */
	uint64_t ticked_usec; /* and when there was a new one */
	char text[TEXT_BYTES];
};

static const char usage[] =
	"Usage: lab-observer --report FILE --watch FILE [OPTION...]\n"
	"\n"
	"  --report FILE      what it saw: a word, the time in microseconds, a value\n"
	"  --watch FILE       processes to look at, a PID and a name a line\n"
	"  --gate FIFO        once it looks, it opens this for writing\n"
	"  --bystander FILE   status of a lab-bystander: how long it stood still at the longest, "
	"and if\n"
	"                     it does so in the end, until then\n"
	"  --until NAME,...   it ends when these have\n"
	"  --settle N         and so many seconds are over (3)\n"
	"  --seconds N        or these, whatever happened (60)\n"
	"  --node N           the place that matters is this node, and not the host\n"
	"  --cgroup DIRECTORY the place that matters is a cgroup,\n"
	"  --limit SIZE       whose limit is this\n"
	"  --danger N         danger: less than so many thousandths of the place are left (100); "
	"it\n"
	"                     is over when half as much again is\n";

/* Blanks are there from the start. What does not fit is lost. */
__attribute__((format(printf, 2, 3))) static void say(struct observer *observer, const char *format,
						      ...)
{
	char line[NAME_BYTES + 64];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(line) ||
	    observer->length + (size_t)length >= REPORT_BYTES)
		return;
	memcpy(observer->report + observer->length, line, (size_t)length);
	observer->length += (size_t)length;
}

static void read_node(const char *option, const char *text, void *into)
{
	*(unsigned *)into = parse_number(option, text, 1023) + 1;
}

static struct options parse_options(int argc, char **argv)
{
	struct options options = { .danger_permille = 100, .seconds = 60, .settle_seconds = 3 };
	const struct program_option table[] = {
		{ "report", .text = &options.report_path },
		{ "watch", .text = &options.watch_path },
		{ "gate", .text = &options.gate_path },
		{ "until", .text = &options.until },
		{ "bystander", .text = &options.bystander_path },
		{ "settle", .number = &options.settle_seconds, .most = 3600 },
		{ "seconds", .number = &options.seconds, .most = 3600 },
		{ "node", .read = read_node, .into = &options.node },
		{ "cgroup", .text = &options.cgroup },
		{ "limit", .bytes = &options.limit_bytes },
		{ "danger", .number = &options.danger_permille, .most = 1000 },
	};
	const struct program program = { usage, table, sizeof(table) / sizeof(table[0]) };

	program_parse(&program, argc, argv);
	if (!options.report_path || !options.watch_path ||
	    (options.cgroup != NULL) != (options.limit_bytes > 0))
		program_misused(&program);
	return options;
}

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		die(errno, "%s", path);
	return fd;
}

static void open_report(struct observer *observer)
{
	int fd = open_or_die(observer->options->report_path, O_RDWR | O_CREAT | O_TRUNC);

	if (ftruncate(fd, REPORT_BYTES) < 0)
		die(errno, "%s", observer->options->report_path);
	observer->report =
		mmap(NULL, REPORT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (observer->report == MAP_FAILED)
		die(errno, "mmap");
	memset(observer->report, ' ', REPORT_BYTES);
	close(fd);
}

static void open_place(struct observer *observer)
{
	const struct options *options = observer->options;
	char path[4096] = "/proc/meminfo";

	if (options->cgroup != NULL)
		snprintf(path, sizeof(path), "%s/memory.current", options->cgroup);
	else if (options->node > 0)
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/meminfo",
			 options->node - 1);
	observer->place_fd = open_or_die(path, O_RDONLY);
	observer->vmstat_fd = open_or_die("/proc/vmstat", O_RDONLY);
}

static bool is_awaited(const char *until, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = until; at != NULL && *at != '\0';) {
		if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
			return true;
		at = strchr(at, ',');
		if (at != NULL)
			at++;
	}
	return false;
}

static void watch(struct observer *observer, long pid, const char *name)
{
	struct epoll_event event = { .events = EPOLLIN, .data = { .u32 = observer->count } };
	struct watched *watched = &observer->watched[observer->count];
	int fd;

	if (observer->count == WATCHED_MAX)
		die(0, "more than %u processes", WATCHED_MAX);
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		die(errno, "%s is not there", name);
	if (epoll_ctl(observer->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		die(errno, "epoll_ctl");
	snprintf(watched->name, sizeof(watched->name), "%s", name);
	watched->awaited = is_awaited(observer->options->until, name);
	if (watched->awaited)
		observer->awaited++;
	observer->count++;
}

static void watch_all(struct observer *observer)
{
	FILE *file = fopen(observer->options->watch_path, "re");
	char name[NAME_BYTES];
	long pid;

	if (file == NULL)
		die(errno, "%s", observer->options->watch_path);
	observer->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (observer->epoll_fd < 0)
		die(errno, "epoll_create1");
	while (fscanf(file, "%ld %95s\n", &pid, name) == 2)
		watch(observer, pid, name);
	fclose(file);
}

/* The number behind that word, from the text that was read last. */
static uint64_t value_of(const struct observer *observer, const char *key)
{
	const char *at = strstr(observer->text, key);

	return at != NULL ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void read_text(struct observer *observer, int fd)
{
	ssize_t length = pread(fd, observer->text, sizeof(observer->text) - 1, 0);

	observer->text[length > 0 ? length : 0] = '\0';
}

/* Of a node: what is free, and its clean file cache. A cgroup that is gone is not in danger. */
static void look_at_place(struct observer *observer, uint64_t now)
{
	const struct options *options = observer->options;
	uint64_t total, left;
	unsigned permille;

	read_text(observer, observer->place_fd);
	if (observer->text[0] == '\0')
		return;
	if (options->cgroup != NULL) {
		uint64_t used = strtoull(observer->text, NULL, 10);

		total = options->limit_bytes;
		left = used < total ? total - used : 0;
	} else if (options->node > 0) {
		total = value_of(observer, " MemTotal:");
		left = value_of(observer, " MemFree:") + value_of(observer, " Active(file):") +
		       value_of(observer, " Inactive(file):");
	} else {
		total = value_of(observer, "MemTotal:");
		left = value_of(observer, "MemAvailable:");
	}
	if (total == 0)
		return;
	permille = (unsigned)(left * 1000 / total);
	if (permille < observer->lowest_permille)
		observer->lowest_permille = permille;
	if (permille < options->danger_permille && !observer->danger) {
		observer->danger = true;
		say(observer, "danger %" PRIu64 " %u\n", now, permille);
	}
	if (permille >= options->danger_permille * 3 / 2 && observer->danger && !observer->relief) {
		observer->relief = true;
		say(observer, "relief %" PRIu64 " %u\n", now, permille);
	}
}

/* Reading this takes memory: before all and after all. */
static uint64_t kernel_kills(struct observer *observer)
{
	read_text(observer, observer->vmstat_fd);
	return value_of(observer, "\noom_kill ");
}

/* It begins when the gate is opened, so its file is not there before. */
static void look_at_bystander(struct observer *observer, uint64_t now)
{
	uint64_t ticks;

	if (observer->options->bystander_path == NULL)
		return;
	if (observer->bystander_fd < 0)
		observer->bystander_fd =
			open(observer->options->bystander_path, O_RDONLY | O_CLOEXEC);
	if (observer->bystander_fd < 0)
		return;
	read_text(observer, observer->bystander_fd);
	ticks = value_of(observer, " ticks=");
	if (ticks != observer->ticks)
		observer->ticked_usec = now;
	observer->ticks = ticks;
}

static void report_bystander(struct observer *observer, uint64_t begun)
{
	uint64_t now = now_usec(), longest, standing;

	if (observer->options->bystander_path == NULL)
		return;
	observer->text[0] = '\0';
	look_at_bystander(observer, now);
	longest = value_of(observer, " longest-gap-usec=");
	standing = now - (observer->ticks > 0 ? observer->ticked_usec : begun);
	say(observer, "gap %" PRIu64 " %" PRIu64 "\n", now,
	    longest > standing ? longest : standing);
}

static void look_at_processes(struct observer *observer, uint64_t now)
{
	struct epoll_event events[32];
	int count = epoll_wait(observer->epoll_fd, events, 32, 0);

	for (int i = 0; i < count; i++) {
		struct watched *watched = &observer->watched[events[i].data.u32];

		/* It stays readable. */
		if (watched->name[0] == '\0')
			continue;
		say(observer, "died %" PRIu64 " %s\n", now, watched->name);
		if (watched->awaited)
			observer->awaited--;
		watched->name[0] = '\0';
	}
}

/* How the others may go on, and it with them. */
static void open_gate(const char *path)
{
	if (path != NULL && open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC) < 0)
		die(errno, "%s", path);
}

static void observe(struct observer *observer)
{
	const struct options *options = observer->options;
	uint64_t begun = now_usec(), next = begun,
		 ends = begun + (uint64_t)options->seconds * USEC_PER_SEC;
	bool gone = false;
	struct gap gap = { 0 };

	say(observer, "begin %" PRIu64 " %u\n", begun, observer->count);
	open_gate(options->gate_path);
	while (!stop_requested && gap.last_usec < ends) {
		gap_tick(&gap);
		look_at_processes(observer, gap.last_usec);
		look_at_place(observer, gap.last_usec);
		look_at_bystander(observer, gap.last_usec);
		if (options->until != NULL && observer->awaited == 0 && !gone) {
			uint64_t settled =
				gap.last_usec + options->settle_seconds * UINT64_C(1000000);

			gone = true;
			say(observer, "gone %" PRIu64 " 1\n", gap.last_usec);
			ends = settled < ends ? settled : ends;
		}
		next += TICK_USEC;
		if (next < gap.last_usec)
			next = gap.last_usec;
		sleep_until_usec(next);
	}
	report_bystander(observer, begun);
	say(observer, "lowest %" PRIu64 " %u\n", now_usec(), observer->lowest_permille);
	say(observer, "late %" PRIu64 " %" PRIu64 "\n", now_usec(), gap.longest_usec);
	say(observer, "end %" PRIu64 " %" PRIu64 "\n", now_usec(),
	    kernel_kills(observer) - observer->kills_before);
}

int main(int argc, char **argv)
{
	static struct observer observer;
	const struct sched_param param = { .sched_priority = PRIORITY };
	struct options options = parse_options(argc, argv);

	observer.options = &options;
	observer.lowest_permille = 1000;
	observer.bystander_fd = -1;
	open_report(&observer);
	open_place(&observer);
	watch_all(&observer);
	observer.kills_before = kernel_kills(&observer);
	stop_on_signals();
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		die(errno, "mlockall");
	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		die(errno, "sched_setscheduler");
	observe(&observer);
	return EXIT_SUCCESS;
}
