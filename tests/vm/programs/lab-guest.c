// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A stand-in for a virtual machine: takes its memory at a given rate and then lives on, which is to
 * say that every tick it reads and rewrites some pages. Each page carries its own number, so that
 * a page which was lost, swapped with another or cleared while it was moved is noticed.
 */
#include "common.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <numaif.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TICK_USEC      10000u
#define TICK_PAGES     64u
#define PROGRESS_BYTES (UINT64_C(100) << 20)
#define STAMP	       UINT64_C(0x6f6f6d77617264) /* no page is ever all zero, page 0 included */

enum thp { THP_AS_SYSTEM, THP_ON, THP_OFF };

struct options {
	uint64_t size_bytes;
	uint64_t rate_bytes; /* a second; 0: at once */
	int place_node;	     /* -1: anywhere */
	enum thp thp;
	bool lock;
	const char *status_path;
};

struct guest {
	unsigned char *memory;
	size_t pages;
	size_t touched_pages;
	size_t next_visit;
	uint64_t damaged_pages;
};

static void usage(FILE *stream)
{
	fputs("Usage: lab-guest --size SIZE [OPTION...]\n"
	      "\n"
	      "  --size SIZE      memory to take (K, M, G)\n"
	      "  --rate SIZE      how much of it a second; without it, at once\n"
	      "  --place NODE     take it there, with a policy that is gone afterwards: the "
	      "memory\n"
	      "                   may be anywhere, it only happens to be on that node\n"
	      "  --thp on|off     transparent huge pages; without it, as the system has it\n"
	      "  --mlock          lock the memory\n"
	      "  --status FILE    keep one line of state there\n",
	      stream);
}

static enum thp parse_thp(const char *text)
{
	if (strcmp(text, "on") == 0)
		return THP_ON;
	if (strcmp(text, "off") != 0)
		die(0, "--thp: neither on nor off: %s", text);
	return THP_OFF;
}

static struct options parse_options(int argc, char **argv)
{
	static const struct option table[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "mlock", no_argument, NULL, 'l' },
		{ "place", required_argument, NULL, 'p' },
		{ "rate", required_argument, NULL, 'r' },
		{ "size", required_argument, NULL, 's' },
		{ "thp", required_argument, NULL, 't' },
		{ "status", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = { .place_node = -1 };
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (option) {
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		case 'l':
			options.lock = true;
			break;
		case 'p':
			options.place_node = (int)parse_number("place", optarg, 63);
			break;
		case 'r':
			options.rate_bytes = parse_bytes("rate", optarg);
			break;
		case 's':
			options.size_bytes = parse_bytes("size", optarg);
			break;
		case 't':
			options.thp = parse_thp(optarg);
			break;
		case 'f':
			options.status_path = optarg;
			break;
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (options.size_bytes < page_bytes() || optind != argc) {
		usage(stderr);
		exit(2);
	}
	return options;
}

static struct guest guest_create(const struct options *options)
{
	struct guest guest = { .pages = options->size_bytes / page_bytes() };
	size_t bytes = guest.pages * page_bytes();
	void *memory;

	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		die(errno, "mmap of %zu bytes", bytes);
	if (options->thp != THP_AS_SYSTEM &&
	    madvise(memory, bytes, options->thp == THP_ON ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) < 0)
		die(errno, "madvise");
	if (options->lock && mlock2(memory, bytes, MLOCK_ONFAULT) < 0)
		die(errno, "mlock2");
	guest.memory = memory;
	return guest;
}

static uint64_t *guest_page(const struct guest *guest, size_t page)
{
	return (uint64_t *)(void *)(guest->memory + page * page_bytes());
}

static void guest_grow(struct guest *guest, size_t pages)
{
	for (size_t end = guest->touched_pages + pages; guest->touched_pages < end;) {
		*guest_page(guest, guest->touched_pages) = STAMP ^ guest->touched_pages;
		guest->touched_pages++;
	}
}

static void guest_visit(struct guest *guest, size_t pages)
{
	for (; pages > 0 && guest->touched_pages > 0; pages--) {
		size_t page = guest->next_visit++ % guest->touched_pages;
		volatile uint64_t *word = guest_page(guest, page);

		if (*word != (STAMP ^ page))
			guest->damaged_pages++;
		*word = STAMP ^ page;
	}
}

/*
 * What may be taken since the last tick. Time that the program was not run for is not made up for:
 * a guest that stood still does not grow faster afterwards, and an emulated machine stands still
 * often.
 */
static size_t pages_due(const struct guest *guest, uint64_t rate_bytes, uint64_t passed_usec)
{
	size_t missing = guest->pages - guest->touched_pages;
	uint64_t due;

	if (rate_bytes == 0)
		return missing;
	if (passed_usec > 2 * TICK_USEC)
		passed_usec = 2 * TICK_USEC;
	due = rate_bytes * passed_usec / USEC_PER_SEC / page_bytes();
	return due < missing ? (size_t)due : missing;
}

static void place_on(int node)
{
	unsigned long nodes = 1ul << node;

	if (set_mempolicy(MPOL_PREFERRED, &nodes, sizeof(nodes) * CHAR_BIT) < 0)
		die(errno, "set_mempolicy to node %d", node);
}

static void place_anywhere(void)
{
	if (set_mempolicy(MPOL_DEFAULT, NULL, 0) < 0)
		die(errno, "set_mempolicy to the default");
}

static void report(struct status *status, const struct guest *guest, const struct gap *gap)
{
	const char *state = stop_requested			  ? "ended"
			    : guest->touched_pages < guest->pages ? "growing"
								  : "holding";

	status_write(status,
		     "state=%s touched-bytes=%" PRIu64 " ticks=%" PRIu64
		     " longest-gap-usec=%" PRIu64 " damaged-pages=%" PRIu64,
		     state, (uint64_t)guest->touched_pages * page_bytes(), gap->ticks,
		     gap->longest_usec, guest->damaged_pages);
}

static void print_progress(const struct guest *guest, uint64_t *ret_next_bytes)
{
	uint64_t touched = (uint64_t)guest->touched_pages * page_bytes();

	if (touched < *ret_next_bytes && guest->touched_pages < guest->pages)
		return;
	printf("touched %" PRIu64 " MiB of %" PRIu64 " MiB\n", touched >> 20,
	       ((uint64_t)guest->pages * page_bytes()) >> 20);
	fflush(stdout);
	*ret_next_bytes =
		guest->touched_pages < guest->pages ? touched + PROGRESS_BYTES : UINT64_MAX;
}

static void live(struct guest *guest, const struct options *options, struct status *status)
{
	uint64_t next = now_usec(), next_progress = PROGRESS_BYTES;
	struct gap gap = { 0 };
	bool placed = options->place_node >= 0;

	while (!stop_requested) {
		uint64_t passed = gap_tick(&gap);

		guest_grow(guest, pages_due(guest, options->rate_bytes, passed));
		guest_visit(guest, TICK_PAGES);
		if (placed && guest->touched_pages == guest->pages) {
			place_anywhere();
			placed = false;
		}
		if (next_progress != UINT64_MAX)
			print_progress(guest, &next_progress);
		report(status, guest, &gap);
		next += TICK_USEC;
		if (next < gap.last_usec)
			next = gap.last_usec;
		sleep_until_usec(next);
	}
	report(status, guest, &gap);
	printf("ended after %" PRIu64 " ticks, longest gap %" PRIu64 " ms, %" PRIu64
	       " damaged pages\n",
	       gap.ticks, gap.longest_usec / 1000, guest->damaged_pages);
}

int main(int argc, char **argv)
{
	struct options options = parse_options(argc, argv);
	struct status status = status_open(options.status_path);
	struct guest guest = guest_create(&options);

	stop_on_signals();
	if (options.place_node >= 0)
		place_on(options.place_node);
	live(&guest, &options, &status);
	return guest.damaged_pages > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
