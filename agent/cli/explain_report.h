/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What `explain` found, ready to be printed.
 */

#include "core/detail.h"
#include "engine/engine.h"
#include "explain/victim_story.h"
#include "rule/config.h"
#include "sense/sense.h"

enum explain_kind {
	EXPLAIN_HOST,
	EXPLAIN_NODE,
	EXPLAIN_SERVICE,
	EXPLAIN_PROCESS,
};

struct explain_target {
	enum explain_kind kind;
	const struct node *node;
	const struct service *service;
	size_t task; /* index into the tasks */
};

struct explain_report {
	const char *root; /* NULL: this machine */
	const struct config *config;
	const struct snapshot *snapshot;
	const struct engine *engine;
	struct kernel_detail kernel;
	struct zone_details zones; /* nothing in it where they cannot be read */
	struct task_details tasks;
	struct victim_field field;
	struct explain_target target;
	struct sense_gap gaps[SENSE_GAPS_MAX];
	size_t gap_count;
};

/* Who is meant by the operands ("host"; "node", "0"; a name; a PID). 0, or -ENOENT, and then why
 * not was said on standard error. */
int explain_find(const struct explain_report *report, const char *const *operands, size_t count,
		 struct explain_target *ret);

/* An exit status. */
int explain_report_text(const struct explain_report *report);
int explain_report_json(const struct explain_report *report);

/* What rules about the target are about; false: a process of no service. */
bool explain_subject_of(const struct explain_report *report, struct subject *ret);
/* May this service use a part of the nodes only? */
bool explain_is_confined(const struct explain_report *report, const struct service *service);
/* The state of that rule on that subject; false: it is not about it. */
bool explain_rule_status(const struct explain_report *report, struct subject subject, size_t rule,
			 struct rule_status *ret);

/* The parts of it that are long: 0 or -errno of the table. */
int explain_print_zones(const struct explain_report *report, unsigned node);
/* The nodes in a line each, for the host. */
int explain_print_nodes(const struct explain_report *report);
void explain_print_victim(const struct explain_report *report, const struct victim_story *story);
/* The rules about a subject. */
void explain_print_rules(const struct explain_report *report, struct subject subject);
