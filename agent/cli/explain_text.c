/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/explain_report.h"

#include "cli/cli.h"
#include "explain/zone_story.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 1024

static const char *reading_text(const struct reading *readings, enum metric_id id, struct strbuf *b)
{
	strbuf_reset(b);
	reading_format(readings[metric_index(id)], metric_get(id)->dimension, b);
	return b->data;
}

static bool is_known(const struct reading *readings, enum metric_id id)
{
	return readings[metric_index(id)].state == READING_KNOWN;
}

static void print_kernel(const struct explain_report *report)
{
	const char *watermarks = watermark_era_name(watermark_era_of(report->kernel.release));
	const struct victim_field *field = &report->field;

	if (report->kernel.release[0])
		printf("Kernel %s: ", report->kernel.release);
	else
		printf("The kernel's release is not known, the newest rules are taken: ");
	printf("watermarks as in %s, ", watermarks);
	if (field->era_too_old)
		puts("a choice of victims that is not modelled.");
	else
		printf("victims as in %s%s.\n", badness_era_name(field->era),
		       field->era_corrected ? " (as the scores that it shows tell)" : "");
}

static void print_title(const struct explain_report *report, const char *subject)
{
	printf("oomwarden %s: %s of %s%s\n", OOMWARDEN_VERSION, subject,
	       report->root ? "the captured machine " : "this machine",
	       report->root ? report->root : "");
	print_kernel(report);
	if (report->snapshot->single)
		puts("One sample: rates and times to empty are unknown.");
}

static void print_task(const struct explain_report *report, const struct victim_story *story,
		       const char *word, size_t task)
{
	char name[256], arithmetic[LINE_BYTES];
	struct strbuf n = STRBUF(name), a = STRBUF(arithmetic);

	victim_name(&report->field, task, &n);
	victim_arithmetic(&report->field, &story->scope, task, &a);
	printf("    %s%s\n      %s\n", word, name, arithmetic);
}

static void print_scope(const struct victim_story *story)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	victim_scope_text(story, &b);
	printf("  %s: of %zu processes %zu may be killed\n", text, story->members,
	       story->choice.killable);
}

void explain_print_victim(const struct explain_report *report, const struct victim_story *story)
{
	char text[512];
	struct strbuf b = STRBUF(text);

	print_scope(story);
	if (story->victim != BADNESS_NOBODY)
		print_task(report, story, "", story->victim);
	for (unsigned hazard = 1; hazard <= VICTIM_NEGLIGIBLE; hazard <<= 1) {
		if (!(story->hazards & hazard))
			continue;
		strbuf_reset(&b);
		victim_hazard_text(&report->field, story, (enum victim_hazard)hazard, &b);
		printf("      ! %s\n", text);
	}
	/* Of a crowd the next one is as good as any. */
	if (story->runner_up != BADNESS_NOBODY && !story->choice.is_floor_crowd)
		print_task(report, story, "then ", story->runner_up);
}

static bool can_tell_victims(const struct explain_report *report)
{
	cli_heading("WHOM THE KERNEL WOULD KILL");
	if (report->tasks.count == 0)
		puts("  no process can be read");
	else if (report->field.era_too_old)
		puts("  kernels before 2.6.36 choose by other measures");
	else
		return true;
	return false;
}

static void no_memory(void)
{
	puts("  there is no memory to tell that with");
}

static void print_host_victim(const struct explain_report *report)
{
	struct victim_story story;

	if (!can_tell_victims(report))
		return;
	if (victim_of_host(&report->field, &story) < 0)
		no_memory();
	else
		explain_print_victim(report, &story);
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

	if (victim_of_nodes(&report->field, nodes, BADNESS_MEMPOLICY, &policy) < 0 ||
	    victim_of_nodes(&report->field, nodes, BADNESS_CPUSET, &cpuset) < 0) {
		puts("  zoneinfo cannot be read, or not completely");
		return;
	}
	explain_print_victim(report, &policy);
	if (same_choice(&policy, &cpuset))
		puts("  asked for under a cpuset: the same");
	else
		explain_print_victim(report, &cpuset);
}

static void print_host(const struct explain_report *report)
{
	const struct reading *readings = report->snapshot->host.readings;
	char text[64];
	struct strbuf b = STRBUF(text);

	cli_heading("HOST");
	printf("  %s available", reading_text(readings, METRIC_MEM_AVAILABLE, &b));
	printf(" of %s", reading_text(readings, METRIC_MEM_TOTAL, &b));
	if (is_known(readings, METRIC_MEM_TIME_TO_EMPTY))
		printf(", empty in %s", reading_text(readings, METRIC_MEM_TIME_TO_EMPTY, &b));
	putchar('\n');
	if (!report->snapshot->host.swap_present) {
		puts("  no swap");
		return;
	}
	printf("  swap: %s free", reading_text(readings, METRIC_SWAP_FREE, &b));
	printf(" of %s\n", reading_text(readings, METRIC_SWAP_TOTAL, &b));
}

static int explain_host(const struct explain_report *report)
{
	print_title(report, "the host");
	print_host(report);
	if (explain_print_nodes(report) < 0)
		return -1;
	print_host_victim(report);
	return 0;
}

static void add_share(const struct explain_report *report, const struct service *service,
		      unsigned node, struct strbuf *out)
{
	for (size_t i = 0; service->shares && i < report->snapshot->node_count; i++)
		if (report->snapshot->nodes[i].id == node) {
			strbuf_add_bytes(out, (int64_t)service->shares[i].bytes);
			return;
		}
	strbuf_add(out, "an unknown amount");
}

static void print_confined(const struct explain_report *report, unsigned node)
{
	size_t count = 0;

	for (size_t i = 0; i < report->snapshot->service_count; i++) {
		const struct service *service = &report->snapshot->services[i];
		char text[256];
		struct strbuf b = STRBUF(text);

		if (!explain_is_confined(report, service) || !idset_has(&service->allowed, node))
			continue;
		strbuf_add_name(&b, service->name);
		strbuf_add(&b, " may use nothing but node ");
		idset_format(&service->allowed, &b);
		strbuf_add(&b, ", and has ");
		add_share(report, service, node, &b);
		strbuf_add(&b, " here");
		printf("  %s\n", text);
		count++;
	}
	if (count == 0 && report->snapshot->node_count > 1)
		puts("  no service is known to be confined to it");
}

static void print_node(const struct explain_report *report, const struct node *node)
{
	char text[64];
	struct strbuf b = STRBUF(text);

	cli_heading("NODE");
	printf("  %s of headroom", reading_text(node->readings, METRIC_NODE_HEADROOM, &b));
	printf(" in %s", reading_text(node->readings, METRIC_NODE_TOTAL, &b));
	if (is_known(node->readings, METRIC_NODE_TIME_TO_EMPTY))
		printf(", empty in %s",
		       reading_text(node->readings, METRIC_NODE_TIME_TO_EMPTY, &b));
	printf("; %s free", reading_text(node->readings, METRIC_NODE_FREE, &b));
	printf(", %s of clean file pages\n", reading_text(node->readings, METRIC_NODE_CLEAN, &b));
	print_confined(report, node->id);
}

static int explain_node(const struct explain_report *report, const struct node *node)
{
	struct idset nodes = { 0 };
	char title[32];

	snprintf(title, sizeof(title), "node %u", node->id);
	print_title(report, title);
	print_node(report, node);
	if (explain_print_zones(report, node->id) < 0)
		return -1;
	/* Where there is one node only nobody is confined to it. */
	if (report->snapshot->node_count == 1) {
		print_host_victim(report);
	} else if (can_tell_victims(report)) {
		idset_add(&nodes, node->id);
		print_node_victims(report, &nodes);
	}
	return 0;
}

static void print_service(const struct explain_report *report, const struct service *service)
{
	const struct policy *policy = &report->config->policies.policies[service->policy];
	const struct snapshot *s = report->snapshot;
	char text[256];
	struct strbuf b = STRBUF(text);

	cli_heading("SERVICE");
	strbuf_add_name(&b, service->path);
	printf("  %s\n", text);
	printf("  policy %s/%s: %s, Kill=%s, Rank=%d, Nodes=%s\n", policy->set, policy->name,
	       service_kind_name(policy->kind), kill_class_name(policy->kill), policy->rank,
	       nodes_mode_name(policy->nodes));
	printf("  uses %s", reading_text(service->readings, METRIC_SERVICE_CURRENT, &b));
	printf(", limit %s", reading_text(service->readings, METRIC_SERVICE_MAX, &b));
	printf(", swapped %s\n", reading_text(service->readings, METRIC_SERVICE_SWAP, &b));
	for (size_t i = 0; service->shares && i < s->node_count; i++) {
		strbuf_reset(&b);
		add_share(report, service, s->nodes[i].id, &b);
		printf("  on node %u: %s\n", s->nodes[i].id, text);
	}
	strbuf_reset(&b);
	if (service->allowed_known)
		idset_format(&service->allowed, &b);
	else
		strbuf_add(&b, "not known");
	printf("  nodes that it may use: %s\n", text);
	if (service->hold == HOLD_PINNED)
		puts("  its memory is pinned for devices, and cannot be moved");
	if (service->hold == HOLD_INCOMING_MIGRATION)
		puts("  it is being migrated to this host, and left alone");
}

static void print_standing(const struct explain_report *report, size_t task)
{
	struct badness_scope scope = { .total_pages = report->kernel.ram_pages +
						      report->kernel.swap_pages };
	struct task_standing standing;
	char name[256], arithmetic[LINE_BYTES];
	struct strbuf n = STRBUF(name), a = STRBUF(arithmetic);

	victim_standing(&report->field, task, &standing);
	victim_name(&report->field, task, &n);
	victim_arithmetic(&report->field, &scope, task, &a);
	if (standing.standing == BADNESS_KILLABLE)
		printf("  memory of the whole host: %s goes after %zu of %zu\n    %s\n", name,
		       standing.above, standing.killable, arithmetic);
	else
		printf("  memory of the whole host: %s %s\n    %s\n", name,
		       victim_standing_text(standing.standing), arithmetic);
}

/* The process of a service that an OOM of the host would take first. */
static size_t first_of(const struct explain_report *report, const struct service *service)
{
	size_t best = BADNESS_NOBODY;
	struct task_standing standing, most = { .points = BADNESS_IMMUNE };

	for (size_t i = 0; i < report->tasks.count; i++) {
		if (victim_service(&report->field, i) != service)
			continue;
		victim_standing(&report->field, i, &standing);
		if (best != BADNESS_NOBODY && standing.points <= most.points)
			continue;
		best = i;
		most = standing;
	}
	return best;
}

static void print_service_victims(const struct explain_report *report,
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
	if (explain_is_confined(report, service))
		print_node_victims(report, &service->allowed);
	r = victim_of_service(&report->field, service, &story);
	if (r == -ENOENT)
		puts("  it has no limit of its own that could be hit");
	else if (r < 0)
		no_memory();
	else
		explain_print_victim(report, &story);
}

static int explain_service(const struct explain_report *report, const struct service *service)
{
	char title[256];
	struct strbuf b = STRBUF(title);

	strbuf_add_name(&b, service->name);
	print_title(report, title);
	print_service(report, service);
	print_service_victims(report, service);
	return 0;
}

static void print_process(const struct explain_report *report, const struct task_detail *task,
			  const struct service *service)
{
	char text[512];
	struct strbuf b = STRBUF(text);

	cli_heading("PROCESS");
	strbuf_add_name(&b, task->cgroup ? task->cgroup : "unknown");
	printf("  cgroup: %s\n", text[0] ? text : "the root");
	strbuf_reset(&b);
	if (service)
		strbuf_add_name(&b, service->name);
	printf("  service: %s\n", service ? text : "none that a policy matches");
	strbuf_reset(&b);
	if (task->mems_known)
		idset_format(&task->mems_allowed, &b);
	printf("  nodes that its cpuset allows: %s\n", task->mems_known ? text : "not known");
	strbuf_reset(&b);
	strbuf_add_bytes(&b, (int64_t)(task->rss_pages * report->kernel.page_size_bytes));
	printf("  resident: %s", text);
	strbuf_reset(&b);
	strbuf_add_bytes(&b, (int64_t)(task->swap_pages * report->kernel.page_size_bytes));
	printf(", swapped: %s, oom_score_adj: %d\n", text, task->oom_score_adj);
	if (task->shown_score >= 0)
		printf("  oom_score, as the kernel shows it: %" PRId64 "\n", task->shown_score);
}

static int explain_process(const struct explain_report *report, size_t index)
{
	const struct task_detail *task = &report->tasks.tasks[index];
	const struct service *service = victim_service(&report->field, index);
	char title[128];
	struct strbuf b = STRBUF(title);

	strbuf_addf(&b, "process %d, ", (int)task->pid);
	strbuf_add_name(&b, task->comm);
	strbuf_add(&b, ",");
	print_title(report, title);
	print_process(report, task, service);
	if (can_tell_victims(report))
		print_standing(report, index);
	return 0;
}

static int explain_target(const struct explain_report *report)
{
	switch (report->target.kind) {
	case EXPLAIN_HOST:
		return explain_host(report);
	case EXPLAIN_NODE:
		return explain_node(report, report->target.node);
	case EXPLAIN_SERVICE:
		return explain_service(report, report->target.service);
	case EXPLAIN_PROCESS:
		return explain_process(report, report->target.task);
	}
	return -1;
}

int explain_report_text(const struct explain_report *report)
{
	struct subject subject;

	if (explain_target(report) < 0)
		return EXIT_FAILED;
	if (explain_subject_of(report, &subject))
		explain_print_rules(report, subject);
	if (report->tasks.unreadable > 0)
		printf("\n%zu processes could not be read and were left out.\n",
		       report->tasks.unreadable);
	if (report->gap_count) {
		cli_heading("CANNOT SEE");
		for (size_t i = 0; i < report->gap_count; i++)
			printf("  %s\n", report->gaps[i].text);
	}
	return EXIT_DONE;
}
