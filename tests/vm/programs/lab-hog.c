// SPDX-License-Identifier: LGPL-2.1-or-later
/* A leak: touches new memory at a steady rate until somebody ends it. */
#include "common.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define TICK_USEC   10000u
#define BLOCK_BYTES (UINT64_C(1) << 20)

struct options {
	uint64_t rate_bytes; /* a second */
	const char *status_path;
};

static const char usage[] = "Usage: lab-hog --rate SIZE [--status FILE]\n"
			    "\n"
			    "  --rate SIZE      memory to take a second (K, M, G)\n"
			    "  --status FILE    keep one line of state there\n";

static struct options parse_options(int argc, char **argv)
{
	struct options options = { 0 };
	const struct program_option table[] = {
		{ "rate", .bytes = &options.rate_bytes },
		{ "status", .text = &options.status_path },
	};
	const struct program program = { usage, table, sizeof(table) / sizeof(table[0]) };

	program_parse(&program, argc, argv);
	if (options.rate_bytes == 0)
		program_misused(&program);
	return options;
}

static void take_block(void)
{
	unsigned char *block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (block == MAP_FAILED)
		die(errno, "mmap");
	for (size_t offset = 0; offset < BLOCK_BYTES; offset += page_bytes())
		*(volatile unsigned char *)(block + offset) = 1;
}

int main(int argc, char **argv)
{
	struct options options = parse_options(argc, argv);
	struct status status = status_open(options.status_path);
	uint64_t next = now_usec(), due_bytes = 0, taken_bytes = 0;
	struct gap gap = { 0 };

	stop_on_signals();
	while (!stop_requested) {
		uint64_t passed = gap_tick(&gap);

		/* What it stood still for is not made up for. */
		due_bytes += options.rate_bytes *
			     (passed < 2 * TICK_USEC ? passed : 2 * TICK_USEC) / USEC_PER_SEC;
		for (; taken_bytes + BLOCK_BYTES <= due_bytes && !stop_requested;
		     taken_bytes += BLOCK_BYTES)
			take_block();
		status_write(&status, "state=growing touched-bytes=%" PRIu64 " ticks=%" PRIu64,
			     taken_bytes, gap.ticks);
		next += TICK_USEC;
		if (next < gap.last_usec)
			next = gap.last_usec;
		sleep_until_usec(next);
	}
	status_write(&status, "state=ended touched-bytes=%" PRIu64 " ticks=%" PRIu64, taken_bytes,
		     gap.ticks);
	return EXIT_SUCCESS;
}
