/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What else on this host places, merges or gives back memory, or kills for want of it, beside
 * kernel.numa_balancing and numad, which placement itself goes by (struct host). Plain data, looked
 * for in housekeeping. References: Documentation/admin-guide/mm/ksm.rst, sysctl/vm.rst,
 * Documentation/ABI/testing/sysfs-kernel-mm-numa, admin-guide/mm/transhuge.rst.
 */

#include <stdbool.h>
#include <stdint.h>

enum neighbour_program {
	NEIGHBOUR_SYSTEMD_OOMD,
	NEIGHBOUR_EARLYOOM,
	NEIGHBOUR_OOMD,
	NEIGHBOUR_NOHANG,
	NEIGHBOUR_TUNED,
	NEIGHBOUR_KSMTUNED,
	NEIGHBOUR_PROGRAM_COUNT_,
};

enum huge_page_mode { /* transparent ones */
		      HUGE_PAGE_UNKNOWN,
		      HUGE_PAGE_NEVER,
		      HUGE_PAGE_MADVISE,
		      HUGE_PAGE_ALWAYS,
};

struct neighbours {
	unsigned programs; /* that run: bits 1 << enum neighbour_program */
	/* What follows is about several nodes, and zero on a host that has one. */
	bool ksm_runs;
	bool ksm_across_nodes;	  /* it merges pages of different nodes into one */
	uint64_t ksm_saved_bytes; /* what merging saves now */
	unsigned zone_reclaim;	  /* vm.zone_reclaim_mode, its bits */
	bool demotes;		  /* reclaim moves pages to slower nodes first */
	enum huge_page_mode huge_pages;
};
