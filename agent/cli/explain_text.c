/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/explain_report.h"

#include "cli/canaries.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "cli/host_text.h"
#include "cli/paragraph.h"
#include "cli/sampling.h"
#include "explain/kernel_story.h"
#include "explain/place_story.h"
#include "explain/service_story.h"
#include "explain/zone_story.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <inttypes.h>
#include <stdio.h>

#define LINE_BYTES   1024
#define CACHES_SHOWN 10

static void print_kernel(const struct explain_report *report)
{
	const char *watermarks =
		watermark_era_name(watermark_era_of(report->victims.kernel.release));
	const struct victim_field *field = &report->victims.field;
	char text[512];
	struct strbuf b = STRBUF(text);

	if (report->victims.kernel.release[0]) {
		strbuf_add(&b, "Kernel ");
		strbuf_add_name(&b, report->victims.kernel.release);
		strbuf_add(&b, ": ");
	} else {
		strbuf_add(&b, "The kernel's release is not known, the newest rules are taken: ");
	}
	strbuf_addf(&b, "watermarks as in %s, ", watermarks);
	if (field->era_too_old)
		strbuf_add(&b, "a choice of victims that is not modelled.");
	else
		strbuf_addf(&b, "victims as in %s%s.", badness_era_name(field->era),
			    field->era_corrected ? " (as the scores that it shows tell)" : "");
	paragraph_print(0, text);
}

static void print_title(const struct explain_report *report, const char *subject)
{
	char text[300];
	struct strbuf b = STRBUF(text);

	strbuf_addf(&b, "%s of", subject);
	sampling_title(text, report->root, report->snapshot);
	print_kernel(report);
}

static int print_caches(const struct explain_report *report)
{
	static const struct table_column columns[] = {
		{ .name = "SLAB CACHE" },
		{ .name = "SIZE", .right = true },
		{ .name = "OBJECTS", .right = true },
		{ .name = "OF", .right = true },
		{ .name = "GROWTH", .right = true },
	};
	const struct memory_detail *memory = &report->memory;
	_cleanup_(table_freep) struct table *t =
		table_new("slabs", columns, ARRAY_SIZE(columns), false);

	if (!t)
		return -1;
	for (size_t i = 0; i < MIN_OF(memory->slab_count, (size_t)CACHES_SHOWN); i++) {
		const struct slab_detail *slab = &memory->slabs[i];
		char text[64];
		struct strbuf b = STRBUF(text);

		table_row(t);
		cell_name(t, slab->name);
		cell_bytes(t, slab->bytes);
		cell_format(t, "%" PRIu64, slab->active_objects);
		cell_bytes(t, slab->object_bytes);
		if (slab->growth_known) {
			strbuf_add_bytes(&b, slab->growth_bytes);
			strbuf_add(&b, " in ");
			strbuf_add_duration(&b, slab->growth_usec);
		} else {
			strbuf_add(&b, "unknown");
		}
		table_cell(t, text);
	}
	return table_print(t);
}

/* Findings always; the list of caches is of use where they can be read. */
static int print_kernel_memory(const struct explain_report *report)
{
	static struct kernel_story story; /* large, and one at a time */
	char text[512];
	struct strbuf b = STRBUF(text);

	kernel_story_tell(report->snapshot, &report->memory, &story);
	if (story.count == 0 && report->memory.slab_count == 0)
		return 0;
	cli_heading("KERNEL MEMORY");
	for (size_t i = 0; i < story.count; i++) {
		strbuf_reset(&b);
		strbuf_add(&b, "! ");
		kernel_finding_text(&story.findings[i], &b);
		paragraph_print(2, text);
	}
	if (story.count == 0)
		puts("  nothing in it is conspicuous");
	return report->memory.slab_count > 0 ? print_caches(report) : 0;
}

static int explain_host(const struct explain_report *report)
{
	print_title(report, "the host");
	host_text_print(report->snapshot);
	if (explain_print_nodes(report) < 0 || canaries_print(report->snapshot, report->root) < 0 ||
	    print_kernel_memory(report) < 0)
		return -1;
	kernel_kills_text(&report->kills, 0, report->snapshot->now_usec);
	explain_print_host_victim(report);
	return 0;
}

static int explain_node(const struct explain_report *report, const struct node *node)
{
	char title[32];

	snprintf(title, sizeof(title), "node %u", node->id);
	print_title(report, title);
	if (explain_print_node(report, node) < 0 || explain_print_zones(report, node->id) < 0)
		return -1;
	/* Where there is one node only nobody is confined to it. */
	if (report->snapshot->node_count == 1)
		explain_print_host_victim(report);
	else
		explain_print_node_victims(report, node->id);
	return 0;
}

static void print_place(const struct snapshot *s, const struct service *service)
{
	char text[512];
	struct strbuf b = STRBUF(text);

	for (size_t i = 0; service->shares && i < s->node_count; i++) {
		strbuf_reset(&b);
		strbuf_add_bytes(&b, (int64_t)service->shares[i].bytes);
		printf("  on node %u: %s\n", s->nodes[i].id, text);
	}
	strbuf_reset(&b);
	strbuf_add(&b, "nodes that it may use: ");
	if (service->allowed_known)
		idset_format(service->allowed, &b);
	else
		strbuf_add(&b, "not known");
	if (place_is_confined(s, service) && service->confined_by) {
		strbuf_add(&b, ", ");
		place_confined_by(service, &b);
	}
	paragraph_print(2, text);
}

/* Where no service has that limit. */
static void print_limit_cgroup(const struct explain_report *report, const struct service *service)
{
	const struct service *owner;
	char text[LINE_BYTES];
	struct strbuf b = STRBUF(text);

	if (!report->limit_cgroup ||
	    service_limit_owner(report->snapshot, service, &owner) != LIMIT_ABOVE)
		return;
	strbuf_add(&b, "that cgroup is ");
	strbuf_add_name(&b, report->limit_cgroup[0] ? report->limit_cgroup
						    : "the one that holds this machine");
	paragraph_print(4, text);
}

static void print_service(const struct explain_report *report, const struct service *service)
{
	const struct policy *policy = &report->config->policies.policies[service->policy];
	char text[LINE_BYTES];
	struct strbuf b = STRBUF(text);

	cli_heading("SERVICE");
	strbuf_add_name(&b, service->path);
	printf("  %s\n", text);
	printf("  policy %s/%s: %s, Kill=%s, Rank=%d, Nodes=%s\n", policy->set, policy->name,
	       service_kind_name(policy->kind), kill_class_name(policy->kill), policy->rank,
	       nodes_mode_name(policy->nodes));
	for (int line = 0; line < SERVICE_LINE_COUNT_; line++) {
		strbuf_reset(&b);
		if (service_story_line(report->snapshot, service, (enum service_line)line, &b))
			paragraph_print(2, text);
		if (line == SERVICE_LINE_LIMIT)
			print_limit_cgroup(report, service);
	}
	print_place(report->snapshot, service);
	if (service->hold != HOLD_NONE)
		printf("  %s\n", place_hold_text(service->hold));
}

static int explain_service(const struct explain_report *report, const struct service *service)
{
	char title[256];
	struct strbuf b = STRBUF(title);

	strbuf_add_name(&b, service->name);
	print_title(report, title);
	print_service(report, service);
	explain_print_guest(report);
	kernel_kills_text(&report->kills, service_key(service), report->snapshot->now_usec);
	explain_print_service_victims(report, service);
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
	strbuf_add_bytes(&b, (int64_t)(task->rss_pages * report->victims.kernel.page_size_bytes));
	printf("  resident: %s", text);
	strbuf_reset(&b);
	strbuf_add_bytes(&b, (int64_t)(task->swap_pages * report->victims.kernel.page_size_bytes));
	printf(", swapped: %s, oom_score_adj: %d\n", text, task->oom_score_adj);
	if (task->shown_score >= 0)
		printf("  oom_score, as the kernel shows it: %" PRId64 "\n", task->shown_score);
}

static int explain_process(const struct explain_report *report, size_t index)
{
	const struct task_detail *task = &report->victims.tasks.tasks[index];
	const struct service *service = victim_service(&report->victims.field, index);
	char title[128];
	struct strbuf b = STRBUF(title);

	strbuf_addf(&b, "process %d, ", (int)task->pid);
	strbuf_add_name(&b, task->comm);
	strbuf_add(&b, ",");
	print_title(report, title);
	print_process(report, task, service);
	explain_print_guest(report);
	explain_print_process_victims(report, index);
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
	if (report->victims.tasks.unreadable > 0)
		printf("\n%zu processes could not be read and were left out.\n",
		       report->victims.tasks.unreadable);
	host_text_print_gaps(report->gaps, report->gap_count);
	return EXIT_DONE;
}
