/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What `status` found, ready to be printed.
 */

#include "cli/in_force.h"
#include "cli/kernel_kills.h"
#include "engine/engine.h"
#include "rule/config.h"
#include "sense/sense.h"

struct status_report {
	const char *root; /* NULL: this machine */
	bool all;	  /* every service */
	const struct config *config;
	const struct snapshot *snapshot;
	const struct engine *engine;
	const struct in_force *in_force;  /* NULL: not of a captured machine */
	const struct kernel_kills *kills; /* likewise */
	struct sense_gap gaps[SENSE_GAPS_MAX];
	size_t gap_count;
};

/* An exit status. */
int status_report_text(const struct status_report *report);
int status_report_json(const struct status_report *report);
