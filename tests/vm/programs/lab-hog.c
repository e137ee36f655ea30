// SPDX-License-Identifier: LGPL-2.1-or-later
/* A leak: touches new memory at a steady rate, or as fast as it can, until somebody ends it. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define TICK_USEC   10000u
#define BLOCK_BYTES (UINT64_C(1) << 20)
#define BLOCKS_MAX  65536u
/* Without a rate, in huge pages where the kernel has them: a fault for each small page would be
 * what its speed is made of. */
#define FAST_BYTES (UINT64_C(32) << 20)
/* What compression cannot make smaller, in a page of 4 KiB: the whole of it to a half. */
#define DENSE_BYTES 2048u

struct options {
	uint64_t rate_bytes; /* a second; 0: as fast as it can */
	uint64_t size_bytes; /* 0: without end */
	bool dense;
	bool ignore_term;
	const char *give_back_path;
	const char *write_path;
	const char *status_path;
};

struct hog {
	unsigned char *block[BLOCKS_MAX];
	uint64_t blocks;
	uint64_t block_bytes;
	uint64_t due_bytes; /* of memory that may be taken or given back, since it began to */
	uint64_t done_bytes;
};

static const char usage[] =
	"Usage: lab-hog [OPTION...]\n"
	"\n"
	"  --rate SIZE      memory to take a second (K, M, G); without it, as fast as it can\n"
	"  --size SIZE      to stop at; without it, it goes on\n"
	"  --dense          pages that compression makes half as large; without it, next to "
	"nothing\n"
	"  --ignore-term    it does not end by SIGTERM and SIGINT\n"
	"  --give-back FILE once it has all of it, it waits until this can be opened for reading, "
	"and\n"
	"                   gives all of it back at the same rate\n"
	"  --write FILE     once it has all of it, it writes to this\n"
	"  --status FILE    keep one line of state there\n";

static struct options parse_options(int argc, char **argv)
{
	struct options options = { 0 };
	const struct program_option table[] = {
		{ "rate", .bytes = &options.rate_bytes },
		{ "size", .bytes = &options.size_bytes },
		{ "dense", .flag = &options.dense },
		{ "ignore-term", .flag = &options.ignore_term },
		{ "give-back", .text = &options.give_back_path },
		{ "write", .text = &options.write_path },
		{ "status", .text = &options.status_path },
	};
	const struct program program = { usage, table, sizeof(table) / sizeof(table[0]) };

	program_parse(&program, argc, argv);
	if (options.size_bytes == 0 && (options.give_back_path || options.write_path))
		program_misused(&program);
	return options;
}

/* Xorshift: no two pages are alike. */
static void fill(unsigned char *page)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < DENSE_BYTES / sizeof(state); i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		((uint64_t *)(void *)page)[i] = state;
	}
}

static void take_block(struct hog *hog, bool dense)
{
	unsigned char *block = mmap(NULL, hog->block_bytes, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (block == MAP_FAILED)
		die(errno, "mmap");
	if (hog->block_bytes == FAST_BYTES && madvise(block, FAST_BYTES, MADV_HUGEPAGE) < 0 &&
	    errno != EINVAL)
		die(errno, "madvise");
	for (size_t offset = 0; offset < hog->block_bytes && !stop_requested;
	     offset += page_bytes()) {
		if (dense)
			fill(block + offset);
		else
			*(volatile unsigned char *)(block + offset) = 1;
	}
	if (hog->blocks == BLOCKS_MAX)
		die(0, "more than %u blocks", BLOCKS_MAX);
	hog->block[hog->blocks++] = block;
}

static void give_back_block(struct hog *hog)
{
	if (munmap(hog->block[--hog->blocks], hog->block_bytes) < 0)
		die(errno, "munmap");
}

static bool has_all(const struct hog *hog, const struct options *options)
{
	return options->size_bytes > 0 && hog->blocks * hog->block_bytes >= options->size_bytes;
}

static void report(struct status *status, const char *state, const struct hog *hog,
		   const struct gap *gap)
{
	status_write(status, "state=%s touched-bytes=%" PRIu64 " ticks=%" PRIu64, state,
		     hog->blocks * hog->block_bytes, gap->ticks);
}

/* What it stood still for is not made up for. Without a rate it is a block at a time. */
static void count_due(struct hog *hog, uint64_t rate_bytes, uint64_t passed_usec)
{
	if (rate_bytes == 0)
		hog->due_bytes += hog->block_bytes;
	else
		hog->due_bytes += rate_bytes *
				  (passed_usec < 2 * TICK_USEC ? passed_usec : 2 * TICK_USEC) /
				  USEC_PER_SEC;
}

/* One tick of taking or giving back; false when there is no more to do. */
static bool change(struct hog *hog, const struct options *options, bool growing,
		   uint64_t passed_usec)
{
	count_due(hog, options->rate_bytes, passed_usec);
	for (; hog->done_bytes + hog->block_bytes <= hog->due_bytes && !stop_requested;
	     hog->done_bytes += hog->block_bytes) {
		if (growing ? has_all(hog, options) : hog->blocks == 0)
			return false;
		if (growing)
			take_block(hog, options->dense);
		else
			give_back_block(hog);
	}
	return true;
}

static void change_all(struct hog *hog, const struct options *options, bool growing,
		       struct status *status)
{
	struct gap gap = { 0 };
	uint64_t next = now_usec();

	hog->due_bytes = hog->done_bytes = 0;
	while (!stop_requested && change(hog, options, growing, gap_tick(&gap))) {
		report(status, growing ? "growing" : "shrinking", hog, &gap);
		if (options->rate_bytes == 0)
			continue;
		next += TICK_USEC;
		if (next < gap.last_usec)
			next = gap.last_usec;
		sleep_until_usec(next);
	}
	report(status, stop_requested ? "ended" : growing ? "holding" : "empty", hog, &gap);
}

/* Of a pipe, until somebody writes to it. */
static void await(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char byte;

	if ((fd < 0 || read(fd, &byte, 1) < 0) && !stop_requested)
		die(errno, "%s", path);
	if (fd >= 0)
		close(fd);
}

static void write_to(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, "", 1) != 1)
		die(errno, "%s", path);
	close(fd);
}

int main(int argc, char **argv)
{
	static struct hog hog;
	struct options options = parse_options(argc, argv);
	struct status status = status_open(options.status_path);

	hog.block_bytes = options.rate_bytes > 0 ? BLOCK_BYTES : FAST_BYTES;
	if (options.ignore_term)
		ignore_stop_signals();
	else
		stop_on_signals();
	change_all(&hog, &options, true, &status);
	if (!stop_requested && options.write_path)
		write_to(options.write_path);
	if (!stop_requested && options.give_back_path) {
		await(options.give_back_path);
		change_all(&hog, &options, false, &status);
	}
	while (!stop_requested)
		sleep_until_usec(now_usec() + USEC_PER_SEC);
	return EXIT_SUCCESS;
}
