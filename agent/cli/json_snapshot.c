/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/json_snapshot.h"

#include "explain/neighbour_story.h"
#include "explain/pressure_story.h"

static void add_neighbour(void *context, const char *name, const char *text)
{
	struct json_object *o = json_object_new_object();

	json_text(o, "name", name);
	json_text(o, "text", text);
	json_push(context, o);
}

struct json_object *json_host(const struct snapshot *snapshot)
{
	struct json_object *host = json_object_new_object(), *list = json_object_new_array();
	const char *huge_pages = neighbour_huge_page_name(snapshot->host.neighbours.huge_pages);

	json_readings(host, snapshot->host.readings, METRIC_MEM_TOTAL, METRIC_HOST_END_);
	(void)neighbour_story_tell(&snapshot->host, NEIGHBOURS_ALL, add_neighbour, list);
	json_add(host, "neighbours", list);
	if (huge_pages)
		json_text(host, "transparent_huge_pages", huge_pages);
	else
		json_add(host, "transparent_huge_pages", NULL);
	return host;
}

struct json_object *json_node(const struct node *node)
{
	struct json_object *o = json_object_new_object();

	json_number(o, "node", node->id);
	json_readings(o, node->readings, METRIC_NODE_TOTAL, METRIC_NODE_END_);
	return o;
}

struct json_object *json_nodes(const struct snapshot *snapshot)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < snapshot->node_count; i++)
		json_push(list, json_node(&snapshot->nodes[i]));
	return list;
}

struct json_object *json_services(const struct config *config, const struct snapshot *snapshot)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < snapshot->service_count; i++)
		json_push(list, json_service(config, snapshot, &snapshot->services[i]));
	return list;
}

static void add_percent(struct json_object *to, const char *key, int64_t permyriad)
{
	json_add(to, key, json_reading(reading_of(permyriad), DIM_PERCENT));
}

static struct json_object *entry_object(const struct pressure_entry *entry)
{
	struct json_object *o = json_object_new_object();
	char text[512];
	struct strbuf b = STRBUF(text);

	json_name(o, "service", entry->service->name);
	json_name(o, "cgroup", entry->service->path);
	add_percent(o, "some_percent", entry->some);
	add_percent(o, "self_percent", entry->self);
	pressure_entry_text(entry, &b);
	json_text(o, "text", text);
	return o;
}

struct json_object *json_pressure(const struct snapshot *snapshot)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct pressure_story story;

	pressure_story_tell(snapshot, &story);
	if (story.known) {
		add_percent(o, "some_percent", story.some);
		add_percent(o, "full_percent", story.full);
		add_percent(o, "own_least_percent", attribution_least(&story.own, story.some));
		add_percent(o, "own_most_percent", attribution_most(&story.own, story.some));
	}
	for (size_t i = 0; i < story.count; i++)
		json_push(list, entry_object(&story.entries[i]));
	json_add(o, "services", list);
	json_number(o, "left_out", (int64_t)story.left_out);
	return o;
}
