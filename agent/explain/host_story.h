/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host in words: what there is and what is left, what goes on (rates that are not zero), and
 * what the numbers stand on, where it is enough to mislead: pools that nothing else can have,
 * memory that looks like cache and is none, memory that looks taken and can be had.
 */

#include "core/snapshot.h"
#include "util/strbuf.h"

enum host_line {
	HOST_LINE_MEMORY,
	HOST_LINE_LIMIT,
	HOST_LINE_SWAP,
	HOST_LINE_STALLS,
	HOST_LINE_RATES,
	HOST_LINE_WRITES,
	HOST_LINE_KERNEL,
	HOST_LINE_UNACCOUNTED,
	HOST_LINE_HUGETLB,
	HOST_LINE_SHMEM,
	HOST_LINE_ARC,
	HOST_LINE_ZRAM,
	HOST_LINE_RESERVE,
	HOST_LINE_PROTECTED,
	HOST_LINE_KILLS,
	HOST_LINE_COUNT_,
};

/* Appends a sentence. False, and nothing appended, where there is nothing worth one. */
bool host_story_line(const struct snapshot *snapshot, enum host_line line, struct strbuf *out);
