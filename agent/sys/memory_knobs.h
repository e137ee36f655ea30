/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the kernel has been told to do with memory by itself: KSM (Documentation/admin-guide/mm/
 * ksm.rst), reclaim within a node (sysctl/vm.rst), demotion (ABI/testing/sysfs-kernel-mm-numa),
 * transparent huge pages (admin-guide/mm/transhuge.rst). For calm rounds.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sysroot;

enum memory_knob_thp {
	MEMORY_KNOB_THP_UNKNOWN,
	MEMORY_KNOB_THP_NEVER,
	MEMORY_KNOB_THP_MADVISE,
	MEMORY_KNOB_THP_ALWAYS,
};

struct memory_knobs {
	bool ksm_runs;	       /* run is 1; stopped, merged pages stay merged */
	bool ksm_across_nodes; /* merge_across_nodes, which kernels before 3.9 do by nature */
	uint64_t ksm_pages;    /* pages_sharing: how many more pages there would be */
	unsigned zone_reclaim; /* vm.zone_reclaim_mode */
	bool demotes;	       /* demotion_enabled */
	enum memory_knob_thp thp;
};

/* With zeroes for what this kernel does not have, and for what nobody can be. */
void memory_knobs_read(const struct sysroot *root, struct memory_knobs *ret);

/* The choice in brackets of "always [madvise] never". */
enum memory_knob_thp memory_knobs_parse_thp(const char *text, size_t length);
/* "true" or "1": how the kernel prints a truth has changed. */
bool memory_knobs_parse_truth(const char *text, size_t length);
