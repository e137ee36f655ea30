/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What `status --numa` found, ready to be printed: guests by node, as things are and as the plan of
 * this moment would have them.
 */

#include "cli/cli.h"
#include "cli/plan_report.h"
#include "explain/numa_story.h"

struct numa_report {
	const char *root;		 /* NULL: this machine */
	bool all;			 /* every service */
	const struct plan_report *found; /* with the steps that a plan has now */
	struct numa_place *places;	 /* of what is shown, the largest first */
	size_t count;
	size_t left_out;
	uint64_t left_out_bytes;
};

/* `status --numa`; an exit status. */
int status_numa(const struct verb *verb, const struct cli_options *options);

/* An exit status. */
int numa_report_text(const struct numa_report *report);
int numa_report_json(const struct numa_report *report);

/* On snapshot->nodes[node]: as it is, and once the plan's moves are done. */
uint64_t numa_report_after(const struct numa_report *report, const struct numa_place *place,
			   size_t node);
struct reading numa_report_room(const struct numa_report *report, enum metric_id id, size_t node,
				bool after);
/* Does the plan move anything? */
bool numa_report_moves(const struct numa_report *report);
