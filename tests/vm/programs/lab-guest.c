// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A stand-in for a virtual machine: takes its memory at a given rate and then lives on, which is to
 * say that every tick it reads and rewrites some pages. Each page carries its own number, so that
 * a page which was lost, swapped with another or cleared while it was moved is noticed.
 *
 * Its memory may be of the kinds that guests have: huge pages of a pool, locked, pinned.
 */
#include "common.h"
#include "pin.h"
#include "vcpus.h"

#include <errno.h>
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
	uint64_t rate_bytes;  /* a second; 0: at once */
	uint64_t place_nodes; /* one bit each; 0: anywhere */
	enum thp thp;
	bool lock;
	bool hugetlb;
	uint64_t pin_bytes;
	int prefer_node; /* -1: none */
	unsigned vcpus;
	int vcpu_node; /* -1: any */
	const char *status_path;
};

struct guest {
	unsigned char *memory;
	size_t pages;
	size_t touched_pages;
	size_t next_visit;
	uint64_t damaged_pages;
};

static const char usage[] =
	"Usage: lab-guest --size SIZE [OPTION...]\n"
	"\n"
	"  --size SIZE      memory to take (K, M, G)\n"
	"  --rate SIZE      how much of it a second; without it, at once\n"
	"  --place NODE     take it there, with a policy that is gone afterwards: the "
	"memory\n"
	"                   may be anywhere, it only happens to be on that node; of several\n"
	"                   (0,1) it takes equal parts\n"
	"  --thp on|off     transparent huge pages; without it, as the system has it\n"
	"  --hugetlb        from the pool of huge pages\n"
	"  --mlock          lock the memory\n"
	"  --pin SIZE       so much of it cannot be moved once all of it was taken\n"
	"  --prefer NODE    its mapping prefers that node from then on, as a memory backend "
	"with\n"
	"                   a policy does\n"
	"  --vcpus COUNT    threads called as virtual processors are, which read it\n"
	"  --vcpu-node NODE they run on that node's processors only\n"
	"  --status FILE    keep one line of state there\n";

static void read_node(const char *option, const char *text, void *into)
{
	*(int *)into = (int)parse_number(option, text, 63);
}

static void read_nodes(const char *option, const char *text, void *into)
{
	char copy[64], *rest = copy, *node;
	uint64_t nodes = 0;

	if (strlen(text) >= sizeof(copy))
		die(0, "--%s: too long: %s", option, text);
	memcpy(copy, text, strlen(text) + 1);
	while ((node = strsep(&rest, ",")))
		nodes |= UINT64_C(1) << parse_number(option, node, 63);
	*(uint64_t *)into = nodes;
}

static void read_thp(const char *option, const char *text, void *into)
{
	bool is_on = strcmp(text, "on") == 0;

	if (!is_on && strcmp(text, "off") != 0)
		die(0, "--%s: neither on nor off: %s", option, text);
	*(enum thp *)into = is_on ? THP_ON : THP_OFF;
}

static struct options parse_options(int argc, char **argv)
{
	struct options options = { .prefer_node = -1, .vcpu_node = -1 };
	const struct program_option table[] = {
		{ "hugetlb", .flag = &options.hugetlb },
		{ "mlock", .flag = &options.lock },
		{ "pin", .bytes = &options.pin_bytes },
		{ "place", .read = read_nodes, .into = &options.place_nodes },
		{ "prefer", .read = read_node, .into = &options.prefer_node },
		{ "rate", .bytes = &options.rate_bytes },
		{ "size", .bytes = &options.size_bytes },
		{ "status", .text = &options.status_path },
		{ "thp", .read = read_thp, .into = &options.thp },
		{ "vcpu-node", .read = read_node, .into = &options.vcpu_node },
		{ "vcpus", .number = &options.vcpus, .most = 64 },
	};
	const struct program program = { usage, table, sizeof(table) / sizeof(table[0]) };

	program_parse(&program, argc, argv);
	if (options.size_bytes < page_bytes() || options.pin_bytes > options.size_bytes)
		program_misused(&program);
	return options;
}

static struct guest guest_create(const struct options *options)
{
	struct guest guest = { .pages = options->size_bytes / page_bytes() };
	size_t bytes = guest.pages * page_bytes();
	void *memory;

	memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | (options->hugetlb ? MAP_HUGETLB : MAP_NORESERVE),
		     -1, 0);
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

static void place_on(uint64_t nodes)
{
	unsigned long mask = nodes;
	bool several = (nodes & (nodes - 1)) != 0;

	if (set_mempolicy(several ? MPOL_INTERLEAVE : MPOL_PREFERRED, &mask,
			  sizeof(mask) * CHAR_BIT) < 0)
		die(errno, "set_mempolicy to nodes 0x%lx", mask);
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

static void prefer(const struct guest *guest, int node)
{
	unsigned long mask = 1ul << node;

	if (mbind(guest->memory, guest->pages * page_bytes(), MPOL_PREFERRED, &mask,
		  sizeof(mask) * CHAR_BIT, 0) < 0)
		die(errno, "mbind to node %d", node);
}

/* Once it has all of its memory. */
static void settle(const struct guest *guest, const struct options *options)
{
	static struct vcpus vcpus;

	vcpus = (struct vcpus){
		.count = options->vcpus,
		.node = options->vcpu_node,
		.memory = guest->memory,
		.bytes = guest->pages * page_bytes(),
	};
	if (options->place_nodes != 0)
		place_anywhere();
	if (options->prefer_node >= 0)
		prefer(guest, options->prefer_node);
	if (options->pin_bytes > 0)
		pin_memory(guest->memory, options->pin_bytes);
	vcpus_start(&vcpus);
}

static void live(struct guest *guest, const struct options *options, struct status *status)
{
	uint64_t next = now_usec(), next_progress = PROGRESS_BYTES;
	struct gap gap = { 0 };
	bool settled = false;

	while (!stop_requested) {
		uint64_t passed = gap_tick(&gap);

		guest_grow(guest, pages_due(guest, options->rate_bytes, passed));
		guest_visit(guest, TICK_PAGES);
		if (!settled && guest->touched_pages == guest->pages) {
			settle(guest, options);
			settled = true;
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
	if (options.place_nodes != 0)
		place_on(options.place_nodes);
	live(&guest, &options, &status);
	return guest.damaged_pages > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
