/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What `explain` found, ready to be printed.
 */

#include "cli/kernel_kills.h"
#include "cli/victims.h"
#include "core/detail.h"
#include "engine/engine.h"
#include "explain/obstacle_story.h"
#include "host/warden.h"
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
	size_t task; /* index into the tasks of `victims` */
};

struct explain_report {
	const char *root; /* NULL: this machine */
	const struct config *config;
	const struct snapshot *snapshot;
	const struct engine *engine;
	struct victims victims;
	struct memory_detail memory;
	struct explain_target target;
	/* The cgroup above the target whose limit it meets first; NULL: its own, or none. */
	const char *limit_cgroup;
	struct guest_detail guest; /* of the process, or of the one that runs the service's guest */
	bool has_guest;
	struct advice_list advice; /* of a node: what keeps memory there, and could be changed */
	struct kernel_kills kills; /* an error where it is a captured machine */
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
/* The state of that rule on that subject; false: it is not about it. */
bool explain_rule_status(const struct explain_report *report, struct subject subject, size_t rule,
			 struct rule_status *ret);

/* The parts of it that are long: 0 or -errno of the table. */
int explain_print_zones(const struct explain_report *report, unsigned node);
/* The nodes in a line each, for the host. */
int explain_print_nodes(const struct explain_report *report);
/* One node: what is left, where allocations go next, who is confined there, whose memory it is. */
int explain_print_node(const struct explain_report *report, const struct node *node);
/* Is it one of those that node.confined is about, and may it use that node? */
bool explain_is_confined(const struct explain_report *report, const struct service *service,
			 unsigned node);
/* Whom the kernel would kill, and what is wrong with that. */
void explain_print_host_victim(const struct explain_report *report);
void explain_print_node_victims(const struct explain_report *report, unsigned node);
void explain_print_service_victims(const struct explain_report *report,
				   const struct service *service);
void explain_print_process_victims(const struct explain_report *report, size_t task);
/* The rules about a subject. */
void explain_print_rules(const struct explain_report *report, struct subject subject);

/* What is to be told of the target's guest and memory policies; nothing of a target without
 * processes. 0 or -ENOMEM. */
int explain_read_guest(struct warden *warden, struct explain_report *report);
void explain_print_guest(const struct explain_report *report);
struct json_object;
/* The kernel's own memory: findings, slab caches. */
struct json_object *explain_json_kernel_memory(const struct explain_report *report);
/* The nodes that an allocation tries, in order; who may not follow it. */
struct json_object *explain_json_fallback(const struct explain_report *report,
					  const struct node *node);
struct json_object *explain_json_confined(const struct explain_report *report, unsigned node);
void explain_add_guest(struct json_object *to, const struct explain_report *report);
