/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/explain_report.h"

#include "cli/cli.h"
#include "cli/paragraph.h"
#include "explain/place_story.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <stdio.h>

#define LINE_BYTES 1024

static void print_task(const struct explain_report *report, const struct victim_story *story,
		       const char *word, size_t task)
{
	char name[256], arithmetic[LINE_BYTES];
	struct strbuf n = STRBUF(name), a = STRBUF(arithmetic);

	victim_name(&report->victims.field, task, &n);
	victim_arithmetic(&report->victims.field, &story->scope, task, &a);
	printf("    %s%s\n", word, name);
	paragraph_print(6, arithmetic);
}

static void print_scope(const struct victim_story *story)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	victim_scope_text(story, &b);
	printf("  %s: of %zu processes %zu may be killed\n", text, story->members,
	       story->choice.killable);
}

static void print_victim(const struct explain_report *report, const struct victim_story *story)
{
	print_scope(story);
	if (story->victim != BADNESS_NOBODY)
		print_task(report, story, "", story->victim);
	victims_print_hazards(&report->victims, story, story->hazards, 6);
	/* Of a crowd the next one is as good as any. */
	if (story->runner_up != BADNESS_NOBODY && !story->choice.is_floor_crowd)
		print_task(report, story, "then ", story->runner_up);
}

static bool can_tell_victims(const struct explain_report *report)
{
	const char *why_not = victims_unknown(&report->victims);

	cli_heading("WHOM THE KERNEL WOULD KILL");
	if (why_not)
		printf("  %s\n", why_not);
	return !why_not;
}

static void no_memory(void)
{
	puts("  there is no memory to tell that with");
}

void explain_print_host_victim(const struct explain_report *report)
{
	struct victim_story story;

	if (!can_tell_victims(report))
		return;
	if (victim_of_host(&report->victims.field, &story) < 0)
		no_memory();
	else
		print_victim(report, &story);
}

static bool same_choice(const struct victim_story *a, const struct victim_story *b)
{
	return a->victim == b->victim && a->runner_up == b->runner_up &&
	       a->choice.killable == b->choice.killable &&
	       (a->hazards & ~(unsigned)VICTIM_POLICY_ASSUMED) ==
		       (b->hazards & ~(unsigned)VICTIM_POLICY_ASSUMED);
}

static void print_node_victims(const struct explain_report *report, const struct idset *nodes)
{
	struct victim_story policy, cpuset;

	if (victim_of_nodes(&report->victims.field, nodes, BADNESS_MEMPOLICY, &policy) < 0 ||
	    victim_of_nodes(&report->victims.field, nodes, BADNESS_CPUSET, &cpuset) < 0) {
		puts("  zoneinfo cannot be read, or not completely");
		return;
	}
	print_victim(report, &policy);
	if (same_choice(&policy, &cpuset))
		puts("  asked for under a cpuset: the same");
	else
		print_victim(report, &cpuset);
}

static void print_standing(const struct explain_report *report, size_t task)
{
	struct badness_scope scope = { .total_pages = report->victims.kernel.ram_pages +
						      report->victims.kernel.swap_pages };
	struct task_standing standing;
	char name[256], arithmetic[LINE_BYTES];
	struct strbuf n = STRBUF(name), a = STRBUF(arithmetic);

	victim_standing(&report->victims.field, task, &standing);
	victim_name(&report->victims.field, task, &n);
	victim_arithmetic(&report->victims.field, &scope, task, &a);
	if (standing.standing == BADNESS_KILLABLE)
		printf("  memory of the whole host: %s goes after %zu of %zu\n", name,
		       standing.above, standing.killable);
	else
		printf("  memory of the whole host: %s %s\n", name,
		       victim_standing_text(standing.standing));
	paragraph_print(4, arithmetic);
}

/* The process of a service that an OOM of the host would take first. */
static size_t first_of(const struct explain_report *report, const struct service *service)
{
	size_t best = BADNESS_NOBODY;
	struct task_standing standing, most = { .points = BADNESS_IMMUNE };

	for (size_t i = 0; i < report->victims.tasks.count; i++) {
		if (victim_service(&report->victims.field, i) != service)
			continue;
		victim_standing(&report->victims.field, i, &standing);
		if (best != BADNESS_NOBODY && standing.points <= most.points)
			continue;
		best = i;
		most = standing;
	}
	return best;
}

/* The cgroup whose limit it meets first may be another one: all that is in it is then asked. */
static void print_above(const struct explain_report *report, const struct service *service)
{
	struct reading limit = service->readings[metric_index(METRIC_SERVICE_LIMIT)];
	struct victim_story story;

	if (!report->limit_cgroup || limit.state != READING_KNOWN)
		return;
	if (victim_of_cgroup(&report->victims.field, report->limit_cgroup, (uint64_t)limit.value,
			     &story) < 0)
		no_memory();
	else
		print_victim(report, &story);
}

void explain_print_service_victims(const struct explain_report *report,
				   const struct service *service)
{
	struct victim_story story;
	size_t first;
	int r;

	if (!can_tell_victims(report))
		return;
	first = first_of(report, service);
	if (first == BADNESS_NOBODY)
		puts("  none of its processes can be read");
	else
		print_standing(report, first);
	if (place_is_confined(report->snapshot, service))
		print_node_victims(report, service->allowed);
	r = victim_of_service(&report->victims.field, service, &story);
	if (r == -ENOENT)
		puts("  it has no limit of its own that could be hit");
	else if (r < 0)
		no_memory();
	else
		print_victim(report, &story);
	print_above(report, service);
}

void explain_print_node_victims(const struct explain_report *report, unsigned node)
{
	struct idset nodes = { 0 };

	if (!can_tell_victims(report))
		return;
	idset_add(&nodes, node);
	print_node_victims(report, &nodes);
}

void explain_print_process_victims(const struct explain_report *report, size_t task)
{
	if (can_tell_victims(report))
		print_standing(report, task);
}
