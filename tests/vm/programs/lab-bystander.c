// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Somebody who has nothing to do with it: every 10 ms takes 64 KiB, touches it and gives it back.
 * The longest time between two such ticks is how long a machine stood still for its users.
 */
#include "common.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define TICK_USEC  10000u
#define TICK_BYTES ((size_t)64 << 10)

static const char *parse_options(int argc, char **argv)
{
	const char *status_path = NULL;
	const struct program_option table[] = { { "status", .text = &status_path } };
	const struct program program = { "Usage: lab-bystander [--status FILE]\n", table, 1 };

	program_parse(&program, argc, argv);
	return status_path;
}

/* A fresh mapping each time: memory that malloc kept would need nothing of the kernel. */
static void breathe(void)
{
	unsigned char *memory =
		mmap(NULL, TICK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die(errno, "mmap");
	for (size_t offset = 0; offset < TICK_BYTES; offset += page_bytes())
		*(volatile unsigned char *)(memory + offset) = 1;
	if (munmap(memory, TICK_BYTES) < 0)
		die(errno, "munmap");
}

static void report(struct status *status, const char *state, const struct gap *gap)
{
	status_write(status,
		     "state=%s ticks=%" PRIu64 " longest-gap-usec=%" PRIu64
		     " stalled-usec=%" PRIu64,
		     state, gap->ticks, gap->longest_usec, gap->stalled_usec);
}

int main(int argc, char **argv)
{
	struct status status = status_open(parse_options(argc, argv));
	uint64_t next = now_usec();
	struct gap gap = { 0 };

	stop_on_signals();
	while (!stop_requested) {
		breathe();
		gap_tick(&gap);
		report(&status, "holding", &gap);
		next += TICK_USEC;
		/* Ticks that were missed are not made up for. */
		if (next < gap.last_usec)
			next = gap.last_usec;
		sleep_until_usec(next);
	}
	report(&status, "ended", &gap);
	return EXIT_SUCCESS;
}
