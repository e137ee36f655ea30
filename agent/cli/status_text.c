/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/status_report.h"

#include "cli/canaries.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/host_text.h"
#include "cli/paragraph.h"
#include "cli/rule_text.h"
#include "cli/sampling.h"
#include "explain/rule_story.h"
#include "explain/sentence.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <stdio.h>

static int print_nodes(const struct snapshot *s)
{
	static const struct table_column columns[] = {
		{ .name = "NODE", .right = true },
		{ .name = "TOTAL", .right = true },
		{ .name = "FREE", .right = true },
		{ .name = "HEADROOM", .right = true },
		{ .name = "EMPTY IN", .right = true },
		{ .name = "CONFINED", .right = true },
		{ .name = "DIRTY", .right = true, .from_width = 100 },
		{ .name = "ANON", .right = true, .from_width = 110 },
		{ .name = "BELOW ORDER 3", .right = true, .from_width = 90 },
		{ .name = "BELOW ORDER 9", .right = true, .from_width = 120 },
	};
	static const enum metric_id cells[] = {
		METRIC_NODE_TOTAL,
		METRIC_NODE_FREE,
		METRIC_NODE_HEADROOM,
		METRIC_NODE_TIME_TO_EMPTY,
		METRIC_NODE_CONFINED,
		METRIC_NODE_DIRTY,
		METRIC_NODE_ANON,
		METRIC_NODE_UNUSABLE_ORDER_3,
		METRIC_NODE_UNUSABLE_ORDER_9,
	};

	_Static_assert(ARRAY_SIZE(columns) == ARRAY_SIZE(cells) + 1, "a column each");
	return cells_print_nodes(s, columns, cells, ARRAY_SIZE(cells));
}

/* Most services have no limit: a column of infinities would hide those that do. */
static void limit_cell(struct table *t, const struct reading *readings, enum metric_id id)
{
	if (readings[metric_index(id)].state == READING_INFINITE)
		table_cell(t, "-");
	else
		cell_reading(t, readings, id);
}

static void service_row(struct table *t, const struct status_report *report,
			const struct service *service)
{
	static const enum metric_id cells[] = {
		METRIC_SERVICE_CURRENT,	 METRIC_SERVICE_ANON,	       METRIC_SERVICE_LIMIT,
		METRIC_SERVICE_HEADROOM, METRIC_SERVICE_TIME_TO_LIMIT, METRIC_SERVICE_PSI_SOME,
		METRIC_SERVICE_PSI_SELF,
	};
	const struct policy *policy = &report->config->policies.policies[service->policy];

	table_row(t);
	cell_name(t, service->name);
	for (size_t c = 0; c < ARRAY_SIZE(cells); c++)
		limit_cell(t, service->readings, cells[c]);
	cell_shares(t, report->snapshot, service);
	cell_allowed(t, service);
	cell_policy(t, policy);
	table_cell(t, service_kind_name(policy->kind));
}

static struct table *new_services(const struct snapshot *s)
{
	/* Where memory is says nothing on one node. */
	size_t nodes_from = s->node_count > 1 ? 120 : SIZE_MAX;
	const struct table_column columns[] = {
		{ .name = "SERVICE" },
		{ .name = "SIZE", .right = true },
		{ .name = "ANON", .right = true, .from_width = 100 },
		{ .name = "LIMIT", .right = true },
		{ .name = "LEFT", .right = true },
		{ .name = "FULL IN", .right = true },
		{ .name = "STALLED", .right = true },
		{ .name = "BY ITSELF", .right = true, .from_width = 100 },
		{ .name = "BY NODE", .from_width = nodes_from },
		{ .name = "MAY USE", .from_width = s->node_count > 1 ? 90 : SIZE_MAX },
		{ .name = "POLICY", .from_width = 130 },
		{ .name = "KIND", .from_width = 140 },
	};

	return table_new("services", columns, ARRAY_SIZE(columns), false);
}

static int print_services(const struct status_report *report)
{
	const struct snapshot *s = report->snapshot;
	_cleanup_(freep) const struct service **order = cells_order_services(s);
	_cleanup_(table_freep) struct table *t = new_services(s);
	size_t shown =
		report->all ? s->service_count : MIN_OF(s->service_count, (size_t)SERVICES_SHOWN);

	if (!t || !order)
		return -1;
	cli_heading("SERVICES");
	if (s->service_count == 0) {
		puts("  no cgroup of this machine is matched by a policy");
		return 0;
	}
	for (size_t i = 0; i < shown; i++)
		service_row(t, report, order[i]);
	if (table_print(t) < 0)
		return -1;
	if (shown < s->service_count)
		printf("  and %zu smaller ones; --all shows them\n", s->service_count - shown);
	return 0;
}

static void print_state(const struct status_report *report, const struct rule_status *status)
{
	static struct rule_story story; /* large, and one at a time */
	const struct rule *rule = &report->config->rules[status->rule];
	char text[512];
	struct strbuf b = STRBUF(text);

	rule_story_tell(rule, report->snapshot, status->subject, &story);
	strbuf_addf(&b, "%s on ", rule->name);
	explain_subject(report->snapshot, status->subject, &b);
	strbuf_add(&b, ": ");
	rule_state_text(rule, status, report->snapshot->now_usec, story.when, &b);
	paragraph_print(2, text);
}

static const char *subjects_name(enum scope scope, size_t count)
{
	static const char *const names[SCOPE_COUNT_][2] = {
		[SCOPE_HOST] = { "host", "hosts" },
		[SCOPE_NODE] = { "node", "nodes" },
		[SCOPE_SERVICE] = { "service", "services" },
		[SCOPE_CANARY] = { "canary", "canaries" },
	};

	return names[scope][count != 1];
}

static void print_idle(const struct rule *rule, size_t idle, size_t all)
{
	const char *subjects = subjects_name(rule->on, all);

	printf("  %s: does not fire", rule->name);
	if (idle < all)
		printf(" on %zu of %zu %s", idle, all, subjects);
	else if (rule->on != SCOPE_HOST)
		printf(" (%zu %s)", all, subjects);
	putchar('\n');
}

/* Each instance that is not idle; of the others how many there are. */
static void print_rule(const struct status_report *report, size_t rule)
{
	size_t idle = 0, all = 0;

	for (size_t i = 0; i < engine_instance_count(report->engine); i++) {
		struct rule_status status;

		engine_instance_status(report->engine, i, &status);
		if (status.rule != rule)
			continue;
		all++;
		if (status.state == RULE_IDLE)
			idle++;
		else
			print_state(report, &status);
	}
	if (all == 0)
		printf("  %s: is about nothing that is here\n", report->config->rules[rule].name);
	else if (idle > 0)
		print_idle(&report->config->rules[rule], idle, all);
}

static void print_rules(const struct status_report *report)
{
	cli_heading("RULES");
	printf("  Mode=%s\n", mode_name(report->config->mode));
	for (size_t i = 0; i < report->config->rule_count; i++)
		print_rule(report, i);
}

int status_report_text(const struct status_report *report)
{
	sampling_title("status of", report->root, report->snapshot);
	paragraph_print(0, report->in_force
				   ? "A look of its own: of a running agent it has what is in "
				     "force, not its cooldowns."
				   : "A look of its own: what a running agent has in hand "
				     "(cooldowns, remedies) is not in it.");
	host_text_print(report->snapshot);
	if (print_nodes(report->snapshot) < 0 || print_services(report) < 0)
		return EXIT_FAILED;
	if (canaries_print(report->snapshot, report->root) < 0)
		return EXIT_FAILED;
	print_rules(report);
	if (report->kills)
		kernel_kills_text(report->kills, 0, report->snapshot->now_usec);
	if (report->in_force && in_force_text(report->in_force) < 0)
		return EXIT_FAILED;
	host_text_print_gaps(report->gaps, report->gap_count);
	return EXIT_DONE;
}
