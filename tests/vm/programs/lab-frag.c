// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Breaks free memory into pieces: takes a lot of it and gives it back but for one page in each
 * piece of so many that lie in a row in physical memory. Where pages lie is told by
 * /proc/self/pagemap, to root only: neighbours in a mapping are often none there, and what is given
 * back by their order grows together to larger blocks. What it keeps can be moved, so that
 * compaction can undo it.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGEMAP_PRESENT	   (UINT64_C(1) << 63)
#define PAGEMAP_FRAME_MASK ((UINT64_C(1) << 55) - 1)
#define PAGEMAP_BATCH	   512u

struct options {
	uint64_t size_bytes;
	unsigned keep;
	const char *status_path;
};

struct arena {
	unsigned char *memory;
	size_t pages;
	int pagemap_fd;
};

static const char usage[] = "Usage: lab-frag --size SIZE [OPTION...]\n"
			    "\n"
			    "  --size SIZE      memory to take (K, M, G)\n"
			    "  --keep PAGES     keep one of each so many that lie in a row (2)\n"
			    "  --status FILE    keep one line of state there\n";

static struct options parse_options(int argc, char **argv)
{
	struct options options = { .keep = 2 };
	const struct program_option table[] = {
		{ "keep", .number = &options.keep, .most = 512 },
		{ "size", .bytes = &options.size_bytes },
		{ "status", .text = &options.status_path },
	};
	const struct program program = { usage, table, sizeof(table) / sizeof(table[0]) };

	program_parse(&program, argc, argv);
	if (options.size_bytes < page_bytes() || options.keep < 2)
		program_misused(&program);
	return options;
}

static struct arena arena_create(size_t pages)
{
	struct arena arena = { .pages = pages };
	size_t bytes = pages * page_bytes();

	arena.memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena.memory == MAP_FAILED)
		die(errno, "mmap");
	/* Part of a huge page would only be given back when somebody asks for it. */
	if (madvise(arena.memory, bytes, MADV_NOHUGEPAGE) < 0 && errno != EINVAL)
		die(errno, "madvise");
	arena.pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (arena.pagemap_fd < 0)
		die(errno, "/proc/self/pagemap");
	return arena;
}

static void arena_fill(const struct arena *arena)
{
	for (size_t page = 0; page < arena->pages && !stop_requested; page++)
		*(volatile unsigned char *)(arena->memory + page * page_bytes()) = 1;
}

static void give_back(const struct arena *arena, size_t page, uint64_t entry, unsigned keep)
{
	uint64_t frame = entry & PAGEMAP_FRAME_MASK;

	if (!(entry & PAGEMAP_PRESENT))
		return;
	if (frame == 0)
		die(0, "/proc/self/pagemap tells root only where pages lie");
	if (frame % keep != keep - 1 &&
	    madvise(arena->memory + page * page_bytes(), page_bytes(), MADV_DONTNEED) < 0)
		die(errno, "madvise");
}

static void arena_break(const struct arena *arena, unsigned keep)
{
	uint64_t entries[PAGEMAP_BATCH];
	size_t first = (uintptr_t)arena->memory / page_bytes(), count;

	for (size_t page = 0; page < arena->pages && !stop_requested; page += count) {
		count = arena->pages - page;
		if (count > PAGEMAP_BATCH)
			count = PAGEMAP_BATCH;
		if (pread(arena->pagemap_fd, entries, count * sizeof(*entries),
			  (off_t)((first + page) * sizeof(*entries))) !=
		    (ssize_t)(count * sizeof(*entries)))
			die(errno, "/proc/self/pagemap");
		for (size_t i = 0; i < count; i++)
			give_back(arena, page + i, entries[i], keep);
	}
}

int main(int argc, char **argv)
{
	struct options options = parse_options(argc, argv);
	struct status status = status_open(options.status_path);
	struct arena arena = arena_create(options.size_bytes / page_bytes());

	stop_on_signals();
	status_write(&status, "state=growing");
	arena_fill(&arena);
	arena_break(&arena, options.keep);
	status_write(&status, "state=holding");
	while (!stop_requested)
		sleep_until_usec(now_usec() + USEC_PER_SEC);
	status_write(&status, "state=ended");
	return EXIT_SUCCESS;
}
