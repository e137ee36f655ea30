/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/advice.h"

#include "act/candidate.h"
#include "explain/numa_story.h"
#include "explain/place_story.h"
#include "util/macro.h"

#include <errno.h>

int advice_outline(const struct warden *warden, const struct service *service,
		   struct guest_detail *ret)
{
	uint64_t start_ticks;
	pid_t pid;

	if (!warden_monitor(warden, service, &pid, &start_ticks))
		return -ESRCH;
	return warden_guest_outline(warden, pid, start_ticks, ret);
}

static const struct policy *policy_of(const struct warden *warden, const struct service *service)
{
	return &warden_config(warden)->policies.policies[service->policy];
}

/* Huge pages are on no account of nodes: they may be on any that it may use. */
static uint64_t huge_bytes_of(const struct guest_detail *detail, const struct service *service,
			      unsigned node)
{
	if (!detail || !detail->hugetlb_known || !service->allowed_known ||
	    !idset_has(service->allowed, node))
		return 0;
	return detail->hugetlb_bytes;
}

static void add_obstacles(const struct warden *warden, const struct service *service,
			  const struct guest_detail *detail, const struct node *node,
			  enum refusal why, struct advice_list *list)
{
	const struct snapshot *s = warden_snapshot(warden);
	const struct policy *policy = policy_of(warden, service);
	const struct node_share *share = place_share(s, service, node->id);
	uint64_t huge_bytes = huge_bytes_of(detail, service, node->id);

	if (why == REFUSE_COUNT_ && huge_bytes == 0)
		return;
	advice_add(list, s, policy, service, obstacle_find(s, service, policy, detail, why),
		   share ? share->bytes : 0, huge_bytes);
}

/* A service that may be kept on a node, and why as far as it is known. */
static int add_service(const struct warden *warden, const struct service *service,
		       const struct node *node, enum refusal why, struct advice_list *list)
{
	struct guest_detail detail;
	int r = -ESRCH;

	if (numa_is_guest(policy_of(warden, service), service))
		r = advice_outline(warden, service, &detail);
	add_obstacles(warden, service, r == 0 ? &detail : NULL, node, why, list);
	if (r == 0)
		guest_detail_done(&detail);
	return r == -ENOMEM ? r : 0;
}

/* Others than guests are told of where they are bound; that a policy keeps them is everyday. */
static bool is_told(const struct snapshot *s, const struct policy *policy,
		    const struct service *service, unsigned node)
{
	return numa_is_guest(policy, service) ||
	       (place_is_confined(s, service) && idset_has(service->allowed, node));
}

int advice_of_node(const struct warden *warden, size_t index, struct advice_list *ret)
{
	const struct snapshot *s = warden_snapshot(warden);
	const struct node *node = &s->nodes[index];
	int r = 0;

	*ret = (struct advice_list){ 0 };
	for (size_t i = 0; s->node_count > 1 && i < s->service_count && r >= 0; i++) {
		const struct service *service = &s->services[i];
		const struct policy *policy = policy_of(warden, service);
		const struct node_share *share = place_share(s, service, node->id);
		enum refusal why = REFUSE_COUNT_;

		if (!is_told(s, policy, service, node->id))
			continue;
		if (share && share->bytes >= CANDIDATE_FLOOR_BYTES)
			why = obstacle_refusal(s, policy, service, index);
		r = add_service(warden, service, node, why, ret);
	}
	return r;
}

static bool is_of_move(const struct plan_report *report, const struct refusal_note *note)
{
	return note->rule != RULE_NONE && note->subject.scope == SCOPE_NODE &&
	       report->config->rules[note->rule].ladder[note->ladder].action == ACTION_MIGRATE;
}

/* Does a rule move something off it after all? */
static bool is_relieved(const struct plan_report *report, uint64_t node)
{
	for (size_t i = 0; i < report->step_count; i++)
		if (numa_is_move(&report->steps[i]) && report->steps[i].rule != RULE_NONE &&
		    report->steps[i].subject.scope == SCOPE_NODE &&
		    report->steps[i].subject.key == node)
			return true;
	return false;
}

/* Why the plan passed it over on that node; REFUSE_COUNT_: it did not. */
static enum refusal passed_over(const struct plan_report *report, uint64_t node, uint64_t service)
{
	for (size_t i = 0; i < report->refusal_count; i++) {
		const struct refusal_note *note = &report->refusals[i];

		if (is_of_move(report, note) && note->subject.key == node &&
		    note->service == service)
			return note->why;
	}
	return REFUSE_COUNT_;
}

static bool is_stuck_already(const struct plan_report *report, uint64_t node)
{
	for (size_t i = 0; i < report->stuck_count; i++)
		if (report->stuck[i].node == node)
			return true;
	return false;
}

static int add_stuck(const struct warden *warden, struct plan_report *report,
		     const struct node *node)
{
	const struct snapshot *s = warden_snapshot(warden);
	struct stuck_node *stuck = &report->stuck[report->stuck_count++];
	char text[256];
	struct strbuf b = STRBUF(text);
	int r = 0;

	*stuck = (struct stuck_node){ .node = node->id };
	for (size_t i = 0; i < s->service_count && r >= 0; i++) {
		const struct service *service = &s->services[i];

		r = add_service(warden, service, node,
				passed_over(report, node->id, service_key(service)),
				&stuck->advice);
	}
	/* Where it may live is not known so far, or others than the operator keep it there. */
	if (stuck->advice.count == 0 && !obstacle_node_text(node, &b))
		report->stuck_count--;
	return r;
}

int advice_of_plan(const struct warden *warden, struct plan_report *report)
{
	const struct snapshot *s = warden_snapshot(warden);
	int r = 0;

	report->stuck_count = 0;
	for (size_t i = 0; s->node_count > 1 && i < report->refusal_count && r >= 0; i++) {
		const struct refusal_note *note = &report->refusals[i];
		const struct node *node;

		if (!is_of_move(report, note) || is_relieved(report, note->subject.key) ||
		    is_stuck_already(report, note->subject.key) ||
		    report->stuck_count == STUCK_NODES_MAX)
			continue;
		node = snapshot_node(s, (unsigned)note->subject.key);
		if (node)
			r = add_stuck(warden, report, node);
	}
	return r;
}
