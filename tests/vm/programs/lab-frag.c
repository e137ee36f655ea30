// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Breaks free memory into single pages: takes a lot of it and gives every second page back. What it
 * keeps can be moved, so that compaction can undo it.
 */
#include "common.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

struct options {
	uint64_t size_bytes;
	const char *status_path;
};

static void usage(FILE *stream)
{
	fputs("Usage: lab-frag --size SIZE [--status FILE]\n"
	      "\n"
	      "  --size SIZE      memory to take (K, M, G); half of it is kept\n"
	      "  --status FILE    keep one line of state there\n",
	      stream);
}

static struct options parse_options(int argc, char **argv)
{
	static const struct option table[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "size", required_argument, NULL, 's' },
		{ "status", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (option) {
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		case 's':
			options.size_bytes = parse_bytes("size", optarg);
			break;
		case 'f':
			options.status_path = optarg;
			break;
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (options.size_bytes == 0 || optind != argc) {
		usage(stderr);
		exit(2);
	}
	return options;
}

int main(int argc, char **argv)
{
	struct options options = parse_options(argc, argv);
	struct status status = status_open(options.status_path);
	size_t page = page_bytes(), bytes = options.size_bytes / (2 * page) * (2 * page);
	unsigned char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die(errno, "mmap");
	/* Half of a huge page would only be given back when somebody asks for it. */
	if (madvise(memory, bytes, MADV_NOHUGEPAGE) < 0 && errno != EINVAL)
		die(errno, "madvise");
	stop_on_signals();
	for (size_t offset = 0; offset < bytes && !stop_requested; offset += page)
		*(volatile unsigned char *)(memory + offset) = 1;
	status_write(&status, "state=growing");
	for (size_t offset = 0; offset < bytes && !stop_requested; offset += 2 * page)
		if (madvise(memory + offset, page, MADV_DONTNEED) < 0)
			die(errno, "madvise");
	status_write(&status, "state=holding");
	while (!stop_requested)
		sleep_until_usec(now_usec() + USEC_PER_SEC);
	status_write(&status, "state=ended");
	return EXIT_SUCCESS;
}
