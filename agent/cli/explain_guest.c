/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/explain_report.h"

#include "cli/cli.h"
#include "cli/json_value.h"
#include "cli/paragraph.h"
#include "explain/guest_story.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool find_process(const struct warden *warden, const struct explain_report *report,
			 pid_t *ret_pid, uint64_t *ret_start_ticks)
{
	const struct explain_target *target = &report->target;

	if (target->kind == EXPLAIN_PROCESS) {
		*ret_pid = report->victims.tasks.tasks[target->task].pid;
		*ret_start_ticks = report->victims.tasks.tasks[target->task].start_ticks;
		return !report->victims.tasks.tasks[target->task].is_kernel_thread;
	}
	return target->kind == EXPLAIN_SERVICE &&
	       warden_monitor(warden, target->service, ret_pid, ret_start_ticks);
}

int explain_read_guest(struct warden *warden, struct explain_report *report)
{
	uint64_t start_ticks;
	pid_t pid;
	int r;

	if (!find_process(warden, report, &pid, &start_ticks))
		return 0;
	r = warden_guest(warden, pid, start_ticks, &report->guest);
	report->has_guest = r == 0;
	/* It ended meanwhile: the rest of the story is of what there was. */
	return r == -ENOMEM ? r : 0;
}

static void print_line(void *context, const char *text)
{
	(void)context;
	paragraph_print(2, text);
}

void explain_print_guest(const struct explain_report *report)
{
	const struct guest_detail *guest = &report->guest;

	if (!report->has_guest)
		return;
	if (guest->start.type != GUEST_NONE) {
		cli_heading("GUEST");
		guest_story_tell(guest, print_line, NULL);
	}
	if (!guest->policies.task_known && guest->policies_error == 0)
		return;
	cli_heading("MEMORY POLICIES");
	if (report->target.kind == EXPLAIN_SERVICE)
		printf("  of process %d\n", (int)guest->pid);
	policy_story_tell(&guest->policies, print_line, NULL);
	if (guest->policies_error != 0)
		printf("  not known%s: %s\n", guest->policies.task_known ? " of all mappings" : "",
		       guest->policies_error == ETIMEDOUT
			       ? "looking through the mappings took too long"
			       : strerrordesc_np(guest->policies_error));
}

static void add_truth(struct json_object *to, const char *key, bool value)
{
	json_add(to, key, json_object_new_boolean(value));
}

static void add_amount(struct json_object *to, const char *key, uint64_t value)
{
	json_number(to, key, (int64_t)MIN_OF(value, (uint64_t)INT64_MAX));
}

/* Null where it is not known. */
static void add_known(struct json_object *to, const char *key, uint64_t value)
{
	if (value == 0)
		json_add(to, key, NULL);
	else
		add_amount(to, key, value);
}

static void add_nodes(struct json_object *to, const char *key, const struct idset *nodes,
		      bool known)
{
	char text[1024];
	struct strbuf b = STRBUF(text);

	idset_format(nodes, &b);
	if (known)
		json_text(to, key, text);
	else
		json_add(to, key, NULL);
}

static struct json_object *backend_object(const struct guest_backend *backend)
{
	struct json_object *o = json_object_new_object();

	json_name(o, "id", backend->id);
	json_name(o, "kind", backend->kind);
	add_known(o, "size_bytes", backend->size_bytes);
	json_text(o, "policy", memory_policy_name(backend->policy));
	add_nodes(o, "nodes", &backend->nodes, backend->nodes_known);
	add_truth(o, "preallocated", backend->prealloc);
	add_truth(o, "shared", backend->share);
	add_truth(o, "huge_pages", backend->hugetlb);
	add_known(o, "page_bytes", backend->page_bytes);
	add_truth(o, "plugged_in", backend->plugged);
	return o;
}

static struct json_object *vcpu_object(const struct guest_vcpu *vcpu)
{
	struct json_object *o = json_object_new_object();

	json_number(o, "vcpu", vcpu->number);
	add_nodes(o, "nodes", &vcpu->nodes, true);
	add_truth(o, "pinned", vcpu->pinned);
	return o;
}

static void add_lists(struct json_object *to, const struct guest_detail *guest)
{
	struct json_object *backends = json_object_new_array(), *vcpus = json_object_new_array();

	for (size_t i = 0; i < guest->backend_count; i++)
		json_push(backends, backend_object(&guest->backends[i]));
	for (size_t i = 0; i < guest->vcpu_count; i++)
		json_push(vcpus, vcpu_object(&guest->vcpus[i]));
	json_add(to, "backends", backends);
	json_add(to, "vcpu_threads", vcpus);
}

static void add_start(struct json_object *to, const struct guest_start *start)
{
	json_name(to, "name", start->name);
	json_name(to, "uuid", start->uuid);
	json_text(to, "type", guest_type_name(start->type));
	add_known(to, "memory_bytes", start->memory_bytes);
	add_known(to, "memory_max_bytes", start->memory_max_bytes);
	add_known(to, "vcpus", start->vcpus);
	add_known(to, "vcpus_max", start->vcpus_max);
	add_truth(to, "memory_locked", start->memory_locked);
	add_truth(to, "preallocated", start->prealloc);
	add_truth(to, "huge_pages", start->hugetlb);
	add_truth(to, "shared", start->shared);
	add_truth(to, "kept_from_ksm", start->unmerged);
	add_truth(to, "confidential", start->confidential);
	json_number(to, "vfio_devices", start->vfio_devices);
}

static struct json_object *guest_object(const struct guest_detail *guest)
{
	static const char *const moves[] = {
		[GUEST_MOVE_NONE] = "none",
		[GUEST_MOVE_INCOMING] = "incoming",
		[GUEST_MOVE_OUTGOING] = "outgoing",
	};
	struct json_object *o = json_object_new_object();
	const char *manager = guest_manager_name(guest->manager);

	add_start(o, &guest->start);
	json_number(o, "pid", guest->pid);
	if (manager)
		json_text(o, "manager", manager);
	else
		json_add(o, "manager", NULL);
	json_text(o, "state", guest->state);
	json_text(o, "migration", moves[guest->moving]);
	add_known(o, "balloon_bytes", guest->balloon_bytes);
	add_amount(o, "plugged_in_bytes", guest->plugged_bytes);
	add_amount(o, "rss_bytes", guest->rss_bytes);
	if (guest->hugetlb_known)
		add_amount(o, "hugetlb_bytes", guest->hugetlb_bytes);
	else
		json_add(o, "hugetlb_bytes", NULL);
	add_amount(o, "locked_bytes", guest->locked_bytes);
	add_amount(o, "pinned_bytes", guest->pinned_bytes);
	add_lists(o, guest);
	return o;
}

static struct json_object *policies_object(const struct process_policies *policies)
{
	struct json_object *o = json_object_new_object(), *uses = json_object_new_array();

	json_text(o, "task", memory_policy_name(policies->task));
	add_nodes(o, "task_nodes", &policies->task_nodes, policies->task_nodes_known);
	for (size_t i = 0; i < policies->use_count; i++) {
		const struct policy_use *use = &policies->uses[i];
		struct json_object *entry = json_object_new_object();

		json_text(entry, "policy", memory_policy_name(use->policy));
		add_nodes(entry, "nodes", &use->nodes, use->nodes_known);
		add_amount(entry, "mappings", use->mappings);
		add_amount(entry, "bytes", use->bytes);
		add_amount(entry, "huge_page_bytes", use->huge_bytes);
		json_push(uses, entry);
	}
	json_add(o, "mappings", policies->uses_known ? uses : NULL);
	if (!policies->uses_known)
		json_object_put(uses);
	return o;
}

void explain_add_guest(struct json_object *to, const struct explain_report *report)
{
	if (!report->has_guest)
		return;
	json_add(to, "guest",
		 report->guest.start.type != GUEST_NONE ? guest_object(&report->guest) : NULL);
	json_add(to, "memory_policies",
		 report->guest.policies.task_known ? policies_object(&report->guest.policies)
						   : NULL);
}
