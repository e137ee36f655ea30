/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "test.h"

#include "explain/neighbour_story.h"

#include <string.h>

#define MIB ((uint64_t)1 << 20)

static struct host host;
static char names[256];
static char texts[8192];

static void add_line(void *context, const char *name, const char *text)
{
	struct strbuf *b = context;

	strbuf_addf(&b[0], "%s%s", b[0].length ? " " : "", name);
	strbuf_addf(&b[1], "%s\n", text);
}

/* The names of all of a part. */
static const char *tell(enum neighbour_part part)
{
	struct strbuf b[2] = { STRBUF(names), STRBUF(texts) };
	size_t count = neighbour_story_tell(&host, part, add_line, b), words = names[0] ? 1 : 0;

	for (const char *c = names; *c; c++)
		words += *c == ' ';
	check_int(count, words);
	return names;
}

TEST(a_host_without_neighbours)
{
	host = (struct host){ 0 };
	check_str(tell(NEIGHBOURS_ALL), "");
	check_str(tell(NEIGHBOURS_THAT_PLACE), "");
}

TEST(those_that_place_memory_come_first)
{
	host = (struct host){
		.numa_balancing = true,
		.numad_running = true,
		.neighbours = {
			.programs = 1U << NEIGHBOUR_TUNED | 1U << NEIGHBOUR_SYSTEMD_OOMD,
			.demotes = true,
			.zone_reclaim = 1,
			.ksm_runs = true,
			.ksm_across_nodes = true,
		},
	};
	check_str(tell(NEIGHBOURS_ALL),
		  "numa-balancing numad demotion zone-reclaim ksm-across-nodes "
		  "systemd-oomd tuned");
	check_contains(texts, "kernel.numa_balancing is on");
	check_contains(texts, "no guest is gathered or sent home");
	check_str(tell(NEIGHBOURS_THAT_PLACE),
		  "numa-balancing numad demotion zone-reclaim ksm-across-nodes");
}

TEST(each_program_has_its_words)
{
	for (int i = 0; i < NEIGHBOUR_PROGRAM_COUNT_; i++) {
		host = (struct host){ .neighbours.programs = 1U << i };
		check(tell(NEIGHBOURS_ALL)[0]);
		check_contains(texts, names);
		check_contains(texts, " is running: ");
	}
}

TEST(ksm_is_told_by_what_it_does_and_has_done)
{
	host = (struct host){ .neighbours = { .ksm_runs = true } };
	check_str(tell(NEIGHBOURS_ALL), "ksm");
	check_str(texts, "KSM merges equal pages, each node's own (merge_across_nodes=0)\n");
	check_str(tell(NEIGHBOURS_THAT_PLACE), "");
	/* Stopped, it leaves what it has merged. */
	host.neighbours = (struct neighbours){
		.ksm_across_nodes = true,
		.ksm_saved_bytes = 512 * MIB,
	};
	check_str(tell(NEIGHBOURS_THAT_PLACE), "ksm-across-nodes");
	check_contains(texts,
		       "KSM is stopped and has left pages merged, which saves 512 MiB, of all "
		       "nodes together");
	check_contains(texts, "run=2");
	host.neighbours.ksm_saved_bytes = 0;
	check_str(tell(NEIGHBOURS_ALL), "");
	host.neighbours.ksm_saved_bytes = UINT64_MAX;
	check_str(tell(NEIGHBOURS_ALL), "ksm-across-nodes");
	check_contains(texts, "takes what was saved)\n"); /* not cut */
}

TEST(zone_reclaim_is_told_bit_by_bit)
{
	host = (struct host){ .neighbours.zone_reclaim = 1 };
	tell(NEIGHBOURS_ALL);
	check(!strstr(texts, "writes"));
	host.neighbours.zone_reclaim = 7;
	tell(NEIGHBOURS_ALL);
	check_contains(texts, "vm.zone_reclaim_mode is 7");
	check_contains(texts, ", writes dirty ones, swaps before");
	/* Without the first bit nothing is done. */
	host.neighbours.zone_reclaim = 2;
	check_str(tell(NEIGHBOURS_ALL), "");
}

TEST(modes_of_huge_pages)
{
	check(!neighbour_huge_page_name(HUGE_PAGE_UNKNOWN));
	check_str(neighbour_huge_page_name(HUGE_PAGE_ALWAYS), "always");
	check_str(neighbour_huge_page_name(HUGE_PAGE_NEVER), "never");
}
