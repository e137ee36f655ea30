/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "explain/neighbour_story.h"

#include "util/macro.h"

#define LINE_BYTES 512

/* Bits of vm.zone_reclaim_mode: Documentation/admin-guide/sysctl/vm.rst. */
#define ZONE_RECLAIM_ON	    1U
#define ZONE_RECLAIM_WRITES 2U
#define ZONE_RECLAIM_SWAPS  4U

static bool is_balancing(const struct host *host)
{
	return host->numa_balancing;
}

static bool is_numad(const struct host *host)
{
	return host->numad_running;
}

static bool is_zone_reclaim(const struct host *host)
{
	return host->neighbours.zone_reclaim & ZONE_RECLAIM_ON;
}

static bool is_demoting(const struct host *host)
{
	return host->neighbours.demotes;
}

static bool is_merging(const struct host *host)
{
	return host->neighbours.ksm_runs || host->neighbours.ksm_saved_bytes > 0;
}

static bool is_merging_across(const struct host *host)
{
	return is_merging(host) && host->neighbours.ksm_across_nodes;
}

static bool is_merging_within(const struct host *host)
{
	return is_merging(host) && !host->neighbours.ksm_across_nodes;
}

static void add_zone_reclaim(const struct host *host, struct strbuf *out)
{
	unsigned mode = host->neighbours.zone_reclaim;

	strbuf_addf(out,
		    "vm.zone_reclaim_mode is %u: a node that is short gives up its own file "
		    "pages",
		    mode);
	if (mode & ZONE_RECLAIM_WRITES)
		strbuf_add(out, ", writes dirty ones");
	if (mode & ZONE_RECLAIM_SWAPS)
		strbuf_add(out, ", swaps");
	strbuf_add(out, " before another node is asked, whatever that one has free; with 0, the "
			"default, it is asked first");
}

static void add_saved(const struct host *host, struct strbuf *out)
{
	uint64_t bytes = host->neighbours.ksm_saved_bytes;

	strbuf_add(out, host->neighbours.ksm_runs ? "KSM merges equal pages"
						  : "KSM is stopped and has left pages merged");
	if (bytes == 0)
		return;
	strbuf_add(out, ", which saves ");
	strbuf_add_bytes(out, (int64_t)MIN_OF(bytes, (uint64_t)INT64_MAX));
}

static void add_merging_across(const struct host *host, struct strbuf *out)
{
	add_saved(host, out);
	strbuf_add(out, ", of all nodes together (merge_across_nodes=1): a page that guests have "
			"in common is on one node for all of them, and a move takes it away from "
			"the others too; merge_across_nodes=0 keeps a copy on each node, and can "
			"be set while nothing is merged only (run=2 before it, which takes what "
			"was saved)");
}

static void add_merging_within(const struct host *host, struct strbuf *out)
{
	add_saved(host, out);
	strbuf_add(out, ", each node's own (merge_across_nodes=0)");
}

static const struct neighbour {
	const char *name;
	bool places;
	bool (*is_there)(const struct host *host);
	const char *text; /* NULL: */
	void (*add)(const struct host *host, struct strbuf *out);
} neighbours[] = {
	{ "numa-balancing", true, is_balancing,
	  "kernel.numa_balancing is on: the kernel moves pages by itself and may take back what a "
	  "step moved; kernels up to 6.1 also hide pages from a move while they watch them; as "
	  "long "
	  "as it is on no guest is gathered or sent home (Nodes=), which sysctl "
	  "kernel.numa_balancing=0 changes",
	  NULL },
	{ "numad", true, is_numad,
	  "numad is running: it places guests by its own measure; as long as it does no guest is "
	  "gathered or sent home (Nodes=), which systemctl disable --now numad changes",
	  NULL },
	{ "demotion", true, is_demoting,
	  "demotion is on: what the kernel reclaims of a node it moves to a slower one before it "
	  "drops or swaps it",
	  NULL },
	{ "zone-reclaim", true, is_zone_reclaim, NULL, add_zone_reclaim },
	{ "ksm-across-nodes", true, is_merging_across, NULL, add_merging_across },
	{ "ksm", false, is_merging_within, NULL, add_merging_within },
};

static const struct {
	const char *name;
	const char *text;
} programs[NEIGHBOUR_PROGRAM_COUNT_] = {
	[NEIGHBOUR_SYSTEMD_OOMD] = { "systemd-oomd",
				     "systemd-oomd is running: of what units with ManagedOOMSwap= "
				     "or ManagedOOMMemoryPressure= hold it kills by limits of its "
				     "own, and does not ask" },
	[NEIGHBOUR_EARLYOOM] = { "earlyoom",
				 "earlyoom is running: it kills the process of the highest "
				 "oom_score by limits of its own, a guest like any other" },
	[NEIGHBOUR_OOMD] = { "oomd", "oomd is running: it kills cgroups by rules of its own" },
	[NEIGHBOUR_NOHANG] = { "nohang",
			       "nohang is running: it kills processes by limits of its own, a "
			       "guest like any other" },
	[NEIGHBOUR_TUNED] = { "tuned",
			      "tuned is running: its profile may set dirty ratios, swappiness and "
			      "kernel.numa_balancing; what it sets is left as it is" },
	[NEIGHBOUR_KSMTUNED] = { "ksmtuned",
				 "ksmtuned is running: it starts and stops KSM by what is free on "
				 "the host" },
};

size_t neighbour_story_tell(const struct host *host, enum neighbour_part part,
			    void (*line)(void *context, const char *name, const char *text),
			    void *context)
{
	char text[LINE_BYTES];
	struct strbuf b = STRBUF(text);
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(neighbours); i++) {
		const struct neighbour *n = &neighbours[i];

		if ((part == NEIGHBOURS_THAT_PLACE && !n->places) || !n->is_there(host))
			continue;
		strbuf_reset(&b);
		if (n->text)
			strbuf_add(&b, n->text);
		else
			n->add(host, &b);
		line(context, n->name, text);
		count++;
	}
	for (int i = 0; part == NEIGHBOURS_ALL && i < NEIGHBOUR_PROGRAM_COUNT_; i++) {
		if (!(host->neighbours.programs & 1U << i))
			continue;
		line(context, programs[i].name, programs[i].text);
		count++;
	}
	return count;
}

const char *neighbour_huge_page_name(enum huge_page_mode mode)
{
	static const char *const names[] = {
		[HUGE_PAGE_NEVER] = "never",
		[HUGE_PAGE_MADVISE] = "madvise",
		[HUGE_PAGE_ALWAYS] = "always",
	};

	return mode == HUGE_PAGE_UNKNOWN ? NULL : names[mode];
}
