/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/explain_report.h"

#include "cli/advice.h"
#include "cli/canaries.h"
#include "cli/json_snapshot.h"
#include "cli/rule_text.h"
#include "explain/place_story.h"
#include "explain/rule_story.h"
#include "explain/zone_story.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <errno.h>
#include <string.h>

static const char *const user_names[] = {
	[ZONE_USER_PROCESS] = "processes",
	[ZONE_USER_KERNEL] = "kernel",
};

static void json_truth(struct json_object *to, const char *key, bool value)
{
	json_add(to, key, json_object_new_boolean(value));
}

static struct json_object *kernel_object(const struct explain_report *report)
{
	struct json_object *o = json_object_new_object();

	if (report->victims.kernel.release[0])
		json_text(o, "release", report->victims.kernel.release);
	else
		json_add(o, "release", NULL);
	json_text(o, "watermarks_as_in",
		  watermark_era_name(watermark_era_of(report->victims.kernel.release)));
	if (report->victims.field.era_too_old)
		json_add(o, "victims_as_in", NULL);
	else
		json_text(o, "victims_as_in", badness_era_name(report->victims.field.era));
	json_truth(o, "victims_confirmed_otherwise", report->victims.field.era_corrected);
	return o;
}

static struct json_object *order_object(const struct node_story *story, unsigned order)
{
	const struct fragmentation *f = &story->fragmentation[order];
	struct json_object *o = json_object_new_object(), *zones = json_object_new_object();

	json_number(o, "order", order);
	if (story->orders_known[order])
		json_text(o, "verdict", watermark_verdict_name(story->orders[order]));
	else
		json_add(o, "verdict", NULL);
	for (size_t i = 0; i < story->zone_count; i++) {
		const struct zone_story *zone = &story->zones[i];
		struct json_object *answer;

		if (!zone->is_open || !zone->orders[order].known)
			continue;
		answer = json_object_new_object();
		json_text(answer, "verdict",
			  watermark_verdict_name(zone->orders[order].at_min.verdict));
		json_text(answer, "low",
			  watermark_verdict_name(zone->orders[order].at_low.verdict));
		json_text(answer, "reason", zone->orders[order].at_min.reason);
		json_add(zones, zone->zone->name, answer);
	}
	json_add(o, "zones", zones);
	if (story->fragmentation_known) {
		json_number(o, "unusable_permille", f->unusable_permille);
		json_number(o, "extfrag_permille", f->extfrag_permille);
	}
	return o;
}

static struct json_object *zone_object(const struct explain_report *report,
				       const struct zone_story *story)
{
	const struct zone_detail *zone = story->zone;
	struct json_object *o = json_object_new_object(), *blocks = json_object_new_array();

	json_text(o, "zone", zone->name);
	victims_json_bytes(o, "managed_bytes", &report->victims, zone->managed_pages);
	victims_json_bytes(o, "free_bytes", &report->victims, zone->free_pages);
	victims_json_bytes(o, "min_bytes", &report->victims, zone->min_pages);
	victims_json_bytes(o, "low_bytes", &report->victims, zone->low_pages);
	victims_json_bytes(o, "high_bytes", &report->victims, zone->high_pages);
	victims_json_bytes(o, "boost_bytes", &report->victims, zone->boost_pages);
	victims_json_bytes(o, "kept_back_bytes", &report->victims, story->reserve_pages);
	victims_json_bytes(o, "left_bytes", &report->victims, story->left_pages);
	for (unsigned i = 0; i < zone->order_count; i++)
		json_push(blocks, json_object_new_int64(
					  (int64_t)MIN_OF(zone->blocks[i], (uint64_t)INT64_MAX)));
	json_add(o, "free_blocks", blocks);
	return o;
}

static void add_cause(struct json_object *to, const struct explain_report *report, unsigned node)
{
	struct node_story story;
	char text[512];
	struct strbuf b = STRBUF(text);

	if (node_story_tell(&report->victims.zones, node,
			    watermark_era_of(report->victims.kernel.release), ZONE_USER_PROCESS,
			    &story) == 0 &&
	    node_story_cause(&story, report->victims.kernel.page_size_bytes, &b))
		json_text(to, "cause", text);
	else
		json_add(to, "cause", NULL);
}

static void add_zones(struct json_object *to, const struct explain_report *report, unsigned node)
{
	enum watermark_era era = watermark_era_of(report->victims.kernel.release);
	struct json_object *allocations = json_object_new_object();

	for (enum zone_user user = 0; user < ZONE_USER_COUNT_; user++) {
		struct json_object *orders = json_object_new_array();
		struct json_object *zones = json_object_new_array();
		struct node_story story;
		bool known = node_story_tell(&report->victims.zones, node, era, user, &story) == 0;

		for (size_t i = 0; known && i < story.zone_count; i++)
			json_push(zones, zone_object(report, &story.zones[i]));
		for (unsigned o = 0; known && o < ZONE_STORY_ORDERS; o++)
			json_push(orders, order_object(&story, o));
		json_add(allocations, user_names[user], orders);
		/* The zones are the same for both; what is kept back is told for processes. */
		if (user == ZONE_USER_PROCESS)
			json_add(to, "zones", zones);
		else
			json_object_put(zones);
	}
	json_add(to, "allocations", allocations);
	add_cause(to, report, node);
}

static int push_nodes(struct json_object *list, const struct explain_report *report,
		      const struct idset *nodes)
{
	static const enum badness_constraint constraints[] = { BADNESS_MEMPOLICY, BADNESS_CPUSET };
	struct victim_story story;

	for (size_t i = 0; i < ARRAY_SIZE(constraints); i++) {
		int r = victim_of_nodes(&report->victims.field, nodes, constraints[i], &story);

		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		json_push(list, victims_json(&report->victims, &story));
	}
	return 0;
}

static int push_victims(struct json_object *list, const struct explain_report *report)
{
	const struct explain_target *target = &report->target;
	struct victim_story story;
	struct idset nodes = { 0 };
	struct reading limit;
	int r;

	if (victims_unknown(&report->victims))
		return 0;
	if (target->kind == EXPLAIN_NODE && report->snapshot->node_count > 1) {
		idset_add(&nodes, target->node->id);
		return push_nodes(list, report, &nodes);
	}
	r = victim_of_host(&report->victims.field, &story);
	if (r < 0)
		return r;
	json_push(list, victims_json(&report->victims, &story));
	if (target->kind != EXPLAIN_SERVICE)
		return 0;
	limit = target->service->readings[metric_index(METRIC_SERVICE_LIMIT)];
	if (place_is_confined(report->snapshot, target->service)) {
		r = push_nodes(list, report, target->service->allowed);
		if (r < 0)
			return r;
	}
	r = victim_of_service(&report->victims.field, target->service, &story);
	if (r >= 0)
		json_push(list, victims_json(&report->victims, &story));
	else if (r != -ENOENT)
		return r;
	if (!report->limit_cgroup || limit.state != READING_KNOWN)
		return 0;
	r = victim_of_cgroup(&report->victims.field, report->limit_cgroup, (uint64_t)limit.value,
			     &story);
	if (r >= 0)
		json_push(list, victims_json(&report->victims, &story));
	return r;
}

static struct json_object *standing_object(const struct explain_report *report, size_t task)
{
	struct badness_scope scope = { .total_pages = report->victims.kernel.ram_pages +
						      report->victims.kernel.swap_pages };
	struct json_object *o = victims_json_task(&report->victims, &scope, task);
	struct task_standing standing;

	if (report->victims.field.era_too_old)
		return o;
	victim_standing(&report->victims.field, task, &standing);
	json_text(o, "standing", victim_standing_text(standing.standing));
	if (standing.standing == BADNESS_KILLABLE) {
		json_number(o, "points", standing.points);
		json_number(o, "score", standing.score);
	}
	json_number(o, "goes_after", (int64_t)standing.above);
	json_number(o, "killable", (int64_t)standing.killable);
	return o;
}

static struct json_object *comparison_object(const struct comparison *c)
{
	struct json_object *o = json_object_new_object();
	char text[512];
	struct strbuf b = STRBUF(text);

	strbuf_addf(&b, "%.*s", (int)c->length, c->text);
	json_text(o, "text", text);
	json_text(o, "truth", truth_name(c->truth));
	json_text(o, "metric", metric_get(c->now.metric)->name);
	json_text(o, "type", dimension_name(c->dimension));
	json_add(o, "value", json_reading(c->now.value, c->dimension));
	json_add(o, "threshold", json_reading(c->now.threshold, c->dimension));
	strbuf_reset(&b);
	comparison_text(c, &b);
	json_text(o, "distance", text);
	return o;
}

static struct json_object *line_object(const struct rule_line_story *line)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	json_text(o, "text", expr_text(line->expr));
	json_text(o, "truth", truth_name(line->truth));
	for (size_t i = 0; i < line->count; i++)
		json_push(list, comparison_object(&line->comparisons[i]));
	json_add(o, "comparisons", list);
	return o;
}

static struct json_object *rule_object(const struct explain_report *report,
				       const struct rule_status *status)
{
	static struct rule_story story; /* large, and one at a time */
	const struct rule *rule = &report->config->rules[status->rule];
	struct json_object *o = json_object_new_object(), *lines = json_object_new_array();

	rule_story_tell(rule, report->snapshot, status->subject, &story);
	json_text(o, "rule", rule->name);
	json_text(o, "state", rule_state_name(status->state));
	json_text(o, "when", truth_name(story.when));
	for (size_t i = 0; i < story.line_count; i++)
		json_push(lines, line_object(&story.lines[i]));
	json_add(o, "lines", lines);
	json_add(o, "until", story.has_until ? line_object(&story.until) : NULL);
	return o;
}

static struct json_object *rules_object(const struct explain_report *report, struct subject subject)
{
	struct json_object *list = json_object_new_array();
	struct rule_status status;

	for (size_t i = 0; i < report->config->rule_count; i++)
		if (explain_rule_status(report, subject, i, &status))
			json_push(list, rule_object(report, &status));
	return list;
}

static struct json_object *nodes_object(const struct explain_report *report)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < report->snapshot->node_count; i++) {
		struct json_object *o = json_node(&report->snapshot->nodes[i]);

		add_zones(o, report, report->snapshot->nodes[i].id);
		json_push(list, o);
	}
	return list;
}

static void add_host(struct json_object *root, const struct explain_report *report)
{
	json_add(root, "host", json_host(report->snapshot));
	canaries_json(report->snapshot, report->root, NULL, root);
	json_add(root, "pressure", json_pressure(report->snapshot));
	json_add(root, "kernel_memory", explain_json_kernel_memory(report));
	json_add(root, "nodes", nodes_object(report));
	kernel_kills_json(&report->kills, 0, root);
}

static void add_subject(struct json_object *root, const struct explain_report *report)
{
	const struct explain_target *target = &report->target;
	struct json_object *o;

	switch (target->kind) {
	case EXPLAIN_HOST:
		add_host(root, report);
		return;
	case EXPLAIN_NODE:
		o = json_node(target->node);
		json_add(o, "fallback", explain_json_fallback(report, target->node));
		json_add(o, "confined", explain_json_confined(report, target->node->id));
		canaries_json(report->snapshot, report->root, target->node, o);
		json_add(o, "could_change", advice_json(&report->advice));
		add_zones(o, report, target->node->id);
		json_add(root, "node", o);
		return;
	case EXPLAIN_SERVICE:
		o = json_service(report->config, report->snapshot, target->service);
		if (report->limit_cgroup)
			json_name(o, "limit_cgroup", report->limit_cgroup);
		json_add(root, "service", o);
		kernel_kills_json(&report->kills, service_key(target->service), root);
		return;
	case EXPLAIN_PROCESS:
		json_add(root, "process", standing_object(report, target->task));
		return;
	}
}

int explain_report_json(const struct explain_report *report)
{
	struct json_object *root = json_object_new_object(), *victims = json_object_new_array();
	struct subject subject;
	int r;

	json_start();
	json_text(root, "version", OOMWARDEN_VERSION);
	json_add(root, "kernel", kernel_object(report));
	add_subject(root, report);
	explain_add_guest(root, report);
	r = push_victims(victims, report);
	json_add(root, "victims", victims);
	json_add(root, "rules",
		 explain_subject_of(report, &subject) ? rules_object(report, subject)
						      : json_object_new_array());
	json_number(root, "unreadable_processes", (int64_t)report->victims.tasks.unreadable);
	json_add(root, "cannot_see", json_gaps(report->gaps, report->gap_count));
	if (r < 0)
		json_fail();
	return json_finish(root);
}
