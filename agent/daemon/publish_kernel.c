/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the kernel did for want of memory, as records, and what is to be said of it. */

#include "act/unit_text.h"
#include "daemon/notice.h"
#include "explain/kill_story.h"
#include "explain/sentence.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#define ID_KERNEL "6a2d1ac0f3e84c6d9b0f6f0e2f7d4c16"

static const char *constraint_name(enum oom_constraint constraint)
{
	static const char *const names[] = {
		[OOM_CONSTRAINT_UNKNOWN] = "unknown",
		[OOM_CONSTRAINT_NONE] = "host",
		[OOM_CONSTRAINT_CPUSET] = "cpuset",
		[OOM_CONSTRAINT_MEMORY_POLICY] = "memory-policy",
		[OOM_CONSTRAINT_MEMCG] = "cgroup-limit",
	};

	return names[constraint];
}

/* The first so many bytes of its cgroup, as a field. */
static void add_path_field(struct notice *n, const char *field, const struct kernel_event *event,
			   size_t length)
{
	char path[KERNEL_EVENT_CGROUP_BYTES];

	length = MIN_OF(length, strlen(event->cgroup));
	memcpy(path, event->cgroup, length);
	path[length] = '\0';
	notice_add_name(n, field, path);
}

/* What runs is in a unit, or below one; a slice only holds others. */
static void add_unit_field(struct notice *n, const struct kernel_event *event)
{
	char path[KERNEL_EVENT_CGROUP_BYTES], unit[UNIT_NAME_BYTES];
	char *slash;

	memcpy(path, event->cgroup, sizeof(path));
	while (path[0]) {
		const char *suffix = strrchr(path, '.');

		if (unit_text_of_path(path, unit)) {
			if (suffix && strcmp(suffix, ".slice") != 0)
				notice_add_name(n, "OOMWARDEN_UNIT", unit);
			return;
		}
		slash = strrchr(path, '/');
		*(slash ? slash : path) = '\0';
	}
}

static void add_report_fields(struct notice *n, const struct kernel_event *event)
{
	notice_addf(n, "OOMWARDEN_KERNEL_USEC", "%" PRIu64, event->at_usec);
	if (event->comm[0])
		notice_add_name(n, "OOMWARDEN_COMM", event->comm);
	if (event->order_known)
		notice_addf(n, "OOMWARDEN_ORDER", "%u", event->order);
}

static void add_victim_fields(struct notice *n, const struct kernel_event *event,
			      const struct verdict *verdict)
{
	if (event->pid > 0)
		notice_addf(n, "OOMWARDEN_PID", "%d", (int)event->pid);
	notice_addf(n, "OOMWARDEN_COUNT", "%u", MAX_OF(event->counted, 1U));
	notice_add(n, "OOMWARDEN_CONSTRAINT", constraint_name(event->constraint));
	if (verdict->service != 0)
		notice_add_name(n, "OOMWARDEN_TARGET", verdict->service_name);
	if (event->cgroup_known)
		add_unit_field(n, event);
}

/* Last, as others choose how long they are. */
static void add_cgroup_fields(struct notice *n, const struct kernel_event *event)
{
	if (event->cgroup_known)
		add_path_field(n, "OOMWARDEN_CGROUP", event, SIZE_MAX);
	if (event->limit_known)
		add_path_field(n, "OOMWARDEN_LIMIT_CGROUP", event, event->limit_length);
}

/* The first of them is the one that was nearest. */
static void add_rule_fields(struct notice *n, const struct warden *warden,
			    const struct verdict *verdict)
{
	const struct config *config = warden_config(warden);
	const struct snapshot *snapshot = warden_snapshot(warden);
	const struct verdict_rule *nearest = &verdict->rules[0];
	char text[512];
	struct strbuf b = STRBUF(text);

	if (verdict->rule_count == 0)
		return;
	notice_add(n, "OOMWARDEN_RULE", config->rules[nearest->rule].name);
	explain_subject(snapshot, nearest->subject, &b);
	notice_add(n, "OOMWARDEN_SUBJECT", text);
	strbuf_reset(&b);
	kill_story_missed_by(nearest, &b);
	if (b.length > 0)
		notice_add(n, "OOMWARDEN_MISSED_BY", text);
	strbuf_reset(&b);
	kill_story_rule(config, snapshot, verdict, nearest, &b);
	notice_add(n, "OOMWARDEN_NEAREST", text);
}

static void add_verdict_fields(struct notice *n, const struct warden *warden,
			       const struct verdict *verdict)
{
	char text[256];
	struct strbuf b = STRBUF(text);

	notice_add(n, "OOMWARDEN_VERDICT", verdict_name(verdict));
	if (verdict->place == VERDICT_OF_NODES) {
		idset_format(&verdict->nodes, &b);
		notice_add(n, "OOMWARDEN_NODES", text);
	}
	if (verdict->kind == VERDICT_NO_RULE)
		notice_add(n, "OOMWARDEN_SHIPPED_RULE", verdict->shipped);
	add_rule_fields(n, warden, verdict);
}

static void publish_kill(struct publisher *p, const struct kernel_event *event,
			 const struct verdict *verdict)
{
	char text[1536];
	struct strbuf b = STRBUF(text);
	bool meant = verdict->kind == VERDICT_CANARY;
	struct notice n;

	kill_story_kill(event, verdict, &b);
	strbuf_add(&b, ". ");
	kill_story_verdict(warden_config(p->warden), warden_snapshot(p->warden), verdict, &b);
	notice_start(&n, meant ? LOG_NOTICE : LOG_WARNING, ID_KERNEL, text);
	notice_add(&n, "OOMWARDEN_KERNEL_EVENT", "oom-kill");
	add_report_fields(&n, event);
	add_verdict_fields(&n, p->warden, verdict);
	add_victim_fields(&n, event, verdict);
	add_cgroup_fields(&n, event);
	notice_send(p, &n);
}

static void publish_failure(struct publisher *p, const struct kernel_event *event)
{
	char text[KERNEL_EVENT_COMM_BYTES * 4 + 96];
	struct strbuf b = STRBUF(text);
	struct notice n;

	strbuf_addf(&b, "the kernel reports a failed allocation of order %u, made by ",
		    event->order);
	strbuf_add_name(&b, event->comm);
	notice_start(&n, LOG_WARNING, ID_KERNEL, text);
	notice_add(&n, "OOMWARDEN_KERNEL_EVENT", "allocation-failure");
	add_report_fields(&n, event);
	add_cgroup_fields(&n, event);
	notice_send(p, &n);
}

static void publish_loss(struct publisher *p)
{
	struct notice n;

	notice_start(&n, LOG_WARNING, ID_KERNEL,
		     "the kernel's log was overwritten before all of it was read: kills and failed "
		     "allocations that it told of are counted alone, or not told at all");
	notice_add(&n, "OOMWARDEN_KERNEL_EVENT", "log-lost");
	notice_send(p, &n);
}

static void publish_event(struct publisher *p, const struct kernel_event *event,
			  const struct verdict *verdict, usec_t now)
{
	if (event->dropped_before > 0)
		publish_line(p, LOG_WARNING, "the kernel killed or failed %u times more at once",
			     event->dropped_before);
	switch (event->kind) {
	case KERNEL_EVENT_OOM_KILL:
		if (kill_tally_take(&p->kills, event, now))
			publish_kill(p, event, verdict);
		break;
	case KERNEL_EVENT_ALLOC_FAILURE:
		publish_failure(p, event);
		break;
	case KERNEL_EVENT_LOG_LOST:
		publish_loss(p);
		break;
	}
}

static void publish_tally(struct publisher *p, const struct kill_kind *kind)
{
	char text[256];
	struct strbuf b = STRBUF(text);
	struct notice n;

	strbuf_addf(&b, "the kernel's OOM killer took %u processes more", kind->untold);
	if (kind->cgroup[0])
		strbuf_addf(&b, " of %s, and for the same reason", kind->cgroup);
	notice_start(&n, LOG_WARNING, ID_KERNEL, text);
	notice_add(&n, "OOMWARDEN_KERNEL_EVENT", "oom-kill");
	notice_addf(&n, "OOMWARDEN_COUNT", "%u", kind->untold);
	notice_add(&n, "OOMWARDEN_VERDICT", "again");
	notice_send(p, &n);
}

/* Not asked for where nothing happened: to make a snapshot takes a while. */
static usec_t time_of(const struct warden *warden)
{
	return warden_snapshot(warden)->now_usec;
}

void publish_kernel_events(struct publisher *p, struct warden *warden)
{
	struct kernel_event event;
	struct verdict verdict;
	struct kill_kind kind;

	while (p->kills.untold > 0 && kill_tally_next(&p->kills, time_of(warden), &kind))
		publish_tally(p, &kind);
	while (warden_next_kernel_event(warden, &event, &verdict))
		publish_event(p, &event, &verdict, time_of(warden));
}
