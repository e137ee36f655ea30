// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Processes that have memory and do nothing with it: a crowd of small ones, or one large one that
 * is cold. Each is a child that touches its memory once and waits for its end.
 */
#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT_MAX 100000u

struct options {
	unsigned count;
	uint64_t each_bytes;
	const char *status_path;
};

static const char usage[] = "Usage: lab-crowd --count N --each SIZE [--status FILE]\n"
			    "\n"
			    "  --count N        processes\n"
			    "  --each SIZE      memory that each takes (K, M, G)\n"
			    "  --status FILE    keep one line of state there\n";

static struct options parse_options(int argc, char **argv)
{
	struct options options = { 0 };
	const struct program_option table[] = {
		{ "count", .number = &options.count, .most = COUNT_MAX },
		{ "each", .bytes = &options.each_bytes },
		{ "status", .text = &options.status_path },
	};
	const struct program program = { usage, table, sizeof(table) / sizeof(table[0]) };

	program_parse(&program, argc, argv);
	if (options.count == 0 || options.each_bytes == 0)
		program_misused(&program);
	return options;
}

/* A byte to the pipe says that all of it is there. */
__attribute__((noreturn)) static void live(uint64_t bytes, int ready_fd, pid_t parent)
{
	unsigned char *memory;

	/* It goes with its parent, however that ends. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		_exit(EXIT_FAILURE);
	for (size_t offset = 0; offset < bytes; offset += page_bytes())
		*(volatile unsigned char *)(memory + offset) = 1;
	if (write(ready_fd, "", 1) != 1)
		_exit(EXIT_FAILURE);
	close(ready_fd);
	for (;;)
		pause();
}

/* Returns once it has its memory, or is gone without. */
static void add_one(uint64_t bytes, pid_t self)
{
	int ready[2];
	pid_t child;
	char byte;

	if (pipe(ready) < 0)
		die(errno, "pipe");
	child = fork();
	if (child < 0)
		die(errno, "fork");
	if (child == 0)
		live(bytes, ready[1], self);
	close(ready[1]);
	while (read(ready[0], &byte, 1) < 0 && errno == EINTR)
		;
	close(ready[0]);
}

int main(int argc, char **argv)
{
	struct options options = parse_options(argc, argv);
	struct status status = status_open(options.status_path);
	pid_t self = getpid();
	unsigned lost = 0;

	/* One after the other, so that what they have taken grows evenly. */
	for (unsigned i = 1; i <= options.count; i++) {
		add_one(options.each_bytes, self);
		status_write(&status, "state=growing processes=%u", i);
	}
	status_write(&status, "state=holding processes=%u lost=0", options.count);
	/* Who is killed is missed, and not replaced. */
	while (lost < options.count) {
		pid_t gone = wait(NULL);

		if (gone < 0 && errno != EINTR)
			die(errno, "wait");
		if (gone < 0)
			continue;
		lost++;
		status_write(&status, "state=holding processes=%u lost=%u", options.count - lost,
			     lost);
	}
	return EXIT_SUCCESS;
}
