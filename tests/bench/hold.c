// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Holds memory that was taken on one node and may be anywhere, and meanwhile
 *
 *   still   does nothing
 *   touch   writes to one page of it after the other
 *   map     maps 64 KiB somewhere else, writes to each page of them, and unmaps them
 *
 * over and over, and notes the longest time that one such step took: what a process feels while its
 * memory is moved. Linked statically, so that it has little memory besides.
 */
#include "hold.h"

#include <errno.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HUGE_BYTES  (UINT64_C(2) << 20)
#define SCRAP_BYTES (UINT64_C(64) << 10)

static struct holder *holder;
static unsigned char *memory;
static uint64_t page_bytes;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
	_exit(EXIT_FAILURE);
}

static uint64_t now_nsec(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
		fail("clock_gettime");
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static void place(int mode, unsigned long node)
{
	unsigned long nodes = 1ul << node;

	if (syscall(SYS_set_mempolicy, mode, mode == MPOL_DEFAULT ? NULL : &nodes,
		    mode == MPOL_DEFAULT ? 0 : sizeof(nodes) * CHAR_BIT) < 0)
		fail("set_mempolicy");
}

static void *map(uint64_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		fail("mmap");
	return at;
}

/* As PLACE says: the number of a node, or "spread": half of it on each of the first two. */
static void fill(uint64_t bytes, const char *place_text)
{
	unsigned long node = strtoul(place_text, NULL, 10);
	int spread = strcmp(place_text, "spread") == 0;

	for (uint64_t at = 0; at < bytes; at += page_bytes) {
		if (at == 0 || (spread && at == bytes / 2 / page_bytes * page_bytes))
			place(MPOL_PREFERRED, spread ? at > 0 : node);
		memory[at] = 1;
	}
	place(MPOL_DEFAULT, 0);
}

/* Aligned as huge pages are. */
static void take(uint64_t bytes, int advice, const char *place_text)
{
	unsigned char *at = map(bytes + HUGE_BYTES);

	memory = at + (HUGE_BYTES - (uintptr_t)at % HUGE_BYTES) % HUGE_BYTES;
	if (madvise(memory, bytes, advice) < 0)
		fail("madvise");
	fill(bytes, place_text);
	holder->address = (uintptr_t)memory;
	atomic_store(&holder->bytes, bytes);
}

static void touch(void)
{
	static uint64_t next;

	memory[next]++;
	next = (next + page_bytes) % holder->bytes;
}

static void map_and_unmap(void)
{
	unsigned char *scrap = map(SCRAP_BYTES);

	for (uint64_t at = 0; at < SCRAP_BYTES; at += page_bytes)
		scrap[at] = 1;
	if (munmap(scrap, SCRAP_BYTES) < 0)
		fail("munmap");
}

static _Noreturn void repeat(void (*step)(void))
{
	uint64_t last = now_nsec(), now;

	for (;;) {
		uint64_t window = atomic_load(&holder->window);

		if (window != atomic_load(&holder->seen)) {
			atomic_store(&holder->longest_nsec, 0);
			atomic_store(&holder->seen, window);
			last = now_nsec();
		}
		step();
		now = now_nsec();
		if (now - last > atomic_load(&holder->longest_nsec))
			atomic_store(&holder->longest_nsec, now - last);
		last = now;
		atomic_fetch_add(&holder->rounds, 1);
	}
}

/* The descriptor of what is shared, or "-". */
static void open_holder(const char *fd)
{
	int shared = strcmp(fd, "-") != 0;

	holder = mmap(NULL, sizeof(*holder), PROT_READ | PROT_WRITE,
		      MAP_SHARED | (shared ? 0 : MAP_ANONYMOUS), shared ? atoi(fd) : -1, 0);
	if (holder == MAP_FAILED)
		fail("what is shared");
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fputs("usage: hold FD|- small|huge MIB NODE|spread still|touch|map\n", stderr);
		return 2;
	}
	page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	open_holder(argv[1]);
	take(strtoull(argv[3], NULL, 10) << 20,
	     strcmp(argv[2], "huge") == 0 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE, argv[4]);
	if (strcmp(argv[5], "touch") == 0)
		repeat(touch);
	if (strcmp(argv[5], "map") == 0)
		repeat(map_and_unmap);
	for (;;)
		pause();
}
