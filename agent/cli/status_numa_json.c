/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/numa_report.h"

#include "cli/advice.h"
#include "cli/json_value.h"
#include "explain/guest_story.h"
#include "explain/sentence.h"
#include "util/amount.h"
#include "util/macro.h"
#include "util/strbuf.h"

#include <stdio.h>

static void add_amount(struct json_object *to, const char *key, uint64_t bytes)
{
	json_number(to, key, (int64_t)MIN_OF(bytes, (uint64_t)INT64_MAX));
}

static void add_nodes(struct json_object *to, const char *key, const struct idset *nodes)
{
	char text[1024];
	struct strbuf b = STRBUF(text);

	idset_format(nodes, &b);
	json_text(to, key, text);
}

static struct json_object *node_object(const struct numa_report *report, size_t node)
{
	static const struct {
		enum metric_id id;
		bool after;
		const char *key;
	} readings[] = {
		{ METRIC_NODE_TOTAL, false, "total_bytes" },
		{ METRIC_NODE_FREE, false, "free_bytes" },
		{ METRIC_NODE_FREE, true, "free_bytes_after" },
		{ METRIC_NODE_HEADROOM, false, "headroom_bytes" },
		{ METRIC_NODE_HEADROOM, true, "headroom_bytes_after" },
	};
	struct json_object *o = json_object_new_object();

	json_number(o, "node", report->found->snapshot->nodes[node].id);
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++)
		json_add(o, readings[i].key,
			 json_reading(
				 numa_report_room(report, readings[i].id, node, readings[i].after),
				 DIM_BYTES));
	return o;
}

static struct json_object *shares_object(const struct numa_report *report,
					 const struct numa_place *place, bool after)
{
	const struct snapshot *s = report->found->snapshot;
	struct json_object *o;
	char key[16];

	if (!place->known)
		return NULL;
	o = json_object_new_object();
	for (size_t i = 0; i < s->node_count; i++) {
		snprintf(key, sizeof(key), "%u", s->nodes[i].id);
		add_amount(o, key,
			   after ? numa_report_after(report, place, i)
				 : place->service->shares[i].bytes);
	}
	return o;
}

static void add_reason(void *context, const char *text)
{
	json_push(context, json_object_new_string(text));
}

/* Of memory policies, one for each node that some prefer; amounts where they were looked at. */
static struct json_object *homes_array(const struct numa_place *place)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < place->home_count; i++) {
		const struct preference *home = &place->homes[i];
		struct json_object *o = json_object_new_object();

		json_number(o, "node", home->node);
		if (place->homes_measured) {
			add_amount(o, "home_bytes", home->home_bytes);
			add_amount(o, "away_bytes", home->away_bytes);
		} else {
			json_add(o, "home_bytes", NULL);
			json_add(o, "away_bytes", NULL);
		}
		if (place->homes_measured && home->away_bytes > 0)
			json_number(o, "away_node", home->away_node);
		else
			json_add(o, "away_node", NULL);
		json_push(list, o);
	}
	return list;
}

static void add_place(struct json_object *to, const struct numa_report *report,
		      const struct numa_place *place)
{
	static const char *const by[] = {
		[NUMA_HOME_MEMORY] = "memory",
		[NUMA_HOME_RUNS] = "cpu-time",
		[NUMA_HOME_VCPUS] = "vcpus",
		[NUMA_HOME_POLICY] = "policy",
	};
	struct json_object *why = json_object_new_array();
	bool has_home = place->home_by != NUMA_HOME_NONE;

	if (place->known)
		add_amount(to, "total_bytes", place->total_bytes);
	else
		json_add(to, "total_bytes", NULL);
	if (has_home)
		add_nodes(to, "home_nodes", &place->home);
	else
		json_add(to, "home_nodes", NULL);
	if (has_home)
		json_text(to, "home_by", by[place->home_by]);
	else
		json_add(to, "home_by", NULL);
	json_add(to, "homes", homes_array(place));
	if (place->service->allowed_known)
		add_nodes(to, "allowed_nodes", place->service->allowed);
	else
		json_add(to, "allowed_nodes", NULL);
	if (place->known) {
		add_amount(to, "movable_bytes", place->movable_bytes);
		add_amount(to, "stays_bytes", less(place->total_bytes, place->movable_bytes));
	} else {
		json_add(to, "movable_bytes", NULL);
		json_add(to, "stays_bytes", NULL);
	}
	numa_story_why(report->found->snapshot, place, add_reason, why);
	json_add(to, "why", why);
	json_add(to, "could_change",
		 advice_json_of(report->found->snapshot,
				&report->found->config->policies.policies[place->service->policy],
				place->service, place->obstacles));
}

static struct json_object *place_object(const struct numa_report *report,
					const struct numa_place *place)
{
	const struct service *service = place->service;
	const struct policy *policy = &report->found->config->policies.policies[service->policy];
	struct json_object *o = json_object_new_object();

	json_name(o, "name", service->name);
	json_name(o, "cgroup", service->path);
	json_text(o, "policy", policy->name);
	json_text(o, "kind", service_kind_name(policy->kind));
	json_text(o, "nodes", nodes_mode_name(policy->nodes));
	if (service->guest != GUEST_NONE)
		json_text(o, "guest", guest_type_name(service->guest));
	else
		json_add(o, "guest", NULL);
	if (service->declared_bytes > 0)
		add_amount(o, "declared_bytes", service->declared_bytes);
	else
		json_add(o, "declared_bytes", NULL);
	json_add(o, "bytes_by_node", shares_object(report, place, false));
	json_add(o, "bytes_by_node_after", shares_object(report, place, true));
	add_amount(o, "huge_page_bytes", place->huge_bytes);
	add_place(o, report, place);
	return o;
}

static struct json_object *move_object(const struct numa_report *report, const struct step *step)
{
	struct json_object *o = json_object_new_object();
	char text[1024];
	struct strbuf b = STRBUF(text);

	json_name(o, "target", step->target.name);
	json_name(o, "cgroup", step->target.path);
	json_number(o, "from_node", step->migrate.from_node);
	json_number(o, "to_node", step->migrate.to_node);
	add_amount(o, "bytes", step->migrate.bytes);
	explain_step(report->found->config, step, &b);
	json_text(o, "text", text);
	return o;
}

static struct json_object *left_out_object(const struct numa_report *report)
{
	struct json_object *o = json_object_new_object();

	json_number(o, "services", (int64_t)report->left_out);
	add_amount(o, "bytes", report->left_out_bytes);
	return o;
}

int numa_report_json(const struct numa_report *report)
{
	const struct plan_report *found = report->found;
	struct json_object *root = json_object_new_object(), *nodes = json_object_new_array();
	struct json_object *services = json_object_new_array(), *moves = json_object_new_array();

	json_start();
	json_text(root, "version", OOMWARDEN_VERSION);
	json_number(root, "now_usec", (int64_t)found->snapshot->now_usec);
	for (size_t i = 0; i < found->snapshot->node_count; i++)
		json_push(nodes, node_object(report, i));
	json_add(root, "nodes", nodes);
	for (size_t i = 0; i < report->count; i++)
		json_push(services, place_object(report, &report->places[i]));
	json_add(root, "services", services);
	json_add(root, "left_out", left_out_object(report));
	for (size_t i = 0; i < found->step_count; i++)
		if (numa_is_move(&found->steps[i]))
			json_push(moves, move_object(report, &found->steps[i]));
	json_add(root, "moves", moves);
	json_add(root, "cannot_see", json_gaps(found->gaps, found->gap_count));
	return json_finish(root);
}
